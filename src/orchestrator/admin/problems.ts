// What is wrong with the node, root cause first: a part that is down explains what stands behind it, so its consequences are
// not listed beside it (a gateway that is starting makes every service look unserved). Pure.

import type { LoopStatus } from "#kernel";
import type { AuthStatus, GatewayStatus, NodeStatus, PartStatus } from "#rpc";
import type { Service } from "#routing";
import type { IngressProblem } from "../effects/ingress-watch.ts";
import { type PeeringFacts, peeringProblems } from "./peer-problems.ts";

export type Problem = NodeStatus["problems"][number];

export interface Facts {
  readonly parts: readonly PartStatus[];
  readonly loop: LoopStatus;
  readonly services: Iterable<Service>;
  readonly identity: NodeStatus["identity"];
  readonly envoyWanted: boolean;
  readonly store: readonly { readonly text: string; readonly hint: string }[];
  readonly auth: AuthStatus | undefined;
  readonly gateway: GatewayStatus | undefined;
  /** Parts that were asked for their own status and gave none, with the reason. */
  readonly silent?: readonly { readonly name: PartStatus["name"]; readonly reason: string }[];
  readonly ingress: string;
  readonly ingressProblem?: IngressProblem | undefined;
  /** Of the listeners and certificates between nodes. */
  readonly betweenProblem?: Omit<IngressProblem, "closed"> | undefined;
  readonly recordBroken?: string | undefined;
  readonly peering?: PeeringFacts | undefined;
}

/** Restarts above which a part that is up again is still worth a word. */
const RESTARTS_LOUD = 3;
/** More are summed up in one line. */
const SERVICES_NAMED = 5;

function partProblems(facts: Facts): Problem[] {
  const problems: Problem[] = [];
  for (const part of facts.parts) {
    const why = part.reason === undefined ? "" : `: ${part.reason}`;
    if (part.name === "envoy" && part.state === "absent") {
      if (!facts.envoyWanted) continue;
      problems.push({
        code: "ERR_ENVOY_MISSING",
        text: `no-Envoy mode, the gateway serves ${facts.ingress} itself; http services are not reachable${why}`,
        hint: "repair Envoy (tools/setup, or --envoy-path FILE) and restart the node",
      });
    } else if (part.state === "backoff" || part.state === "stopped") {
      const code = part.name === "envoy" ? "ERR_ENVOY_FAILED" : "ERR_PART_DOWN";
      const times = part.restarts > 1 ? ` (${part.restarts} restarts)` : "";
      problems.push({ code, text: `${part.name} is down${times}${why}`, hint: "catalyst events" });
    } else if (part.state === "starting" || part.state === "degraded") {
      problems.push({ code: "ERR_PART_DOWN", text: `${part.name} is ${part.state}${why}` });
    } else if (part.restarts >= RESTARTS_LOUD && (part.uptimeMs ?? 0) < 60_000) {
      const seconds = Math.round((part.uptimeMs ?? 0) / 1000);
      const text = `${part.name} was restarted ${part.restarts} times, last ${seconds} s ago`;
      problems.push({ code: "ERR_PART_DOWN", text, hint: "catalyst events" });
    }
    // It may hang: its process is there, so nobody starts it anew. Where it is not ready, that says it already.
    const silent = facts.silent?.find(({ name }) => name === part.name);
    if (silent !== undefined && part.state === "ready")
      problems.push({
        code: "ERR_PART_DOWN",
        text: `${part.name} is ready but does not answer: ${silent.reason}`,
        hint: `its log says more; if it hangs, end process ${part.pid ?? "of it"}, it is started anew`,
      });
  }
  return problems;
}

function serviceProblems(services: Iterable<Service>, envoy: boolean): Problem[] {
  const down: Service[] = [];
  const problems: Problem[] = [];
  for (const service of services) {
    if (service.health === "down") down.push(service);
    // A service that does not answer is left out because of that; its schema is no second problem.
    else
      for (const { by, code, text } of service.quarantine ?? [])
        if (by !== "envoy" || envoy)
          problems.push({
            code,
            text: `${service.name} is left out by ${by}: ${text}`,
            hint: `catalyst service show ${service.name}`,
          });
  }
  for (const service of down.slice(0, SERVICES_NAMED)) {
    const reason =
      service.endpoints.find((each) => each.reason !== undefined)?.reason ?? "no endpoint answers";
    problems.push({
      code: "ERR_PROBE_FAILED",
      text: `${service.name} is down: ${reason}`,
      hint: `catalyst service show ${service.name}`,
    });
  }
  if (down.length > SERVICES_NAMED)
    problems.push({
      code: "ERR_PROBE_FAILED",
      text: `${down.length - SERVICES_NAMED} more services are down`,
      hint: "catalyst service list",
    });
  return problems;
}

/** What Envoy refused of the node's own. Without Envoy the gateway serves ingress, and an old refusal says nothing. */
export function ingressProblem({ parts, ingressProblem: refused }: Facts): IngressProblem | undefined {
  const envoy = parts.find((part) => part.name === "envoy")?.state;
  return envoy === "absent" || envoy === undefined ? undefined : refused;
}

function betweenProblem({ parts, betweenProblem: refused }: Facts): Facts["betweenProblem"] {
  return parts.some(({ name, state }) => name === "envoy" && state !== "absent") ? refused : undefined;
}

export function problems(facts: Facts): Problem[] {
  const parts = partProblems(facts);
  const list: Problem[] = [...parts];
  const refused = ingressProblem(facts);
  for (const each of [refused, betweenProblem(facts)]) {
    if (each === undefined) continue;
    const { code, text, hint } = each;
    list.push({ code, text, ...(hint === undefined ? {} : { hint }) });
  }
  if (facts.identity === "none")
    list.push({
      code: "ERR_IDENTITY_NONE",
      text: "identity.mode is none: everyone may ask everything, and peers are believed by name",
      hint: 'for connectivity tests only; set identity.mode to "own"',
    });
  if (facts.auth?.problem !== undefined) list.push({ code: "ERR_KEY_NOT_FOUND", text: facts.auth.problem });
  for (const each of facts.store) list.push({ code: "ERR_STATE_CORRUPT", ...each });
  for (const plugin of facts.loop.plugins) {
    if (plugin.state === "ok") continue;
    const text = `plugin "${plugin.name}" is ${plugin.state}: ${plugin.lastError ?? "it threw"}`;
    list.push({ code: "ERR_PLUGIN_FAILED", text });
  }
  // With a part down its effects fail because of it: that is the same problem.
  if (parts.length === 0)
    for (const { kind, key, code, text } of facts.loop.effects.failing.slice(0, SERVICES_NAMED))
      list.push({ code, text: `${kind} ${key}: ${text}` });
  if (facts.loop.dropped > 0)
    list.push({
      code: "ERR_LIMIT",
      text: `${facts.loop.dropped} observations were lost, the queue was full`,
    });
  if (facts.recordBroken !== undefined)
    list.push({ code: "ERR_RECORD_INVALID", text: `the record stopped: ${facts.recordBroken}` });
  if (facts.peering !== undefined) list.push(...peeringProblems(facts.peering));
  const envoy = facts.parts.some((part) => part.name === "envoy" && part.state !== "absent");
  list.push(...serviceProblems(facts.services, envoy));
  return list;
}

/** "down": clients get no answer at ingress. */
export function healthOf(facts: Facts, found: readonly Problem[]): NodeStatus["health"] {
  const state = (name: PartStatus["name"]) => facts.parts.find((part) => part.name === name)?.state;
  const envoy = state("envoy");
  const entrance = envoy === "absent" || envoy === undefined ? state("gateway") : envoy;
  if (entrance !== "ready" && entrance !== "degraded") return "down";
  if (ingressProblem(facts)?.closed === true) return "down";
  return found.some((problem) => problem.code !== "ERR_IDENTITY_NONE") ? "degraded" : "ok";
}
