// A peer or a rule as somebody gave it to the admin API, judged by the configuration's own schema, so that the same words mean the
// same as in a file and the same mistakes get the same answer, all of them at once. A rule stands in the answer by its
// place in what was given, never by a key of ours.

import {
  exportRuleOf,
  importRuleOf,
  loadConfig,
  type LoadedConfig,
  type PeerConfig,
  type Problem,
} from "#config";
import { CatalystError, type PeerAdd } from "#rpc";
import type { Rule, RuleLists } from "#routing";
import type { RuleList } from "../peering/peering.ts";

export interface PeeringParser {
  /** Without its trust, which is given as PEM. */
  peer(given: PeerAdd): Promise<PeerConfig>;
  rule(list: RuleList, given: unknown): Promise<Rule>;
  /** Both lists; an absent one stays absent. */
  rules(given: { imports?: unknown[]; exports?: unknown[] }): Promise<Partial<RuleLists>>;
}

/** `node` is the full name of this node. */
export function peeringParser(node: string, identity: string): PeeringParser {
  const dot = node.indexOf(".");
  const own = [
    "--node",
    node.slice(0, dot),
    "--organization",
    node.slice(dot + 1),
    "--identity-mode",
    identity,
  ];
  const load = (what: string, flags: readonly string[]): Promise<LoadedConfig> =>
    parse(what, [...own, ...flags]);
  return {
    async peer({ trust, ...given }) {
      // The file is the client's, so its place is taken by a name; whoever gives none is told so by the same check.
      const written = trust === undefined ? given : { ...given, trust: { file: "trust.pem" } };
      const { config } = await load("a peer", ["--peer", JSON.stringify(written)]);
      const { trust: _, ...peer } = first(config.peers);
      return peer;
    },
    async rule(list, given) {
      const { config } = await load("a rule", [
        list === "imports" ? "--import" : "--export",
        JSON.stringify(given),
      ]);
      return list === "imports" ? importRuleOf(first(config.imports)) : exportRuleOf(first(config.exports));
    },
    async rules({ imports, exports }) {
      const flags = [
        ...(imports ?? []).flatMap((rule) => ["--import", JSON.stringify(rule)]),
        ...(exports ?? []).flatMap((rule) => ["--export", JSON.stringify(rule)]),
      ];
      const { config } = await load("rules", flags);
      return {
        ...(imports === undefined ? {} : { imports: config.imports.map(importRuleOf) }),
        ...(exports === undefined ? {} : { exports: config.exports.map(exportRuleOf) }),
      };
    },
  };
}

function first<T>(list: readonly T[]): T {
  const [only] = list;
  if (only === undefined) throw new CatalystError("ERR_INVALID_ARGUMENT", "nothing was given");
  return only;
}

async function parse(what: string, flags: readonly string[]): Promise<LoadedConfig> {
  try {
    return await loadConfig({ files: [], env: {}, flags });
  } catch (error) {
    if (!(error instanceof CatalystError) || error.code !== "ERR_CONFIG_INVALID") throw error;
    const problems = (error.detail as readonly Pick<Problem, "key" | "reason" | "meant">[]).map(
      ({ key, reason, meant }) => ({
        key: plainKey(key, what),
        reason,
        ...(meant === undefined ? {} : { meant: plainKey(meant, what) }),
      }),
    );
    const said = problems.map(
      ({ key, reason, meant }) =>
        `${key === "" ? "" : `${key}: `}${reason}${meant === undefined ? "" : `; did you mean ${meant}?`}`,
    );
    throw new CatalystError("ERR_INVALID_ARGUMENT", `not ${what}: ${said.join("; ")}`, { detail: problems });
  }
}

/** Its place in the configuration is ours, not the caller's; in a list of rules it tells which one is meant. */
const plainKey = (key: string, what: string): string =>
  what === "rules" ? key : key.replace(/^(peers|imports|exports)(\[0\]\.?)?/, "");
