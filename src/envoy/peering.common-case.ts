// What the tests between nodes share: organizations with a CA, nodes with a certificate, each with its own Envoy, and
// requests to the two listeners. Only *.test.ts and bench/ import it.

import type { ChildProcess } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { connect } from "node:http2";
import { join } from "node:path";
import { createOrganizationCa, issueNodeCertificate } from "#auth";
import type { OrganizationCa } from "#auth";
import type { EnvoyExportWant, EnvoyImportWant } from "#routing";
import { PeeringConfigurator } from "./peering.ts";
import type { Certificate } from "./prepare-peering.ts";
import { folder, freePort, quiet, startEnvoy } from "./testing.ts";
import type { Reply, Scope } from "./testing.ts";
import { XdsServer } from "./xds/index.ts";

const clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: () => () => undefined,
};

export async function organization(t: Scope, name: string): Promise<OrganizationCa> {
  return createOrganizationCa({ dataDir: await folder(t), organization: name, clock });
}

/** A certificate as `init` makes it; another one each time. */
export async function certificateOf(t: Scope, ca: OrganizationCa, node: string): Promise<Certificate> {
  const dataDir = await folder(t);
  await mkdir(join(dataDir, "certs"));
  const { certificatePem } = await issueNodeCertificate({ dataDir, node, ca, clock });
  return { certificate: certificatePem, key: await readFile(join(dataDir, "keys/node.key"), "utf8") };
}

export interface PeerNode {
  readonly name: string;
  readonly ca: OrganizationCa;
  readonly own: Certificate;
  readonly dir: string;
  readonly peerPort: number;
  readonly egressPort: number;
  readonly server: XdsServer;
  readonly configurator: PeeringConfigurator;
  readonly envoy: ChildProcess;
}

/** A node between nodes, without ingress. It trusts nobody yet. */
export async function startPeerNode(
  t: Scope,
  ca: OrganizationCa,
  label = "edge1",
  between?: "none",
): Promise<PeerNode> {
  const name = `${label}.${ca.organization}`;
  const dir = await folder(t);
  const [peerPort, egressPort] = [await freePort(), await freePort()];
  const server = new XdsServer({ log: quiet });
  const configurator = new PeeringConfigurator(server, undefined, between);
  const own = await certificateOf(t, ca, name);
  configurator.setListeners({
    node: name,
    peer: { address: "127.0.0.1", port: peerPort },
    egress: { address: "127.0.0.1", port: egressPort },
  });
  if (between !== "none") configurator.setNodeCertificate(own);
  await configurator.flush();
  await server.listen(join(dir, "xds.sock"));
  t.after(() => server.close());
  const envoy = await startEnvoy(t, dir);
  return { name, ca, own, dir, peerPort, egressPort, server, configurator, envoy };
}

/** Each is told to trust every other one. */
export async function meet(...nodes: readonly PeerNode[]): Promise<void> {
  for (const node of nodes) {
    const others = Map.groupBy(
      nodes.filter((n) => n !== node),
      (n) => n.ca.organization,
    );
    for (const [name, members] of others) {
      const pem = members[0]?.ca.certificatePem ?? "";
      node.configurator.setTrust(name, { nodes: members.map((m) => m.name), pem });
    }
    await flushed(node);
  }
}

/** Throws when something was refused. */
export async function flushed(node: PeerNode): Promise<void> {
  const { base, imports, exports } = await node.configurator.flush();
  for (const verdict of [base, ...imports.values(), ...exports.values()])
    if (verdict?.ok === false) throw new Error(`${node.name}: ${verdict.code} ${verdict.text}`);
}

const pathTo = (node: PeerNode): EnvoyImportWant["paths"][number] => ({
  node: node.name,
  organization: node.ca.organization,
  address: `127.0.0.1:${node.peerPort}`,
});

export const importOf = (service: string, ...over: readonly PeerNode[]): EnvoyImportWant => ({
  service,
  protocol: "http",
  paths: over.map(pathTo),
});

export const exportOf = (
  service: string,
  endpoint: string,
  to: readonly PeerNode[],
  more: Partial<EnvoyExportWant> = {},
): EnvoyExportWant => ({
  service,
  protocol: "http",
  to: to.map((n) => n.name),
  target: { kind: "own", endpoints: [endpoint], timeoutMs: 5_000 },
  ...more,
});

export const passOn = (
  service: string,
  to: readonly PeerNode[],
  over: readonly PeerNode[],
): EnvoyExportWant => ({
  service,
  protocol: "http",
  to: to.map((n) => n.name),
  target: { kind: "paths", paths: over.map(pathTo) },
});

/** One request straight to a peer listener, with whatever certificate. Rejects when the handshake is refused. */
export function askPeer(
  node: Pick<PeerNode, "peerPort" | "name" | "ca">,
  as: Partial<Certificate>,
  authority: string,
  headers: Readonly<Record<string, string>> = {},
  path = "/",
): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const session = connect(`https://127.0.0.1:${node.peerPort}`, {
    ...(as.certificate === undefined ? {} : { cert: as.certificate, key: as.key }),
    ca: node.ca.certificatePem,
    servername: node.name,
    ALPNProtocols: ["h2"],
  });
  session.on("error", reject);
  session.on("close", () => reject(new Error("closed")));
  const stream = session.request({ ":authority": authority, ":path": path, ...headers });
  let status = 0;
  let text = "";
  stream.on("response", (answer) => (status = Number(answer[":status"])));
  stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  stream.on("error", reject);
  stream.on("end", () => {
    resolve({ status, headers: {}, text });
    session.destroy();
  });
  return promise;
}
