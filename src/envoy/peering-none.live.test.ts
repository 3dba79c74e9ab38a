// Nodes that ask nobody for proof (`identity.mode: none`), each with a real Envoy: what is exported to a name is reached under that
// name, in the clear, and such an Envoy and one that asks for certificates have nothing to say to each other. And the guard: each
// form of the one mode is a finding in the other.

import assert from "node:assert/strict";
import { connect } from "node:http2";
import { test } from "node:test";
import { needs } from "../../test/kit/needs.ts";
import {
  exportOf,
  flushed,
  importOf,
  meet,
  organization,
  passOn,
  startPeerNode,
} from "./peering.common-case.ts";
import { ask, echo, eventually, serve } from "./testing.ts";
import {
  HEALTH_HOST,
  healthRoutes,
  openInPeerListener,
  openInPeerRoutes,
  peerListener,
  peerRoutes,
} from "./translate/index.ts";

const REVIEWS = "reviews.globex.catalyst.internal";
const STOCK = "stock.globex.catalyst.internal";
const NODE = "edge1.globex.catalyst.internal";

/** Straight to a peer listener, in the clear. Rejects when it is not spoken. */
function askOpen(port: number, authority: string, path?: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const session = connect(`http://127.0.0.1:${port}`);
  session.on("error", reject);
  session.on("close", () => reject(new Error("closed")));
  const headers = path === undefined ? {} : { "x-catalyst-path": path };
  const stream = session.request({ ":authority": authority, ":path": "/healthz", ...headers });
  stream.on("response", (answer) => resolve(Number(answer[":status"])));
  stream.on("error", reject);
  stream.on("close", () => session.destroy());
  stream.resume();
  return promise;
}

test("what is exported to a name is reached under that name", needs("envoy"), async (t) => {
  const [acme, globex, initech] = [
    await startPeerNode(t, await organization(t, "acme.catalyst.internal"), "edge1", "none"),
    await startPeerNode(t, await organization(t, "globex.catalyst.internal"), "edge1", "none"),
    await startPeerNode(t, await organization(t, "initech.catalyst.internal"), "edge1", "none"),
  ];
  await assert.rejects(askOpen(globex.peerPort, REVIEWS), "nobody is known: the port is closed");
  await meet(acme, globex, initech);
  const endpoint = await serve(t, echo("reviews"));
  globex.configurator.setExport(REVIEWS, exportOf(REVIEWS, endpoint, [acme]));
  globex.configurator.setExport(STOCK, exportOf(STOCK, endpoint, [initech]));
  await flushed(globex);
  acme.configurator.setImport(REVIEWS, importOf(REVIEWS, globex));
  acme.configurator.setImport(STOCK, importOf(STOCK, globex));
  acme.configurator.setExport(REVIEWS, passOn(REVIEWS, [initech], [globex]));
  await flushed(acme);
  initech.configurator.setImport(REVIEWS, importOf(REVIEWS, acme));
  await flushed(initech);

  const get = async (from: typeof acme, host: string) =>
    await ask(from.egressPort, { headers: { host, "x-catalyst-path": initech.name } });
  await eventually(async () => (await get(acme, REVIEWS)).status === 200, "reviews answers");
  await eventually(async () => (await get(initech, REVIEWS)).status === 200, "over two nodes");
  const { headers } = JSON.parse((await get(initech, REVIEWS)).text) as { headers: Record<string, string> };
  assert.equal(headers["x-catalyst-path"], [initech, acme, globex].map(({ name }) => name).join(", "));
  assert.equal(headers["x-forwarded-client-cert"], undefined);
  assert.equal(
    (await get(acme, STOCK)).status,
    403,
    "not exported to it, whatever its programs call themselves",
  );

  const straight = (authority: string, path?: string) => askOpen(globex.peerPort, authority, path);
  assert.equal(await straight(REVIEWS, acme.name), 200);
  assert.equal(await straight(REVIEWS, `${initech.name}, ${acme.name}`), 200);
  for (const path of [
    undefined,
    initech.name,
    `${acme.name}, ${initech.name}`,
    `x${acme.name}`,
    `${acme.name}.x`,
  ])
    assert.equal(await straight(REVIEWS, path), 403, path);
  assert.equal(await straight(HEALTH_HOST), 200);
  assert.equal(await straight("unknown.globex.catalyst.internal", acme.name), 404);

  globex.configurator.setTrust("acme.catalyst.internal", undefined);
  await flushed(globex);
  assert.equal(await straight(REVIEWS, acme.name), 404, "who is no peer any more is told nothing");
});

test("an Envoy that asks for certificates and one that does not never talk", needs("envoy"), async (t) => {
  const proven = await startPeerNode(t, await organization(t, "acme.catalyst.internal"));
  const open = await startPeerNode(t, await organization(t, "globex.catalyst.internal"), "edge1", "none");
  await meet(proven, open);
  const endpoint = await serve(t, echo("mine"));
  const mine = "mine.acme.catalyst.internal";
  proven.configurator.setExport(mine, exportOf(mine, endpoint, [open]));
  open.configurator.setExport(REVIEWS, exportOf(REVIEWS, endpoint, [proven]));
  proven.configurator.setImport(REVIEWS, importOf(REVIEWS, open));
  open.configurator.setImport(mine, importOf(mine, proven));
  await Promise.all([flushed(proven), flushed(open)]);
  assert.equal((await ask(proven.egressPort, { headers: { host: REVIEWS } })).status, 503);
  assert.equal((await ask(open.egressPort, { headers: { host: mine } })).status, 503);
  await assert.rejects(askOpen(proven.peerPort, mine, open.name));
});

test("the guard finds each form of the one mode in the other", () => {
  const at = { address: "127.0.0.1", port: 10_443 };
  const target = { kind: "own", endpoints: ["127.0.0.1:1"], timeoutMs: 1 } as const;
  const want = { service: REVIEWS, protocol: "http", to: ["edge1.acme.catalyst.internal"], target } as const;
  const others = { certificate: "none", none: "certificate" } as const;
  for (const mode of ["certificate", "none"] as const) {
    const listener = peerListener(NODE, at, mode);
    const routes = [peerRoutes(NODE, want, mode), healthRoutes(NODE, mode)];
    assert.deepEqual(openInPeerListener(mode, listener), []);
    assert.notDeepEqual(openInPeerListener(others[mode], listener), []);
    for (const each of routes) {
      assert.deepEqual(openInPeerRoutes(mode, each), []);
      assert.notDeepEqual(openInPeerRoutes(others[mode], each), []);
    }
  }
  // Everyone is let in by the health check, and by nothing else.
  const [host] = healthRoutes(NODE, "none").virtual_hosts;
  assert.ok(host !== undefined);
  const everyone = { name: "peer/reviews", virtual_hosts: [{ ...host, name: REVIEWS }] };
  assert.notDeepEqual(openInPeerRoutes("none", everyone), []);
  const [chain] = peerListener(NODE, at, "certificate").filter_chains ?? [];
  assert.ok(chain !== undefined);
  const mixed = { ...peerListener(NODE, at, "none"), filter_chains: [chain] };
  assert.notDeepEqual(openInPeerListener("none", mixed), []);
  assert.notDeepEqual(
    openInPeerListener("certificate", { ...mixed, filter_chains: [{ ...chain, transport_socket: {} }] }),
    [],
  );
});
