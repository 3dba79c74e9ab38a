// A publication between nodes that fails for a reason of ours loses nothing: the next flush publishes the same again, and takes
// away what was to go. The server is the real one; one call of it fails, each in its turn.

import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateOf, organization } from "./peering.common-case.ts";
import { PeeringConfigurator } from "./peering.ts";
import { quiet } from "./testing.ts";
import type { Scope } from "./testing.ts";
import { XdsServer } from "./xds/index.ts";

const NODE = "edge1.acme.catalyst.internal";
const PEER_NODE = "edge1.globex.catalyst.internal";
const ORGANIZATION = "globex.catalyst.internal";
const REVIEWS = "reviews.globex.catalyst.internal";
const PRODUCTS = "products.acme.catalyst.internal";
const listeners = {
  node: NODE,
  peer: { address: "127.0.0.1", port: 10_443 },
  egress: { address: "127.0.0.1", port: 10_001 },
};

async function world(t: Scope) {
  const acme = await organization(t, "acme.catalyst.internal");
  const globex = await organization(t, ORGANIZATION);
  return { own: await certificateOf(t, acme, NODE), pem: globex.certificatePem };
}

const contents = (server: XdsServer): string[] =>
  Array.from(server.resources(), ({ type, name, version }) => `${type}/${name} ${version}`).toSorted();

/** All that is published in steps, each flushed again when it failed; call number `failing` of the server throws. */
async function published({ own, pem }: Awaited<ReturnType<typeof world>>, failing: number) {
  const server = new XdsServer({ log: quiet });
  let [calls, failed] = [0, 0];
  const configurator = new PeeringConfigurator({
    publish: async (changes) => {
      calls += 1;
      if (calls === failing) throw new Error("no memory");
      return await server.publish(changes);
    },
  });
  const flush = async (): Promise<void> => {
    await configurator.flush().catch(async (error: unknown) => {
      assert.match(String(error), /no memory/);
      failed += 1;
      await configurator.flush();
    });
  };
  const paths = (node: string) => [{ node, organization: ORGANIZATION, address: "127.0.0.1:1" }];
  const first = (node: string) => ({ service: REVIEWS, protocol: "http" as const, paths: paths(node) });
  configurator.setListeners(listeners);
  configurator.setNodeCertificate(own);
  configurator.setTrust(ORGANIZATION, { nodes: [PEER_NODE, "edge2.globex.catalyst.internal"], pem });
  configurator.setImport(REVIEWS, first(PEER_NODE));
  const target = { kind: "own", endpoints: ["127.0.0.1:5001"], timeoutMs: 5_000 } as const;
  configurator.setExport(PRODUCTS, { service: PRODUCTS, protocol: "http", to: [PEER_NODE], target });
  await flush();
  const whole = contents(server);
  configurator.setImport(REVIEWS, first("edge2.globex.catalyst.internal"));
  configurator.setExport(PRODUCTS, undefined);
  await flush();
  return { found: [whole, contents(server)], failed };
}

test("whichever publication fails, the flush says so and the next one publishes everything", async (t) => {
  const certificates = await world(t);
  const [whole, moved] = (await published(certificates, 0)).found;
  for (const start of ["listener/peer", "listener/egress", `route/egress/${REVIEWS}`, `cluster/svc:`])
    assert.ok(
      whole?.some((each) => each.startsWith(start)),
      start,
    );
  const clusters = moved?.filter((each) => each.startsWith("cluster/")).map((each) => each.split(" ")[0]);
  assert.deepEqual(clusters, ["cluster/paths:edge2.globex.catalyst.internal"]);
  let broken = 0;
  for (let failing = 1; ; failing += 1) {
    const { found, failed } = await published(certificates, failing);
    if (failed === 0) break;
    broken += 1;
    assert.deepEqual(found, [whole, moved], `call ${failing}`);
  }
  assert.ok(broken >= 5, `${broken} calls were broken`);
});

test("trust that cannot be read is refused with the reason, and nobody of it is believed", async (t) => {
  const { own, pem } = await world(t);
  const server = new XdsServer({ log: quiet });
  const configurator = new PeeringConfigurator(server);
  configurator.setListeners(listeners);
  configurator.setNodeCertificate(own);
  configurator.setTrust(ORGANIZATION, { nodes: [PEER_NODE], pem });
  await configurator.flush();
  const open = () => contents(server).some((each) => each.startsWith("listener/peer"));
  assert.equal(open(), true);
  const nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  assert.throws(
    () => configurator.setTrust(ORGANIZATION, { nodes: [PEER_NODE], pem: `${pem}${nonsense}` }),
    (error) => error instanceof Error && error.cause instanceof Error && error.message.includes(ORGANIZATION),
  );
  await configurator.flush();
  assert.equal(open(), false);
});

test("another path of a service is one resource, and a scope that went comes back", async (t) => {
  const { own, pem } = await world(t);
  const server = new XdsServer({ log: quiet });
  let told: string[] = [];
  const configurator = new PeeringConfigurator({
    publish: (changes) => {
      told.push(...changes.map(({ type, bytes }) => (bytes === undefined ? `-${type}` : type)));
      return server.publish(changes);
    },
  });
  const nodes = [PEER_NODE, "edge2.globex.catalyst.internal"] as const;
  const over = (node: string) => ({
    service: REVIEWS,
    protocol: "http" as const,
    paths: [{ node, organization: ORGANIZATION, address: "127.0.0.1:1" }],
  });
  const flush = async (node?: string): Promise<string[]> => {
    told = [];
    configurator.setImport(REVIEWS, node === undefined ? undefined : over(node));
    await configurator.flush();
    return told;
  };
  configurator.setListeners(listeners);
  configurator.setNodeCertificate(own);
  configurator.setTrust(ORGANIZATION, { nodes, pem });
  for (const node of nodes) configurator.setImport(`${node}.x`, { ...over(node), service: `${node}.x` });
  await configurator.flush();
  assert.deepEqual(await flush(nodes[0]), ["cluster", "route", "scope"]);
  assert.deepEqual(await flush(nodes[1]), ["cluster", "route"]);
  assert.deepEqual(await flush(), ["-scope", "-route"]);
  // One that is on its way while it is taken away says nothing of what is with Envoy afterwards.
  const coming = flush(nodes[0]);
  await Promise.all([coming, flush()]);
  assert.ok((await flush(nodes[0])).includes("scope"));
  configurator.refusedLater("scope", `egress/${REVIEWS}`);
  assert.ok((await flush(nodes[0])).includes("scope"));
});

test("a cluster outlives its last route for a while, and what it names outlives it", async (t) => {
  const { own, pem } = await world(t);
  const server = new XdsServer({ log: quiet });
  const waiting: (() => Promise<void>)[] = [];
  const configurator = new PeeringConfigurator(server, (collect) => void waiting.push(collect));
  const over = (node: string) => ({
    service: REVIEWS,
    protocol: "http" as const,
    paths: [{ node, organization: ORGANIZATION, address: "127.0.0.1:1" }],
  });
  const has = (start: string) => contents(server).some((each) => each.startsWith(start));
  const nodes = [PEER_NODE, "edge2.globex.catalyst.internal"] as const;
  configurator.setListeners(listeners);
  configurator.setNodeCertificate(own);
  configurator.setTrust(ORGANIZATION, { nodes, pem });
  for (const node of nodes) {
    configurator.setImport(REVIEWS, over(node));
    await configurator.flush();
  }
  assert.deepEqual(
    nodes.map((node) => has(`cluster/paths:${node}`)),
    [true, true],
  );
  configurator.setImport(REVIEWS, undefined);
  configurator.setTrust(ORGANIZATION, undefined);
  await configurator.flush();
  assert.deepEqual([has("route/egress"), has("secret/trust:"), waiting.length], [false, true, 2]);
  await waiting.shift()?.();
  assert.deepEqual([has(`cluster/paths:${nodes[0]}`), has("secret/trust:")], [false, true]);
  await waiting.shift()?.();
  assert.deepEqual([has("cluster/paths:"), has("secret/trust:")], [false, false]);
});
