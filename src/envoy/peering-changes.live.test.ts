// What changes between nodes while requests go on, with real Envoys: a node dies, sets of paths come and go, certificates are
// renewed, and a bad service stands alone.

import assert from "node:assert/strict";
import { connect } from "node:http2";
import { Agent } from "node:http";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { needs } from "../../test/kit/needs.ts";
import { pathsClusterOf } from "./translate/index.ts";
import {
  askPeer,
  certificateOf,
  exportOf,
  flushed,
  importOf,
  meet,
  organization,
  startPeerNode,
} from "./peering.common-case.ts";
import type { PeerNode } from "./peering.common-case.ts";
import { ask, echo, eventually, serve } from "./testing.ts";
import type { Scope } from "./testing.ts";

const REVIEWS = "reviews.globex.catalyst.internal";

const names = (node: PeerNode, type: string): string[] =>
  [...node.server.resources()].filter((r) => r.type === type).map((r) => r.name);

/** Globex has two nodes that both offer it; acme reaches it over either. */
async function twoPaths(t: Scope): Promise<{ acme: PeerNode; one: PeerNode; two: PeerNode }> {
  const globexCa = await organization(t, "globex.catalyst.internal");
  const acme = await startPeerNode(t, await organization(t, "acme.catalyst.internal"));
  const one = await startPeerNode(t, globexCa, "edge1");
  const two = await startPeerNode(t, globexCa, "edge2");
  await meet(acme, one, two);
  for (const node of [one, two]) {
    node.configurator.setExport(REVIEWS, exportOf(REVIEWS, await serve(t, echo(node.name)), [acme]));
    await flushed(node);
  }
  return { acme, one, two };
}

/** GETs beside what happens; answers how many were not 200, and who answered. It ends with its test at the latest. */
function load(
  t: Scope,
  port: number,
): { stop(): Promise<{ failed: number[]; by: Set<string> }>; seen(name: string): boolean } {
  const agent = new Agent({ keepAlive: true });
  const [failed, by]: [number[], Set<string>] = [[], new Set()];
  const open = new Set<Promise<unknown>>();
  let on = true;
  const run = (async () => {
    while (on) {
      const one = ask(port, { headers: { host: REVIEWS }, agent }).then(
        ({ status, text }) => {
          if (status !== 200) failed.push(status);
          else by.add((JSON.parse(text) as { name: string }).name);
        },
        () => failed.push(0),
      );
      open.add(one);
      void one.then(() => open.delete(one));
      await sleep(5);
    }
    await Promise.all(open);
    agent.destroy();
  })();
  const stop = async (): Promise<{ failed: number[]; by: Set<string> }> => {
    on = false;
    await run;
    return { failed, by };
  };
  t.after(async () => void (await stop()));
  return { seen: (name) => by.has(name), stop };
}

test("when one of two nodes is killed no GET fails", needs("envoy"), async (t) => {
  const { acme, one, two } = await twoPaths(t);
  acme.configurator.setImport(REVIEWS, importOf(REVIEWS, one, two));
  await flushed(acme);
  await eventually(
    async () => (await ask(acme.egressPort, { headers: { host: REVIEWS } })).status === 200,
    "up",
  );
  const gets = load(t, acme.egressPort);
  await eventually(() => gets.seen(one.name), "the first path serves");
  one.envoy.kill("SIGKILL");
  await eventually(() => gets.seen(two.name), "the second path serves");
  await sleep(200);
  const { failed } = await gets.stop();
  assert.deepEqual(failed, []);
});

test("what a node takes back is asked of the other one, before we heard of it", needs("envoy"), async (t) => {
  const { acme, one, two } = await twoPaths(t);
  acme.configurator.setImport(REVIEWS, importOf(REVIEWS, one, two));
  await flushed(acme);
  const get = (method = "GET") => ask(acme.egressPort, { headers: { host: REVIEWS }, method });
  await eventually(async () => (await get()).text.includes(one.name), "the first path serves");
  const gets = load(t, acme.egressPort);
  one.configurator.setExport(REVIEWS, undefined);
  await flushed(one);
  await eventually(() => gets.seen(two.name), "the second path serves");
  // Nothing of it went further, so it is safe for what may not be sent twice.
  assert.equal((await get("POST")).status, 200);
  const { failed } = await gets.stop();
  assert.deepEqual(failed, []);
  two.configurator.setExport(REVIEWS, undefined);
  await flushed(two);
  const gone = await get();
  assert.deepEqual([gone.status, gone.text.includes(`no route to ${REVIEWS}`)], [404, true]);
});

test("a service cannot say that its node has no route", needs("envoy"), async (t) => {
  const { acme, one, two } = await twoPaths(t);
  let asked = 0;
  const lies = await serve(t, (_, response) => {
    asked += 1;
    response.writeHead(404, { "x-catalyst-no-route": "x" }).end();
  });
  one.configurator.setExport(REVIEWS, exportOf(REVIEWS, lies, [acme]));
  await flushed(one);
  acme.configurator.setImport(REVIEWS, importOf(REVIEWS, one, two));
  await flushed(acme);
  const get = () => ask(acme.egressPort, { headers: { host: REVIEWS } });
  await eventually(async () => asked > 0 || (await get()).status === 404, "the first path serves");
  asked = 0;
  assert.equal((await get()).status, 404);
  assert.equal(asked, 1);
});

test("sets of paths come and go under load, shared by who has the same", needs("envoy"), async (t) => {
  const { acme, one, two } = await twoPaths(t);
  const OTHER = "other.globex.catalyst.internal";
  const set = (...nodes: PeerNode[]): string => pathsClusterOf(nodes.map((n) => n.name));
  acme.configurator.setImport(REVIEWS, importOf(REVIEWS, one));
  acme.configurator.setImport(OTHER, importOf(OTHER, one));
  await flushed(acme);
  assert.deepEqual(names(acme, "cluster"), [set(one)]);
  await eventually(
    async () => (await ask(acme.egressPort, { headers: { host: REVIEWS } })).status === 200,
    "up",
  );
  const gets = load(t, acme.egressPort);
  for (const paths of [[one, two], [two, one], [two], [one], [two, one], [one, two]]) {
    acme.configurator.setImport(REVIEWS, importOf(REVIEWS, ...paths));
    await flushed(acme);
    assert.deepEqual(names(acme, "cluster").toSorted(), [...new Set([set(one), set(...paths)])].toSorted());
    await sleep(30);
  }
  // Two flushes at once, the second of which undoes the first.
  acme.configurator.setImport(REVIEWS, importOf(REVIEWS, two));
  const first = acme.configurator.flush();
  acme.configurator.setImport(REVIEWS, importOf(REVIEWS, one));
  await Promise.all([first, flushed(acme)]);
  // One that goes while its new set is still on its way: the older flush has nothing to say of it any more.
  const SHORT = "short.globex.catalyst.internal";
  acme.configurator.setImport(SHORT, importOf(SHORT, two, one));
  const coming = acme.configurator.flush();
  await new Promise((resolve) => setImmediate(resolve));
  acme.configurator.setImport(SHORT, undefined);
  await Promise.all([coming, flushed(acme)]);
  const { failed, by } = await gets.stop();
  assert.deepEqual(failed, []);
  assert.equal(by.size, 2);
  assert.deepEqual(names(acme, "cluster"), [set(one)]);
  assert.equal(acme.configurator.quarantined().length, 0);
  assert.deepEqual(names(acme, "route").toSorted(), [
    `egress/${OTHER}`,
    `egress/${REVIEWS}`,
    "peer/health.catalyst.internal",
  ]);
});

test("a node that moves keeps its set, and its new address is used", needs("envoy"), async (t) => {
  const { acme, one, two } = await twoPaths(t);
  acme.configurator.setImport(REVIEWS, importOf(REVIEWS, one));
  await flushed(acme);
  // What is at the address shows another node's certificate: it is never used.
  acme.configurator.setImport(REVIEWS, importOf(REVIEWS, { ...one, peerPort: two.peerPort }));
  await flushed(acme);
  const get = async (): Promise<number> =>
    (await ask(acme.egressPort, { headers: { host: REVIEWS } })).status;
  assert.equal(await get(), 503);
  acme.configurator.setImport(REVIEWS, importOf(REVIEWS, one));
  await flushed(acme);
  await eventually(async () => (await get()) === 200, "back at its address");
  assert.deepEqual(names(acme, "cluster"), [pathsClusterOf([one.name])]);
});

test("a renewed certificate is used for new connections, and open ones go on", needs("envoy"), async (t) => {
  const { acme, one } = await twoPaths(t);
  const session = connect(`https://127.0.0.1:${one.peerPort}`, {
    cert: acme.own.certificate,
    key: acme.own.key,
    ca: one.ca.certificatePem,
    servername: one.name,
  });
  t.after(() => session.destroy());
  let closed = false;
  session.on("close", () => (closed = true));
  const onOpen = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ":authority": REVIEWS, ":path": "/" });
      stream.on("response", (h) => resolve(Number(h[":status"])));
      stream.on("error", reject);
      stream.resume();
    });
  assert.equal(await onOpen(), 200);
  const renewed = await certificateOf(t, one.ca, one.name);
  one.configurator.setNodeCertificate(renewed);
  await flushed(one);
  assert.equal(await onOpen(), 200);
  assert.equal(closed, false);
  const { promise, resolve } = Promise.withResolvers<string>();
  const fresh = connect(`https://127.0.0.1:${one.peerPort}`, {
    cert: acme.own.certificate,
    key: acme.own.key,
    ca: one.ca.certificatePem,
    servername: one.name,
  });
  fresh.on("connect", (_, socket) => {
    const shown = "getPeerX509Certificate" in socket ? socket.getPeerX509Certificate() : undefined;
    resolve(shown?.toString() ?? "");
  });
  t.after(() => fresh.destroy());
  assert.equal((await promise).trim(), renewed.certificate.trim());

  // One that does not fit its key is refused, and the one in force stays.
  const other = await certificateOf(t, one.ca, one.name);
  assert.throws(
    () => one.configurator.setNodeCertificate({ ...other, key: renewed.key }),
    (error) => error instanceof Error && "code" in error && error.code === "ERR_INVALID_ARGUMENT",
  );
  await flushed(one);
  assert.equal((await askPeer(one, acme.own, REVIEWS)).status, 200);
});

test("a bad service is quarantined alone, and comes back when it can", needs("envoy"), async (t) => {
  const { acme, one } = await twoPaths(t);
  const peering = acme.configurator;
  peering.setImport(REVIEWS, importOf(REVIEWS, one));
  peering.setImport("Bad Name", importOf("Bad Name", one));
  peering.setImport("db.globex.catalyst.internal", {
    ...importOf("db.globex.catalyst.internal", one),
    protocol: "tcp",
  });
  const stranger = { ...one, name: "edge7.globex.catalyst.internal" };
  const LATER = "later.globex.catalyst.internal";
  peering.setImport(LATER, importOf(LATER, stranger));
  const { imports } = await peering.flush();
  const verdict = (name: string): string => {
    const found = imports.get(name);
    return found === undefined ? "absent" : found.ok ? "ok" : found.code;
  };
  assert.deepEqual([REVIEWS, "Bad Name", "db.globex.catalyst.internal", LATER].map(verdict), [
    "ok",
    "ERR_INVALID_ARGUMENT",
    "ERR_INVALID_ARGUMENT",
    "ERR_NOT_FOUND",
  ]);
  assert.equal(peering.quarantined().length, 3);
  const get = async (host: string): Promise<number> =>
    (await ask(acme.egressPort, { headers: { host } })).status;
  await eventually(async () => (await get(REVIEWS)) === 200, "the good one is served");
  assert.equal(await get(LATER), 404);

  const nodes = [one.name, stranger.name];
  peering.setTrust("globex.catalyst.internal", { nodes, pem: one.ca.certificatePem });
  const again = await peering.flush();
  assert.equal(again.imports.get(LATER)?.ok, true);
  assert.throws(() => peering.setTrust("globex.catalyst.internal", { nodes, pem: "nonsense" }));
  await peering.flush();
  assert.equal(await get(REVIEWS), 404, "no trust, no route");
  assert.deepEqual(names(acme, "cluster"), []);
  assert.deepEqual(names(acme, "secret"), ["node-cert"]);
});

test(
  "an alias leads to its service, and gives way to the service of that name",
  needs("envoy"),
  async (t) => {
    const { acme, one, two } = await twoPaths(t);
    const ALIAS = "critics.acme.catalyst.internal";
    const OTHER = "a.globex.catalyst.internal";
    for (const node of [one, two]) {
      const endpoint = await serve(t, echo(`${node.name} other`));
      node.configurator.setExport(OTHER, exportOf(OTHER, endpoint, [acme]));
      node.configurator.setExport(ALIAS, exportOf(ALIAS, await serve(t, echo("itself")), [acme]));
      await flushed(node);
    }
    const peering = acme.configurator;
    const by = async (host: string): Promise<string> => {
      const { status, text } = await ask(acme.egressPort, { headers: { host } });
      return status === 200 ? (JSON.parse(text) as { name: string }).name : String(status);
    };
    const becomes = (host: string, name: string): Promise<void> =>
      eventually(async () => (await by(host)) === name, `${host} is ${name}`);
    peering.setImport(REVIEWS, { ...importOf(REVIEWS, one), aliases: [ALIAS] });
    await flushed(acme);
    await becomes(ALIAS, one.name);
    assert.equal(await by(REVIEWS), one.name);
    // The first by name of those that ask for it, whenever it came.
    peering.setImport(OTHER, { ...importOf(OTHER, two), aliases: [ALIAS] });
    await flushed(acme);
    await becomes(ALIAS, `${two.name} other`);
    // A service of that name has it; without one it goes back.
    peering.setImport(ALIAS, importOf(ALIAS, one));
    await flushed(acme);
    await becomes(ALIAS, "itself");
    peering.setImport(ALIAS, undefined);
    peering.setImport(OTHER, undefined);
    await flushed(acme);
    await becomes(ALIAS, one.name);
    peering.setImport(REVIEWS, importOf(REVIEWS, one));
    await flushed(acme);
    await becomes(ALIAS, "404");
    assert.equal(await by(REVIEWS), one.name);
    assert.deepEqual(names(acme, "scope").toSorted(), [`egress/${REVIEWS}`, "peer/health.catalyst.internal"]);
    assert.equal(peering.quarantined().length, 0);
  },
);
