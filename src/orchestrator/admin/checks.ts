// `catalyst check`: a table of statements about a running node, each true or not, with what to do. Data, not prose, so that CI
// and load balancers can use it. Those that ask over the network go the way a client goes: through ingress.

import { request } from "node:http";
import type { CheckResult } from "#rpc";
import { peeringProblems } from "./peer-problems.ts";
import { type Facts, ingressProblem } from "./problems.ts";

const ASK_MS = 2_000;

interface Check {
  readonly name: string;
  readonly description: string;
  readonly severity: CheckResult["severity"];
  /** Undefined = good; else what is wrong. */
  readonly wrong: (facts: Facts) => string | undefined | Promise<string | undefined>;
  readonly good: (facts: Facts) => string;
  readonly hint?: string;
}

const part = (facts: Facts, name: string) => facts.parts.find((each) => each.name === name);

const partCheck = (name: "auth" | "gateway" | "orchestrator"): Check => ({
  name,
  description: `the ${name} part is ready`,
  severity: "fatal",
  wrong: (facts) => {
    const found = part(facts, name);
    if (found?.state === "ready") return undefined;
    return `${found?.state ?? "absent"}${found?.reason === undefined ? "" : `: ${found.reason}`}`;
  },
  good: () => "ready",
  hint: "catalyst events",
});

/** GET through ingress as a client would; the status, or why there is none. */
const ask = (url: string): Promise<number | string> =>
  new Promise((resolve) => {
    const asked = request(url, { timeout: ASK_MS, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asked.on("timeout", () => asked.destroy(new Error(`no answer within ${ASK_MS} ms`)));
    asked.on("error", (error) => resolve(error.message));
    asked.end();
  });

const CHECKS: readonly Check[] = [
  partCheck("orchestrator"),
  partCheck("auth"),
  partCheck("gateway"),
  {
    name: "envoy",
    description: "Envoy carries the traffic",
    severity: "warning",
    wrong: (facts) => {
      const found = part(facts, "envoy");
      if (found?.state === "ready") {
        const refused = ingressProblem(facts);
        return refused && `${refused.code}: ${refused.text}`;
      }
      return `${found?.state ?? "absent"}${found?.reason === undefined ? "" : `: ${found.reason}`}`;
    },
    good: () => "ready",
    hint: "tools/setup fetches the pinned binary; or --envoy-path FILE",
  },
  {
    name: "ingress",
    description: "clients get an answer at ingress",
    severity: "fatal",
    wrong: async (facts) => {
      const refused = ingressProblem(facts);
      // Whoever holds the port in our place may answer 200 there.
      if (refused?.closed === true)
        return `${refused.code}: ${refused.text}${refused.hint === undefined ? "" : ` (${refused.hint})`}`;
      // TLS at ingress ends in Envoy; whether its port answers is what can be said from here.
      if (facts.ingress.startsWith("https:")) return undefined;
      const answer = await ask(`${facts.ingress}/healthz`);
      return answer === 200 ? undefined : `GET ${facts.ingress}/healthz: ${answer}`;
    },
    good: (facts) => `${facts.ingress}/healthz answers`,
    hint: "catalyst status",
  },
  {
    name: "keys",
    description: "there are keys to verify tokens with",
    severity: "fatal",
    wrong: ({ identity, auth }) => {
      if (identity === "none") return undefined;
      if (auth === undefined) return "the auth part does not answer";
      return auth.keys > 0 ? auth.problem : (auth.problem ?? "no key");
    },
    good: ({ identity, auth }) =>
      identity === "none" ? "not needed: identity.mode is none" : `${auth?.keys ?? 0} in force`,
    hint: "catalyst key list",
  },
  {
    name: "identity",
    description: "clients must say who they are",
    severity: "warning",
    wrong: ({ identity }) =>
      identity === "none" ? "identity.mode is none: everyone may ask everything" : undefined,
    good: ({ identity }) => `identity.mode is ${identity}`,
    hint: 'set identity.mode to "own"',
  },
  {
    name: "services",
    description: "every service is up and served",
    severity: "warning",
    wrong: ({ services }) => {
      const bad = [...services]
        .filter((service) => service.health !== "up" || (service.quarantine?.length ?? 0) > 0)
        .map((service) => service.name.split(".")[0] ?? service.name);
      if (bad.length === 0) return undefined;
      return `${bad.slice(0, 10).join(", ")}${bad.length > 10 ? ` and ${bad.length - 10} more` : ""}`;
    },
    good: () => "all up",
    hint: "catalyst service list",
  },
  {
    name: "peers",
    description: "every peer is connected, and its data is fresh",
    severity: "warning",
    wrong: ({ peering }) => {
      const [first, ...more] = peering === undefined ? [] : peeringProblems(peering);
      if (first === undefined) return undefined;
      return more.length === 0 ? first.text : `${first.text}; and ${more.length} more`;
    },
    good: ({ peering }) => {
      const peers = peering?.peers ?? [];
      const synced = peers.filter(({ session }) => session.state === "synced").length;
      return peers.length === 0 ? "there is none" : `${synced} of ${peers.length} synced`;
    },
    hint: "catalyst peer list",
  },
  {
    name: "plugins",
    description: "no plugin failed",
    severity: "warning",
    wrong: ({ loop }) => {
      const bad = loop.plugins.filter((plugin) => plugin.state !== "ok");
      return bad.length === 0
        ? undefined
        : bad.map(({ name, lastError }) => `${name}: ${lastError ?? "failed"}`).join("; ");
    },
    good: ({ loop }) => `${loop.plugins.length} run`,
    hint: "catalyst status",
  },
  {
    name: "effects",
    description: "what was decided is done",
    severity: "warning",
    wrong: ({ loop }) => {
      const [first, ...more] = loop.effects.failing;
      if (first === undefined) return undefined;
      return `${first.kind} ${first.key}: ${first.text}${more.length > 0 ? ` and ${more.length} more` : ""}`;
    },
    good: ({ loop }) => `${loop.effects.keys} in force`,
    hint: "catalyst status",
  },
  {
    name: "store",
    description: "the stored state is whole",
    severity: "warning",
    wrong: ({ store }) => (store.length === 0 ? undefined : store.map((each) => each.text).join("; ")),
    good: () => "whole",
  },
];

export async function checks(facts: Facts): Promise<readonly CheckResult[]> {
  const services = [...facts.services];
  const known = { ...facts, services };
  return await Promise.all(
    CHECKS.map(async ({ name, description, severity, wrong, good, hint }) => {
      const text = await wrong(known);
      if (text === undefined) return { name, description, severity, ok: true, text: good(known) };
      return { name, description, severity, ok: false, text, ...(hint === undefined ? {} : { hint }) };
    }),
  );
}
