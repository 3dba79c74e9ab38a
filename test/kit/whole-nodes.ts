// Whole nodes, as `catalyst run` starts them: sessions over mutual TLS, gateway, auth and a real Envoy each. The first node of an
// organization makes its CA, the others share it, and another organization is given nothing but its trust.pem. All of them, their
// folders and their processes end with the test or the figure.

import { copyFileSync, mkdirSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import { createOrganizationCa, issueNodeCertificate, type OrganizationCa } from "#auth";
import { systemClock } from "#rpc";
import { ask } from "../../src/envoy/testing.ts";
import { type Cleanup, freePort, processesOf, TestNode, temporaryFolder, until } from "./node.ts";

/** Runs it, and then undoes in reverse order what it started. */
export async function cleaned(run: (t: Cleanup) => Promise<void>): Promise<void> {
  const undo: (() => void | Promise<void>)[] = [];
  try {
    await run({ after: (step) => void undo.unshift(step) });
  } finally {
    for (const step of undo) await step();
  }
}

interface Place {
  readonly name: string;
  readonly label: string;
  readonly organization: string;
  readonly folder: string;
  readonly control: string;
  readonly egress: number;
}

export interface WholeNode {
  readonly name: string;
  readonly organization: string;
  readonly node: TestNode;
  /** Port on loopback. */
  readonly egress: number;
  /** A GET of a service at its egress: the status, and 0 where there was no answer. */
  get(host: string): Promise<{ readonly status: number; readonly text: string }>;
  /** To every process of it, at once. */
  signal(name: NodeJS.Signals): void;
}

/**
 * Names are full ones; links are pairs of places in the list, and both ends dial. Resolves when every session is synced. `more` is
 * said in the configuration of each.
 */
export async function startNodes(
  t: Cleanup,
  names: readonly string[],
  links: readonly (readonly [number, number])[],
  more: object = {},
): Promise<WholeNode[]> {
  const places = await makePlaces(t, names);
  const peersOf = (own: number): Place[] =>
    links.flatMap(([a, b]) => places.filter((_, i) => (a === own && i === b) || (b === own && i === a)));
  const nodes = await Promise.all(places.map(async (place, i) => await start(t, place, peersOf(i), more)));
  await until("all sessions are synced", async () => {
    const states = await Promise.all(nodes.map(async ({ node }) => await node.call("peer.list", {})));
    return states.flat().every(({ session }) => session.state === "synced");
  });
  return nodes;
}

async function makePlaces(t: Cleanup, names: readonly string[]): Promise<Place[]> {
  const places: Place[] = [];
  const authorities = new Map<string, { readonly ca: OrganizationCa; readonly trust: string }>();
  for (const name of names) {
    const [label = "", organization = ""] = name.split(/\.(.*)/s);
    const folder = temporaryFolder(t);
    const dataDir = join(folder, "node");
    mkdirSync(join(dataDir, "certs"), { recursive: true, mode: 0o700 });
    const trust = join(dataDir, "certs/trust.pem");
    const known = authorities.get(organization);
    if (known !== undefined) copyFileSync(known.trust, trust);
    const ca = known?.ca ?? (await createOrganizationCa({ dataDir, organization, clock: systemClock }));
    authorities.set(organization, { ca, trust: known?.trust ?? trust });
    await issueNodeCertificate({ dataDir, node: name, ca, clock: systemClock });
    const control = `127.0.0.1:${await freePort()}`;
    places.push({ name, label, organization, folder, control, egress: await freePort() });
  }
  return places;
}

async function start(t: Cleanup, place: Place, peers: readonly Place[], more: object): Promise<WholeNode> {
  const { name, label, organization, folder, control, egress } = place;
  const node = await TestNode.start(t, {
    folder,
    config: {
      organization,
      node: label,
      control: { listen: control },
      peer: { listen: `127.0.0.1:${await freePort()}` },
      egress: { listen: `127.0.0.1:${egress}` },
      peers: peers.map((peer) => ({
        node: peer.name,
        address: peer.control,
        ...(peer.organization === organization
          ? {}
          : { trust: { file: join(peer.folder, "node/certs/trust.pem") } }),
      })),
      // What comes from another organization is used, and what is here is told to it.
      imports: [{ match: { origin: "*" }, action: "accept" }],
      exports: [{ action: "accept", set: { scope: "transitive" } }],
      ...more,
    },
  });
  // Found now: who is killed can no longer be asked.
  const pids = processesOf(folder);
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  t.after(() => agent.destroy());
  return {
    name,
    organization,
    node,
    egress,
    get: async (host) =>
      await ask(egress, { headers: { host }, agent }).catch(() => ({ status: 0, text: "" })),
    signal: (signal) => {
      for (const pid of pids) process.kill(pid, signal);
    },
  };
}
