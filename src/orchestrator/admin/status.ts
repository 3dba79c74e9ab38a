// The one picture of a node: parts, services, plugins, effects, and what is wrong with them, root cause first. Asks the other
// parts for their own word, but never waits long for one that is away: `status` must answer when things are broken.

import type { Clock, Loop } from "#kernel";
import type { AuthControl, GatewayControl, NodeStatus, PartStatus } from "#rpc";
import type { NodeTypes } from "#routing";
import type { IngressProblem } from "../effects/ingress-watch.ts";
import type { StoreProblem } from "../store/store.ts";
import { type PeeringFacts, peeringStatus } from "./peer-problems.ts";
import { type Facts, healthOf, problems } from "./problems.ts";

/** What a part gets to answer; `status` of a node with dead parts is as quick as this. */
const ASK_MS = 500;

export interface StatusPorts {
  readonly loop: Loop<NodeTypes>;
  readonly clock: Clock;
  readonly node: string;
  readonly organization: string;
  readonly version: string;
  readonly startedAt: number;
  readonly processes: NodeStatus["processes"];
  readonly dataDir: string;
  readonly identity: NodeStatus["identity"];
  readonly ingress: string;
  readonly ingressProblem: () => IngressProblem | undefined;
  readonly betweenProblem: () => Facts["betweenProblem"];
  readonly envoyWanted: boolean;
  readonly auth: AuthControl;
  readonly gateway: GatewayControl;
  readonly parts: () => readonly PartStatus[];
  readonly store: readonly StoreProblem[];
  readonly record?: string | undefined;
  readonly recordBroken: () => string | undefined;
  readonly peering?: () => PeeringFacts;
}

type Asked<T> =
  | { readonly value: T; readonly silent?: never }
  | { readonly value?: never; readonly silent: string };

/** What a part says of itself in time, or why it says nothing. */
async function ask<T>(clock: Clock, question: Promise<T>): Promise<Asked<T>> {
  const late = Promise.withResolvers<Asked<T>>();
  const cancel = clock.after(ASK_MS, () => late.resolve({ silent: `no answer within ${ASK_MS} ms` }));
  const answer = question.then(
    (value) => ({ value }),
    (error: unknown) => ({ silent: error instanceof Error ? error.message : String(error) }),
  );
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    cancel();
  }
}

export async function facts(ports: StatusPorts): Promise<Facts> {
  const { loop, clock } = ports;
  const [auth, gateway] = await Promise.all([
    ask(clock, ports.auth.status()),
    ask(clock, ports.gateway.status()),
  ]);
  const silent = Object.entries({ auth, gateway }).flatMap(([name, asked]) =>
    asked.silent === undefined ? [] : [{ name: name as "auth" | "gateway", reason: asked.silent }],
  );
  return {
    parts: ports.parts(),
    loop: loop.status(),
    services: loop.view.services.values(),
    identity: ports.identity,
    envoyWanted: ports.envoyWanted,
    store: ports.store,
    auth: auth.value,
    gateway: gateway.value,
    silent,
    ingress: ports.ingress,
    ingressProblem: ports.ingressProblem(),
    betweenProblem: ports.betweenProblem(),
    recordBroken: ports.recordBroken(),
    peering: ports.peering?.(),
  };
}

export async function status(ports: StatusPorts): Promise<NodeStatus> {
  const known = await facts(ports);
  const found = problems(known);
  const { loop, auth, gateway, parts } = known;
  const services = { total: 0, up: 0, down: 0, quarantined: 0 };
  for (const service of ports.loop.view.services.values()) {
    services.total += 1;
    if (service.health === "up") services.up += 1;
    if (service.health === "down") services.down += 1;
    if ((service.quarantine?.length ?? 0) > 0) services.quarantined += 1;
  }
  const envoy = parts.find((part) => part.name === "envoy");
  const { pending, failing } = loop.effects;
  const peering = known.peering && peeringStatus(known.peering, ports.identity);
  return {
    node: ports.node,
    organization: ports.organization,
    version: ports.version,
    pid: process.pid,
    uptimeMs: Math.round(ports.clock.monotonic() - ports.startedAt),
    processes: ports.processes,
    dataDir: ports.dataDir,
    health: healthOf(known, found),
    problems: found,
    identity: ports.identity,
    envoy: envoy === undefined || envoy.state === "absent" ? "absent" : "on",
    ingress: ports.ingress,
    parts,
    revision: loop.revision,
    services,
    plugins: loop.plugins,
    effects: {
      pending,
      failing: failing.map(({ kind, key, code, text }) => ({ key: `${kind} ${key}`, code, text })),
    },
    ...(peering === undefined ? {} : { peering }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(auth === undefined ? {} : { auth }),
    ...(ports.record === undefined ? {} : { record: ports.record }),
  };
}
