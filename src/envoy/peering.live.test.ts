// Two and three nodes, each with a real Envoy, on loopback: who reaches what through egress and the peer listener, who is
// turned away, and what is said to whom.

import assert from "node:assert/strict";
import { test } from "node:test";
import { needs } from "../../test/kit/needs.ts";
import {
  askPeer,
  certificateOf,
  exportOf,
  flushed,
  importOf,
  meet,
  organization,
  passOn,
  startPeerNode,
} from "./peering.common-case.ts";
import { ask, echo, eventually, serve } from "./testing.ts";

const REVIEWS = "reviews.globex.catalyst.internal";

const seen = (text: string): { name: string; path: string; headers: Record<string, string> } =>
  JSON.parse(text) as { name: string; path: string; headers: Record<string, string> };
const told = (text: string): { message: string; extensions: { code: string } } | undefined =>
  (JSON.parse(text) as { errors: { message: string; extensions: { code: string } }[] }).errors[0];

test("a service of a peer is reached by its name, and withdrawn by name", needs("envoy"), async (t) => {
  const acme = await startPeerNode(t, await organization(t, "acme.catalyst.internal"));
  const globex = await startPeerNode(t, await organization(t, "globex.catalyst.internal"));
  await meet(acme, globex);
  const endpoint = await serve(t, echo("reviews"));
  globex.configurator.setExport(REVIEWS, exportOf(REVIEWS, endpoint, [acme]));
  await flushed(globex);
  acme.configurator.setImport(REVIEWS, importOf(REVIEWS, globex));
  await flushed(acme);

  const get = (host: string, headers: Record<string, string> = {}, path = "/a?b") =>
    ask(acme.egressPort, { path, headers: { host, ...headers } });
  await eventually(async () => (await get(REVIEWS)).status === 200, "reviews answers");
  const answer = await get(REVIEWS, {
    authorization: "Bearer secret",
    "x-catalyst-sub": "root",
    "x-catalyst-path": "forged",
    "x-catalyst-paths": "forged",
    "x-forwarded-client-cert": "forged",
    "x-kept": "1",
  });
  const { name, path, headers } = seen(answer.text);
  assert.deepEqual([name, path, headers["x-kept"]], ["reviews", "/a?b", "1"]);
  assert.equal(headers["authorization"], undefined, "no token leaves the node");
  assert.equal(headers["x-catalyst-sub"], undefined);
  assert.equal(headers["x-catalyst-paths"], undefined);
  assert.equal(headers["x-catalyst-path"], `${acme.name}, ${globex.name}`);
  assert.match(headers["x-forwarded-client-cert"] ?? "", new RegExp(`URI=spiffe://${acme.name}/node$`));
  assert.equal((await get(`${REVIEWS}:80`)).status, 200);
  assert.equal((await ask(acme.egressPort, { path: `http://${REVIEWS}/x` })).status, 200);

  // The two listeners share Envoy's scopes, and must not find each other's routes.
  assert.equal((await askPeer(acme, globex.own, REVIEWS)).status, 404);
  assert.equal((await ask(globex.egressPort, { headers: { host: REVIEWS } })).status, 404);

  acme.configurator.setImport(REVIEWS, undefined);
  await flushed(acme);
  const gone = await get(REVIEWS);
  assert.equal(gone.status, 404);
  assert.deepEqual(told(gone.text), {
    message: `no route to ${REVIEWS}`,
    extensions: { code: "ERR_NOT_FOUND" },
  });
  assert.deepEqual(
    [...acme.server.resources()].filter((r) => r.type === "cluster"),
    [],
  );
});

test("without a certificate that is believed nobody comes in", needs("envoy"), async (t) => {
  const [acmeCa, globexCa] = [
    await organization(t, "acme.catalyst.internal"),
    await organization(t, "globex.catalyst.internal"),
  ];
  const [acme, globex] = [await startPeerNode(t, acmeCa), await startPeerNode(t, globexCa)];
  const endpoint = await serve(t, echo("reviews"));
  await assert.rejects(askPeer(globex, acme.own, REVIEWS), "nobody is trusted: the port is closed");
  await meet(acme, globex);
  globex.configurator.setExport(REVIEWS, exportOf(REVIEWS, endpoint, [acme]));
  await flushed(globex);
  assert.equal((await askPeer(globex, acme.own, REVIEWS)).status, 200);
  assert.equal((await askPeer(globex, acme.own, "health.catalyst.internal", {}, "/healthz")).status, 200);
  assert.equal((await askPeer(globex, acme.own, "health.catalyst.internal")).status, 404);

  const evil = {
    ...(await organization(t, "evil.catalyst.internal")),
    organization: "acme.catalyst.internal",
  };
  const refused = {
    "no certificate": {},
    "the name of a known node by another CA": await certificateOf(t, evil, acme.name),
    "another node of a known organization": await certificateOf(t, acmeCa, "edge2.acme.catalyst.internal"),
    "the listener's own certificate": globex.own,
    "a sibling by the listener's own CA": await certificateOf(t, globexCa, "edge2.globex.catalyst.internal"),
  };
  for (const [what, as] of Object.entries(refused)) await assert.rejects(askPeer(globex, as, REVIEWS), what);

  globex.configurator.setTrust("acme.catalyst.internal", undefined);
  await flushed(globex);
  await assert.rejects(askPeer(globex, acme.own, REVIEWS), "trust withdrawn");
});

test("certificate and export rules decide what a peer may ask for", needs("envoy"), async (t) => {
  const [acme, globex, initech] = [
    await startPeerNode(t, await organization(t, "acme.catalyst.internal")),
    await startPeerNode(t, await organization(t, "globex.catalyst.internal")),
    await startPeerNode(t, await organization(t, "initech.catalyst.internal")),
  ];
  await meet(acme, globex, initech);
  const endpoint = await serve(t, echo("reviews"));
  const graph = "graph.globex.catalyst.internal";
  globex.configurator.setExport(REVIEWS, exportOf(REVIEWS, endpoint, [acme]));
  globex.configurator.setExport(
    graph,
    exportOf(graph, endpoint, [acme, initech], {
      protocol: "http:graphql",
      target: { kind: "own", endpoints: [endpoint], basePath: "/graphql", timeoutMs: 5_000 },
    }),
  );
  await flushed(globex);
  const status = async (...asked: Parameters<typeof askPeer>): Promise<number> =>
    (await askPeer(...asked)).status;

  assert.equal(await status(globex, acme.own, REVIEWS), 200);
  const denied = await askPeer(globex, initech.own, REVIEWS);
  assert.equal(denied.status, 403);
  assert.deepEqual(told(denied.text)?.extensions.code, "ERR_DENIED");
  // What is exported to nobody is not there, and the answer names it.
  const unknown = await askPeer(globex, acme.own, "unknown.globex.catalyst.internal");
  assert.deepEqual(
    [unknown.status, told(unknown.text)],
    [
      404,
      {
        message: "no route to unknown.globex.catalyst.internal",
        extensions: { code: "ERR_NOT_FOUND" },
      },
    ],
  );
  assert.equal(await status(globex, acme.own, REVIEWS.toUpperCase()), 404);
  // Of a graph peers reach its one path.
  assert.equal(seen((await askPeer(globex, initech.own, graph)).text).path, "/graphql");
  assert.equal(seen((await askPeer(globex, acme.own, graph, {}, "/admin?x")).text).path, "/graphql?x");

  const path = (text: string) => ({ "x-catalyst-path": text });
  assert.equal(await status(globex, acme.own, REVIEWS, path(`x.y,${globex.name}`)), 403, "loop");
  assert.equal(await status(globex, acme.own, REVIEWS, path(`x${globex.name}`)), 200, "another's name");
  assert.equal(await status(globex, acme.own, REVIEWS, path("a,b,c,d,e")), 200);
  assert.equal(await status(globex, acme.own, REVIEWS, path("a,b,c,d,e,f")), 403, "too far");

  globex.configurator.setExport(REVIEWS, exportOf(REVIEWS, endpoint, [initech]));
  await flushed(globex);
  assert.equal(await status(globex, acme.own, REVIEWS), 403);
  assert.equal(await status(globex, initech.own, REVIEWS), 200);
  // Withdrawn trust closes what was exported to that node, also where its connection lives on.
  globex.configurator.setTrust("initech.catalyst.internal", undefined);
  await flushed(globex);
  globex.configurator.setTrust("initech.catalyst.internal", {
    nodes: ["edge9.initech.catalyst.internal"],
    pem: initech.ca.certificatePem,
  });
  await flushed(globex);
  assert.equal(await status(globex, acme.own, REVIEWS), 404);
});

test("a node in the middle passes on, and a loop ends", needs("envoy"), async (t) => {
  const [acme, globex, initech] = [
    await startPeerNode(t, await organization(t, "acme.catalyst.internal")),
    await startPeerNode(t, await organization(t, "globex.catalyst.internal")),
    await startPeerNode(t, await organization(t, "initech.catalyst.internal")),
  ];
  await meet(acme, globex, initech);
  const endpoint = await serve(t, echo("reviews"));
  globex.configurator.setExport(REVIEWS, exportOf(REVIEWS, endpoint, [initech]));
  await flushed(globex);
  initech.configurator.setImport(REVIEWS, importOf(REVIEWS, globex));
  initech.configurator.setExport(REVIEWS, passOn(REVIEWS, [acme], [globex]));
  await flushed(initech);
  acme.configurator.setImport(REVIEWS, importOf(REVIEWS, initech));
  await flushed(acme);
  const get = () => ask(acme.egressPort, { headers: { host: REVIEWS } });
  await eventually(async () => (await get()).status === 200, "three nodes in a line");
  const { headers } = seen((await get()).text);
  assert.equal(headers["x-catalyst-path"], [acme, initech, globex].map((n) => n.name).join(", "));
  assert.match(headers["x-forwarded-client-cert"] ?? "", new RegExp(`URI=spiffe://${initech.name}/node$`));

  // Each believes that the other has it.
  globex.configurator.setExport(REVIEWS, passOn(REVIEWS, [initech], [initech]));
  initech.configurator.setExport(REVIEWS, passOn(REVIEWS, [acme, globex], [globex]));
  await Promise.all([flushed(globex), flushed(initech)]);
  assert.equal((await get()).status, 403);
});
