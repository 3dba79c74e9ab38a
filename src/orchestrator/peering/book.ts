// Which peers and rules this node has, and who owns each: the configuration, or the admin API, whose words are kept in `state.db` and
// survive a restart. What a file owns is changed in the file; the API is told the line. The file's rules come first, so that
// nothing added later can widen what a file refuses. That a peering is taken down is an operator's word about either kind.
// It touches no session: who changes it brings the change to the driver.

import { X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type PeerConfig, peerOf } from "#config";
import { equal } from "#kernel";
import { CatalystError } from "#rpc";
import {
  type NodeName,
  type OrgName,
  type Owner,
  type PeerIntent,
  type Rule,
  ruleId,
  type RuleLists,
  type TrustFile,
} from "#routing";
import { sha256, type Store } from "../store/store.ts";
import type { RuleList, RuleState } from "./peering.ts";

export interface Configured {
  readonly peers: readonly { readonly peer: PeerConfig; readonly owner: Owner }[];
  readonly imports: readonly { readonly rule: Rule; readonly owner: Owner }[];
  readonly exports: readonly { readonly rule: Rule; readonly owner: Owner }[];
}

export interface BookOptions {
  readonly node: NodeName;
  readonly organization: OrgName;
  readonly configured: Configured;
  readonly store: Pick<Store, "peering" | "savePeering">;
  /** Where trust given by the API is written for those who want a file. */
  readonly certsDir: string;
  /** CA certificates of the own organization. */
  readonly trustFile: string;
  /** Nobody is asked for proof (`identity.mode: none`): trust is kept for later and read by nobody. */
  readonly unproven?: boolean;
}

export interface PeerEntry {
  readonly intent: PeerIntent;
  readonly owner: Owner;
  /** PEM; undefined = there is none, or it could not be read: nobody proves to be this peer. */
  readonly trust: string | undefined;
}

interface Stored {
  readonly peer: PeerConfig;
  readonly trust?: string;
}

const PEERS_MAX = 1_000;
const RULES_MAX = 10_000;
const TRUST_BYTES_MAX = 64 * 1024;
const ADMIN: Owner = { kind: "admin" };

export class Book {
  readonly problems: { readonly text: string; readonly hint: string }[] = [];
  readonly #options: BookOptions;
  readonly #peers = new Map<NodeName, PeerEntry>();
  readonly #added: Record<RuleList, Rule[]> = { imports: [], exports: [] };

  constructor(options: BookOptions) {
    this.#options = options;
    const stored = options.store.peering();
    for (const { peer, owner } of options.configured.peers) {
      this.#peers.set(peer.node, this.#entry(peer, owner, undefined, downOf(stored, peer.node)));
    }
    for (const [name, value] of stored) {
      if (!name.startsWith("peer ")) continue;
      const { peer, trust } = value as Stored;
      // The file speaks for it now.
      if (this.#peers.has(peer.node)) options.store.savePeering(name, undefined);
      else this.#peers.set(peer.node, this.#entry(peer, ADMIN, trust, downOf(stored, peer.node)));
    }
    for (const list of ["imports", "exports"] as const) {
      this.#added[list] = [...((stored.get(list) as Rule[] | undefined) ?? [])];
    }
  }

  /** In order of name. */
  peers(): readonly PeerEntry[] {
    return [...this.#peers.values()].sort((a, b) => (a.intent.node < b.intent.node ? -1 : 1));
  }

  peer(node: NodeName): PeerEntry | undefined {
    return this.#peers.get(node);
  }

  /** Returns how to take it back; undefined = it was there, the very same. */
  add(peer: PeerConfig, trust: string | undefined): (() => void) | undefined {
    const { node, store } = this.#options;
    const known = this.#peers.get(peer.node);
    const name = `peer ${peer.node}`;
    const before = store.peering().get(name);
    if (known?.owner.kind === "config") throw owned(`peer "${peer.node}"`, known.owner);
    if (peer.node === node) throw new CatalystError("ERR_INVALID_ARGUMENT", `"${node}" is this node itself`);
    if (known === undefined && this.#peers.size >= PEERS_MAX) {
      throw new CatalystError("ERR_LIMIT", `more than ${PEERS_MAX} peers`);
    }
    if (trust !== undefined) {
      // What is kept of it, and told in records, must open no door.
      const why = trust.includes("PRIVATE KEY")
        ? "a private key"
        : isPem(trust)
          ? undefined
          : "no certificate";
      if (why !== undefined) {
        throw new CatalystError("ERR_INVALID_ARGUMENT", `the trust of "${peer.node}" holds ${why}`, {
          hint: "give certs/trust.pem of its organization",
        });
      }
    }
    const next = this.#entry(peer, ADMIN, trust, known?.intent.adminDown);
    if (known !== undefined && equal(known, next)) return undefined;
    store.savePeering(name, { peer, ...(trust === undefined ? {} : { trust }) } satisfies Stored);
    this.#peers.set(peer.node, next);
    return () => {
      if (known === undefined) return this.remove(peer.node);
      const { peer: was, trust: given } = before as Stored;
      store.savePeering(name, before);
      this.#peers.set(peer.node, this.#entry(was, ADMIN, given, known.intent.adminDown));
    };
  }

  remove(node: NodeName): void {
    const { owner } = this.#known(node);
    if (owner.kind === "config") throw owned(`peer "${node}"`, owner);
    this.#options.store.savePeering(`peer ${node}`, undefined);
    this.#options.store.savePeering(`down ${node}`, undefined);
    rmSync(this.#trustPath(node), { force: true });
    this.#peers.delete(node);
  }

  /** Undefined = up. */
  down(node: NodeName, reason: string | undefined): void {
    const entry = this.#known(node);
    this.#options.store.savePeering(`down ${node}`, reason === undefined ? undefined : { reason });
    const { adminDown: _, ...intent } = entry.intent;
    const next = reason === undefined ? intent : { ...intent, adminDown: { reason } };
    this.#peers.set(node, { ...entry, intent: next });
  }

  rules(list: RuleList): readonly RuleState[] {
    const all = [
      ...this.#options.configured[list],
      ...this.#added[list].map((rule) => ({ rule, owner: ADMIN })),
    ];
    return all.map(({ rule, owner }, at) => ({ id: ruleId(rule), rule, owner, at }));
  }

  lists(): RuleLists {
    const of = (list: RuleList) => this.rules(list).map(({ rule }) => rule);
    return { imports: of("imports"), exports: of("exports") };
  }

  addRule(list: RuleList, rule: Rule, before: string | undefined): RuleState {
    const id = ruleId(rule);
    const known = this.rules(list).find((one) => one.id === id);
    if (known !== undefined) return known;
    const added = this.#added[list];
    if (this.rules(list).length >= RULES_MAX)
      throw new CatalystError("ERR_LIMIT", `more than ${RULES_MAX} rules`);
    let at = added.length;
    if (before !== undefined) {
      const { owner } = this.#rule(list, before);
      if (owner.kind === "config") throw owned(`rule "${before}"`, owner);
      at = added.findIndex((one) => ruleId(one) === before);
    }
    this.#saveRules(list, added.toSpliced(at, 0, rule));
    return this.#rule(list, id);
  }

  removeRule(list: RuleList, id: string): RuleState {
    const rule = this.#rule(list, id);
    if (rule.owner.kind === "config") throw owned(`rule "${id}"`, rule.owner);
    this.#saveRules(
      list,
      this.#added[list].filter((one) => ruleId(one) !== id),
    );
    return rule;
  }

  #saveRules(list: RuleList, rules: Rule[]): void {
    this.#options.store.savePeering(list, rules.length === 0 ? undefined : rules);
    this.#added[list] = rules;
  }

  #known(node: NodeName): PeerEntry {
    const entry = this.#peers.get(node);
    if (entry !== undefined) return entry;
    throw new CatalystError("ERR_NOT_FOUND", `no peer "${node}"`, { hint: "catalyst peer list" });
  }

  #rule(list: RuleList, id: string): RuleState {
    const found = this.rules(list).find((one) => one.id === id);
    if (found !== undefined) return found;
    const hint = `catalyst ${list === "imports" ? "import" : "export"} list`;
    throw new CatalystError("ERR_NOT_FOUND", `no rule "${id}"`, { hint });
  }

  #entry(
    peer: PeerConfig,
    owner: Owner,
    pem: string | undefined,
    adminDown: PeerIntent["adminDown"],
  ): PeerEntry {
    const { organization, unproven } = this.#options;
    const { trust: given, ...terms } = peerOf(peer, organization);
    const [trust, text] =
      unproven === true
        ? [{ unproven: true } as const]
        : this.#trust(peer.node, pem, given, terms.kind === "internal");
    return {
      intent: {
        ...terms,
        ...(trust === undefined ? {} : { trust }),
        ...(adminDown === undefined ? {} : { adminDown }),
      },
      owner,
      trust: text,
    };
  }

  #trust(
    node: NodeName,
    pem: string | undefined,
    given: string | undefined,
    inside: boolean,
  ): readonly [TrustFile?, string?] {
    if (pem !== undefined) return [{ file: this.#write(node, pem), hash: sha256(pem) }, pem];
    const file = given ?? (inside ? this.#options.trustFile : undefined);
    if (file === undefined) {
      // As it was added while nobody was asked for proof.
      const text = `nobody can prove to be ${node}: it was added without trust`;
      this.problems.push({ text, hint: "catalyst peer add it again, with --trust" });
      return [];
    }
    const text = this.#read(node, file);
    return text === undefined ? [] : [{ file, hash: sha256(text) }, text];
  }

  #read(node: NodeName, file: string): string | undefined {
    let why = "it holds no certificate";
    try {
      const text = readFileSync(file, "utf8");
      if (isPem(text)) return text;
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
    }
    this.problems.push({
      text: `nobody can prove to be ${node}, for ${file} cannot be used: ${why}`,
      hint: "put certs/trust.pem of its organization there and restart the node",
    });
    return undefined;
  }

  #trustPath(node: NodeName): string {
    return join(this.#options.certsDir, "peers", `${node}.pem`);
  }

  #write(node: NodeName, pem: string): string {
    const path = this.#trustPath(node);
    mkdirSync(join(this.#options.certsDir, "peers"), { recursive: true, mode: 0o700 });
    const fresh = `${path}.${process.pid}`;
    writeFileSync(fresh, pem, { mode: 0o644 });
    renameSync(fresh, path);
    return path;
  }
}

/** The first certificate can be read; the wire judges all of them. */
function isPem(text: string): boolean {
  try {
    return text.length <= TRUST_BYTES_MAX && new X509Certificate(text).ca;
  } catch {
    // What cannot be read as a certificate is none.
    return false;
  }
}

function downOf(stored: ReadonlyMap<string, unknown>, node: NodeName): PeerIntent["adminDown"] {
  return stored.get(`down ${node}`) as PeerIntent["adminDown"];
}

function owned(what: string, owner: Extract<Owner, { kind: "config" }>): CatalystError {
  const place = owner.line === 0 ? owner.file : `${owner.file}:${owner.line}`;
  return new CatalystError("ERR_OWNED_BY_CONFIG", `${what} is owned by ${place}`, {
    hint: `change it in ${owner.file} and restart the node`,
  });
}
