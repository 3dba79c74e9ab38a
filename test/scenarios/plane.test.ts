// Traffic between nodes as commits make it: the built-in plugins, the data plane and real Envoys; only the sessions are left out.
// Scenarios are named as in the reference of peering (docs/internals/session.md).

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { askPeer, organization } from "../../src/envoy/peering.common-case.ts";
import { ask, echo, eventually, serve } from "../../src/envoy/testing.ts";
import { needs } from "../kit/needs.ts";
import { found, fullName, offer, peer, type PlaneNode, startPlaneNode, tell } from "../kit/plane-node.ts";

const get = (node: PlaneNode, host: string, path = "/") => ask(node.egressPort, { path, headers: { host } });
const status = async (node: PlaneNode, host: string): Promise<number> => (await get(node, host)).status;
const answered = (node: PlaneNode, host: string, wanted: number): Promise<void> =>
  eventually(async () => (await status(node, host)) === wanted, `${host} answers ${wanted}`);
const seen = (text: string): { name: string; headers: Record<string, string> } =>
  JSON.parse(text) as { name: string; headers: Record<string, string> };
const told = (text: string): unknown => (JSON.parse(text) as { errors: unknown[] }).errors[0];

test(
  "next-hop-port-kept: three in a line, traffic goes through the one in the middle",
  needs("envoy"),
  async (t) => {
    const acme = await startPlaneNode(t, await organization(t, "acme.catalyst.internal"));
    const middle = await startPlaneNode(t, await organization(t, "initech.catalyst.internal"));
    const globex = await startPlaneNode(t, await organization(t, "globex.catalyst.internal"));
    await peer(acme, middle);
    await peer(globex, middle);
    const endpoint = await serve(t, echo("reviews"));
    const reviews = await offer(globex, "reviews", endpoint);
    await tell(globex, middle);
    await tell(middle, acme);
    const path = (node: PlaneNode) => node.loop.view.routes.best(reviews)?.[0]?.course.nextHopAddress;
    assert.deepEqual(
      [path(middle), path(acme)],
      [`127.0.0.1:${globex.peerPort}`, `127.0.0.1:${middle.peerPort}`],
    );
    await answered(acme, reviews, 200);
    const { name, headers } = seen((await get(acme, reviews)).text);
    assert.deepEqual(
      [name, headers["x-catalyst-path"]],
      ["reviews", [acme, middle, globex].map((node) => node.name).join(", ")],
    );
    // Who was not told may not ask, whoever it is: acme is nobody to globex, and middle was told only of what it was told.
    await assert.rejects(askPeer(globex, acme.own, reviews));
    const secret = await offer(globex, "secret", endpoint);
    assert.equal((await askPeer(globex, middle.own, secret)).status, 200);
    await globex.say({
      kind: "rules.set",
      rules: { imports: [], exports: [{ match: { key: reviews }, action: "accept" }] },
    });
    assert.equal((await askPeer(globex, middle.own, secret)).status, 404);
    assert.equal((await askPeer(globex, middle.own, reviews)).status, 200);
    assert.equal(await status(acme, secret), 404);
    // A peer that is removed is not believed any more.
    await globex.say({ kind: "peer.remove", peer: middle.name });
    await assert.rejects(askPeer(globex, middle.own, reviews));
  },
);

/** One node that asks, and two of another organization that offer the same. */
async function pair(t: Parameters<typeof startPlaneNode>[0]) {
  const globex = await organization(t, "globex.catalyst.internal");
  const acme = await startPlaneNode(t, await organization(t, "acme.catalyst.internal"));
  const one = await startPlaneNode(t, globex, "edge1");
  const two = await startPlaneNode(t, globex, "edge2");
  const endpoints = new Map<PlaneNode, string>();
  for (const node of [one, two]) {
    await peer(node, acme);
    endpoints.set(node, await serve(t, echo(node.name)));
    await offer(node, "reviews", endpoints.get(node) ?? "");
    await tell(node, acme);
  }
  const reviews = fullName(one, "reviews");
  await answered(acme, reviews, 200);
  const order = () => acme.loop.view.routes.best(reviews)?.map(({ peerName }) => peerName);
  return { acme, one, two, endpoints, reviews, order };
}

test(
  "alternate-takes-over: a dead Envoy fails over inside Envoy, and loses its place when it stays away",
  needs("envoy"),
  async (t) => {
    const { acme, one, two, reviews, order } = await pair(t);
    const reach = (node: PlaneNode) => acme.loop.view.routes.received(node.name)?.terms.reach;
    await eventually(() => reach(one) === "up" && reach(two) === "up", "both ways are found well");
    assert.deepEqual(order(), [one.name, two.name]);
    one.envoy.kill("SIGKILL");
    const answer = await get(acme, reviews);
    assert.deepEqual([answer.status, seen(answer.text).name], [200, two.name]);
    assert.deepEqual(order(), [one.name, two.name], "before anybody told the control plane");
    await eventually(() => reach(one) === "down", "the way is found dead");
    await eventually(() => order()?.[0] === two.name, "it loses its place");
    assert.equal(await status(acme, reviews), 200);
  },
);

test(
  "dead-endpoints-kept: what is down leaves the peer listener and the paths of others",
  needs("envoy"),
  async (t) => {
    const { acme, one, two, endpoints, reviews, order } = await pair(t);
    await found(one, "reviews", endpoints.get(one) ?? "", false);
    assert.equal((await askPeer(one, acme.own, reviews)).status, 404);
    await tell(one, acme);
    assert.deepEqual(order(), [two.name, one.name]);
    const wanted = JSON.stringify(acme.loop.effects.wanted("envoy.import", reviews));
    assert.ok(wanted.includes(two.name) && !wanted.includes(one.name), wanted);
    assert.equal(seen((await get(acme, reviews)).text).name, two.name);
    await found(two, "reviews", endpoints.get(two) ?? "", false);
    await tell(two, acme);
    const gone = await get(acme, reviews);
    assert.equal(gone.status, 404);
    await found(one, "reviews", endpoints.get(one) ?? "", true);
    await tell(one, acme);
    await answered(acme, reviews, 200);
  },
);

test(
  "withdrawal under load: what was begun ends well, afterwards a 404 names the service",
  needs("envoy"),
  async (t) => {
    const acme = await startPlaneNode(t, await organization(t, "acme.catalyst.internal"));
    const globex = await startPlaneNode(t, await organization(t, "globex.catalyst.internal"));
    await peer(acme, globex);
    const endpoint = await serve(t, (_req, res) => void setTimeout(() => res.end("late"), 40));
    const reviews = await offer(globex, "reviews", endpoint);
    await tell(globex, acme);
    await answered(acme, reviews, 200);
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const answers: { readonly status: number; readonly begun: number }[] = [];
    const open = new Set<Promise<void>>();
    let on = true;
    const load = (async () => {
      while (on) {
        const begun = performance.now();
        const one = ask(acme.egressPort, { headers: { host: reviews }, agent }).then(
          (answer) => void answers.push({ status: answer.status, begun }),
        );
        open.add(one);
        void one.then(() => open.delete(one));
        await sleep(5);
      }
    })();
    await eventually(() => answers.length > 20, "load");
    await globex.say({ kind: "service.remove", name: "reviews", owner: "admin" });
    await tell(globex, acme);
    const withdrawn = performance.now();
    await sleep(100);
    on = false;
    await load;
    await Promise.all(open);
    const kinds = (after: boolean) =>
      new Set(answers.flatMap((a) => (a.begun > withdrawn === after ? [a.status] : [])));
    assert.deepEqual([...kinds(true)], [404]);
    for (const each of kinds(false)) assert.ok(each < 500, `${each}`);
    assert.ok(kinds(false).has(200));
    assert.deepEqual(told((await get(acme, reviews)).text), {
      message: `no route to ${reviews}`,
      extensions: { code: "ERR_NOT_FOUND" },
    });
  },
);

test("an address that is taken is told, and tried again", needs("envoy"), async (t) => {
  const other = createServer();
  t.after(() => void other.close());
  const acme = await startPlaneNode(t, await organization(t, "acme.catalyst.internal"));
  const globex = await startPlaneNode(t, await organization(t, "globex.catalyst.internal"));
  // With the first peer egress opens; until then its port is anybody's.
  await new Promise<void>((resolve) => other.listen(acme.egressPort, "127.0.0.1", resolve));
  await peer(acme, globex);
  await eventually(() => acme.plane.peeringProblem() !== undefined, "the problem is told");
  assert.match(acme.plane.peeringProblem()?.text ?? "", new RegExp(`:${acme.egressPort}`));
  await new Promise<void>((resolve) => void other.close(() => resolve()));
  await eventually(() => acme.plane.peeringProblem() === undefined, "tried again");
  await answered(acme, "nobody.globex.catalyst.internal", 404);
});

test("what cannot be done yet is told by name, and done when it can", needs("envoy"), async (t) => {
  const acme = await startPlaneNode(t, await organization(t, "acme.catalyst.internal"));
  const globex = await startPlaneNode(t, await organization(t, "globex.catalyst.internal"));
  await peer(globex, acme);
  const reviews = await offer(globex, "reviews", await serve(t, echo("reviews")));
  const terms = acme.loop.view.routes.received(globex.name)?.terms;
  assert.ok(terms !== undefined);
  const file = join(acme.dir, "later.pem");
  await acme.say({ kind: "peer.set", peering: { ...terms, trust: { file, hash: "later" } } });
  await tell(globex, acme);
  const failing = () => acme.loop.status().effects.failing.map(({ kind, key }) => `${kind} ${key}`);
  assert.deepEqual(failing().toSorted(), [
    `envoy.import ${reviews}`,
    `envoy.trust ${globex.ca.organization}`,
  ]);
  assert.equal(await status(acme, reviews), 404);
  writeFileSync(file, globex.ca.certificatePem);
  await answered(acme, reviews, 200);
  await eventually(() => failing().length === 0, "nothing is failing any more");
});
