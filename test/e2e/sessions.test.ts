// Two nodes of two organizations as a user runs them: each with its own CA, the other's trust file, and a configuration.

import assert from "node:assert/strict";
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { createOrganizationCa } from "#auth";
import { systemClock } from "#rpc";
import { freePort, temporaryFolder, TestNode, until } from "../kit/node.ts";

const ORGANIZATIONS = ["acme", "globex"] as const;
type Name = (typeof ORGANIZATIONS)[number];
const organizationOf = (name: Name): string => `${name}.catalyst.internal`;
const nodeOf = (name: Name): string => `n.${organizationOf(name)}`;

/** Routes of its peers, as a restart would find them. */
function keptAt(node: TestNode): number {
  const db = new DatabaseSync(join(node.dataDir, "learned.db"), { readOnly: true, timeout: 1_000 });
  const { n } = db.prepare("SELECT sum(routes) AS n FROM places WHERE epoch IS NOT NULL").get() ?? {};
  db.close();
  return Number(n ?? 0);
}

/** Both run and are synced; acme offers a service. */
async function two(t: Parameters<typeof temporaryFolder>[0]) {
  const ports = { acme: await freePort(), globex: await freePort() };
  const folders = { acme: temporaryFolder(t), globex: temporaryFolder(t) };
  for (const name of ORGANIZATIONS) {
    const dataDir = join(folders[name], "node");
    mkdirSync(dataDir, { mode: 0o700 });
    await createOrganizationCa({ dataDir, organization: organizationOf(name), clock: systemClock });
  }
  const start = (name: Name, other: Name, rest: object = {}) => {
    const trust = join(folders[name], `${other}.pem`);
    cpSync(join(folders[other], "node/certs/trust.pem"), trust);
    return TestNode.start(t, {
      folder: folders[name],
      config: {
        organization: organizationOf(name),
        envoy: { disabled: true },
        control: { listen: `127.0.0.1:${ports[name]}` },
        peer: { listen: "127.0.0.1:0" },
        egress: { listen: "127.0.0.1:0" },
        peers: [{ node: nodeOf(other), address: `127.0.0.1:${ports[other]}`, trust: { file: trust } }],
        imports: [{ match: { key: `*.${organizationOf(other)}` }, action: "accept" }],
        ...rest,
      },
    });
  };
  const service = { name: "products", protocol: "http", endpoint: "http://127.0.0.1:9", export: true };
  const [acme, globex] = await Promise.all([
    start("acme", "globex", { services: [service] }),
    start("globex", "acme"),
  ]);
  const synced = async (node: TestNode): Promise<boolean> =>
    (await node.call("peer.list", {})).every(({ session }) => session.state === "synced");
  const bothSynced = () => until("both synced", async () => (await synced(acme)) && (await synced(globex)));
  await bothSynced();
  return { acme, globex, start, bothSynced };
}

test("sigterm-with-clients: two organizations exchange routes, and one of them stops and says so", async (t) => {
  const { acme, globex } = await two(t);
  const routes = await globex.call("route.list", {});
  assert.deepEqual(
    routes.map(({ name, peer, table }) => [name, peer, table]),
    [["products.acme.catalyst.internal", "n.acme.catalyst.internal", "external"]],
  );
  // No part had to be killed: that would be another code.
  assert.equal((await acme.signal("SIGTERM")).code, 0);
  const [peer] = await globex.call("peer.list", {});
  assert.equal(peer?.session.last?.code, 12);
});

test("kill-any-process, restart-with-dead-remote: sessions come back, and what was learned is there at once", async (t) => {
  const { acme, globex, start, bothSynced } = await two(t);
  const names = async (node: TestNode): Promise<readonly string[]> =>
    (await node.call("route.list", { table: "external" })).map(
      ({ name, freshness }) => `${name} ${freshness}`,
    );
  const { pid } = await acme.part("orchestrator");
  assert.ok(pid !== undefined);
  process.kill(pid, "SIGKILL");
  assert.equal((await names(globex)).length, 1);
  await acme.ready();
  await bothSynced();
  assert.deepEqual(await names(globex), ["products.acme.catalyst.internal fresh"]);
  const [peer] = await globex.call("peer.list", {});
  assert.equal(peer?.freshness.digestRepairs, 0);
  await until("what globex was told is on disk", () => keptAt(globex) === 1);
  await Promise.all([acme.signal("SIGKILL"), globex.signal("SIGKILL")]);
  const again = await start("globex", "acme");
  assert.deepEqual(await names(again), ["products.acme.catalyst.internal stale"]);
});
