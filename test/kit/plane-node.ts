// A node between nodes without sessions: the real loop with its built-in plugins, the real data plane and a real Envoy; what one
// node would tell another is told by hand, exactly as its export rules have it. For tests and benchmarks of traffic between nodes.

import { createHash } from "node:crypto";
import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { issueNodeCertificate, type OrganizationCa } from "#auth";
import { loadConfig, paths as pathsOf, resolveNode } from "#config";
import { type Input, Loop, type Ports } from "#kernel";
import { type Event, type NodeTypes, organizationOf, type PeerIntent, type Rule, State } from "#routing";
import { type DataPlane, openDataPlane } from "../../src/orchestrator/effects/data-plane.ts";
import { Exports } from "../../src/orchestrator/peering/exports.ts";
import { builtInPlugins } from "../../src/orchestrator/plugins/index.ts";
import { systemClock, systemRandom } from "../../src/orchestrator/ports.ts";
import { folder, freePort, quiet, type Scope, startEnvoy } from "../../src/envoy/testing.ts";
import { intent } from "./node-loop.ts";

export interface PlaneNode {
  readonly name: string;
  readonly ca: OrganizationCa;
  readonly dir: string;
  readonly own: { readonly certificate: string; readonly key: string };
  readonly peerPort: number;
  readonly egressPort: number;
  readonly loop: Loop<NodeTypes>;
  readonly plane: DataPlane;
  readonly envoy: ChildProcess;
  /** Resolves when it is committed, and Envoy has what follows. */
  say(...events: readonly Input<Event>[]): Promise<void>;
}

const hash = (text: string): string => createHash("sha256").update(text).digest("base64url");
const ports: Ports = { clock: systemClock, random: systemRandom, log: quiet };

/** Everything from everybody, and on to everybody. */
const OPEN: readonly Rule[] = [{ match: { origin: "*" }, action: "accept" }];
const ON: readonly Rule[] = [{ match: {}, action: "accept", set: { scope: "transitive" } }];

export async function startPlaneNode(t: Scope, ca: OrganizationCa, label = "edge1"): Promise<PlaneNode> {
  const name = `${label}.${ca.organization}`;
  const dir = await folder(t);
  await mkdir(join(dir, "certs"));
  const { certificatePem } = await issueNodeCertificate({ dataDir: dir, node: name, ca, clock: systemClock });
  const [ingress, peerPort, egressPort] = [await freePort(), await freePort(), await freePort()];
  const flags = ["--organization", ca.organization, "--node", label, "--data-dir", dir];
  const at = (flag: string, port: number): string[] => [flag, `127.0.0.1:${port}`];
  flags.push(...at("--ingress-listen", ingress), ...at("--peer-listen", peerPort));
  const { config } = await loadConfig({
    files: [],
    env: {},
    flags: [...flags, ...at("--egress-listen", egressPort)],
  });
  const files = { certificateFile: join(dir, "certs/own.pem"), keyFile: join(dir, "keys/node.key") };
  writeFileSync(files.certificateFile, certificatePem);
  const names = resolveNode(config);
  const paths = {
    ...pathsOf(config),
    xdsSock: join(dir, "xds.sock"),
    envoyAdminSock: join(dir, "envoy-admin.sock"),
  };
  const rest = {
    version: "0",
    origin: {},
    owners: { services: [], peers: [], imports: [], exports: [] },
    run: "r",
    ingress: "",
    baseDir: dir,
  };
  const plane = await openDataPlane({ ...rest, config, names, paths, envoy: { binary: "envoy" } }, ports, {
    opened: Promise.resolve(),
    desired: () => [],
  });
  const loop = new Loop<NodeTypes>({
    store: new State(name),
    plugins: builtInPlugins(),
    runners: plane.runners,
    ports,
    schedule: setImmediate,
  });
  t.after(async () => {
    await loop.stop();
    await plane.close();
  });
  await plane.opened;
  const envoy = await startEnvoy(t, dir);
  const say = async (...events: readonly Input<Event>[]): Promise<void> => {
    for (const { refused } of await Promise.all(events.map((event) => loop.submit(event))))
      if (refused !== undefined) throw new Error(`${name}: ${refused.text}`);
    await made(loop);
  };
  const own = { certificate: certificatePem, key: await readFile(files.keyFile, "utf8") };
  const node = { name, ca, dir, own, peerPort, egressPort, loop, plane, envoy, say };
  await say(
    { kind: "node.certificate", certificate: { ...files, hash: hash(certificatePem) } },
    { kind: "rules.set", rules: { imports: OPEN, exports: ON } },
  );
  return node;
}

/** Everything wanted is true, but for what failed and pauses. */
async function made(loop: Loop<NodeTypes>): Promise<void> {
  do {
    await loop.idle();
    await loop.effects.drain();
    await sleep(1);
  } while (loop.status().depth > 0);
}

/** Each knows the other one as its peer; across organizations the second one is the provider. */
export async function peer(a: PlaneNode, b: PlaneNode): Promise<void> {
  const sides: readonly (readonly [PlaneNode, PlaneNode, PeerIntent["role"]])[] = [
    [a, b, "provider"],
    [b, a, "customer"],
  ];
  for (const [node, other, role] of sides) {
    const file = join(node.dir, `${other.ca.organization}.pem`);
    writeFileSync(file, other.ca.certificatePem);
    const inside = node.ca.organization === other.ca.organization;
    await node.say({
      kind: "peer.set",
      peering: {
        node: other.name,
        organization: other.ca.organization,
        kind: inside ? "internal" : "external",
        role: inside ? "internal" : role,
        onLoss: "depreference",
        limits: { routes: 100_000, rate: 100_000, bytes: 1 << 30, pathLength: 16 },
        trust: { file, hash: hash(other.ca.certificatePem) },
      },
    });
  }
}

const told = new WeakMap<PlaneNode, Map<PlaneNode, Set<string>>>();

/** What `from` has to say is said to `to`: everything now, and taken back what was said before and is no more. */
export async function tell(from: PlaneNode, to: PlaneNode): Promise<void> {
  const self = { node: from.name, organization: from.ca.organization, address: `127.0.0.1:${from.peerPort}` };
  const exports = new Exports(self, from.loop.view);
  const policy = exports.policy(to.name) ?? "";
  const routes = [...exports.keys()].flatMap((key) => exports.exported(policy, key)?.route ?? []);
  const advertise = routes.filter(
    ({ nodePath, orgPath }) => !nodePath.includes(to.name) && !orgPath.includes(organizationOf(to.name)),
  );
  const all = told.get(from) ?? new Map<PlaneNode, Set<string>>();
  told.set(from, all);
  const keys = new Set(advertise.map(({ key }) => key));
  const gone = [...(all.get(to) ?? [])].filter((key) => !keys.has(key));
  all.set(to, keys);
  const version = { epoch: Number.MAX_SAFE_INTEGER, seq: 1 };
  const withdraw = gone.map((key) => ({ key, version }));
  const update = { kind: "update", withdraw, advertise, rejected: [] } as const;
  await to.say({ kind: "peer.told", peer: from.name, told: update });
}

export const fullName = (node: PlaneNode, service: string): string => `${service}.${node.ca.organization}`;

/** An own service whose endpoint was found well. */
export async function offer(node: PlaneNode, service: string, endpoint: string): Promise<string> {
  const url = `http://${endpoint}`;
  await node.say({ kind: "service.add", intent: intent(service, { endpoints: [url] }) });
  await found(node, service, endpoint, true);
  return fullName(node, service);
}

/** What its probes say of an endpoint, as often as it takes to be believed. */
export async function found(node: PlaneNode, service: string, endpoint: string, ok: boolean): Promise<void> {
  const name = fullName(node, service);
  for (let i = 0; i < 3; i++)
    await node.say({ kind: "probe.result", service: name, endpoint: `http://${endpoint}`, ok });
}
