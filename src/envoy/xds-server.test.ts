// The xDS server against a client that says exactly what a test tells it to: what is sent when, what becomes of refusals,
// what a restart costs, and that no client can make it hold more than its limits.

import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { test } from "node:test";
import { needs } from "../../test/kit/needs.ts";
import { eventually } from "./testing.ts";
import { names, open, set, settle, unset } from "./xds-server.common-case.ts";
import { XDS_LIMITS } from "./xds/index.ts";

test("the socket is its owner's alone", needs("envoy"), async (t) => {
  const { socket } = await open(t);
  assert.equal(statSync(socket).mode & 0o777, 0o600);
});

test("a wildcard gets everything, a name only itself, and what changes later", needs("envoy"), async (t) => {
  const { server, client } = await open(t, [
    set("cluster", "a", "1"),
    set("cluster", "b", "1"),
    set("route", "r", "1"),
  ]);
  const envoy = client();
  envoy.send({ type: "cluster" });
  assert.deepEqual(names(await envoy.accept()), ["a", "b"]);
  envoy.send({ type: "route", subscribe: ["r"] });
  assert.deepEqual(names(await envoy.accept()), ["r"]);
  await eventually(() => server.status().types.every((x) => x.acked === x.resources), "all acknowledged");
  assert.deepEqual(server.status().node, { id: "test", version: "1.40.0" });

  const later = server.publish([set("cluster", "b", "2"), set("route", "other", "1"), unset("cluster", "a")]);
  const change = await envoy.accept();
  assert.deepEqual([names(change), change.removed], [["b"], []]);
  const removal = await envoy.accept();
  assert.deepEqual([names(removal), removal.removed], [[], ["a"]]);
  const { outcomes } = await later;
  assert.equal(outcomes.get("cluster/b")?.state, "acknowledged");
  assert.equal(outcomes.get("cluster/a")?.state, "acknowledged");
  assert.equal(outcomes.get("route/other")?.state, "stored", "nobody asked for it");
  // Equal content is not sent again.
  assert.equal(
    (await server.publish([set("cluster", "b", "2")])).outcomes.get("cluster/b")?.state,
    "acknowledged",
  );
  await settle(server, envoy);
  assert.equal(envoy.waiting, 0);
});

test("a name that is unknown is answered with silence, until it is there", needs("envoy"), async (t) => {
  const { server, client } = await open(t);
  const envoy = client();
  envoy.send({ type: "extension", subscribe: ["x"] });
  await settle(server, envoy);
  assert.equal(envoy.waiting, 0, "an answer would let Envoy wait without limit");
  const published = server.publish([set("extension", "x", "1")]);
  assert.deepEqual(names(await envoy.accept()), ["x"]);
  assert.equal((await published).outcomes.get("extension/x")?.state, "acknowledged");
});

test(
  "nothing is published that names what is not there, and nothing taken that is named",
  needs("envoy"),
  async (t) => {
    const { server } = await open(t);
    const listener = set("listener", "l", "1", ["route/r", "extension/x"]);
    const refused = { code: "ERR_XDS_REFERENCE" };
    await assert.rejects(server.publish([listener, set("route", "r", "1")]), refused);
    assert.deepEqual([...server.resources()], [], "nothing of it is kept");
    await server.publish([listener, set("route", "r", "1"), set("extension", "x", "1")]);
    await assert.rejects(server.publish([unset("route", "r")]), refused);
    await assert.rejects(server.publish([set("listener", "l", "2", ["route/s"])]), refused);
    await server.publish([set("listener", "l", "2", ["extension/x"]), unset("route", "r")]);
    await server.publish([unset("listener", "l"), unset("extension", "x")]);
    assert.deepEqual([...server.resources()], []);
  },
);

test("routes wait for their clusters, and clusters go after their routes", needs("envoy"), async (t) => {
  const { server, client } = await open(t, [set("route", "r", "0")]);
  const envoy = client();
  envoy.send({ type: "cluster" });
  await envoy.accept();
  envoy.send({ type: "route", subscribe: ["r"] });
  await envoy.accept();
  const add = server.publish([set("route", "r", "1", ["cluster/c"]), set("cluster", "c", "1")]);
  const cluster = await envoy.next();
  assert.equal(cluster.type, "cluster");
  await settle(server, envoy);
  assert.equal(envoy.waiting, 0, "the route waits");
  envoy.send({ type: "cluster", nonce: cluster.nonce });
  assert.deepEqual(names(await envoy.accept()), ["r"]);
  await add;
  const remove = server.publish([set("route", "r", "2"), unset("cluster", "c")]);
  const route = await envoy.next();
  assert.equal(route.type, "route");
  await settle(server, envoy);
  assert.equal(envoy.waiting, 0, "the cluster waits");
  envoy.send({ type: "route", nonce: route.nonce });
  assert.deepEqual((await envoy.accept()).removed, ["c"]);
  await remove;
});

test("publications that begin at once share their responses", needs("envoy"), async (t) => {
  const { server, client } = await open(t);
  const envoy = client();
  for (const type of ["cluster", "scope"] as const) {
    envoy.send({ type });
    await envoy.accept();
  }
  const added = ["a", "b"].map((name) =>
    server.publish([set("cluster", name, "1"), set("scope", name, "1")]),
  );
  assert.deepEqual(names(await envoy.accept()), ["a", "b"]);
  assert.deepEqual(names(await envoy.accept()), ["a", "b"]);
  await Promise.all(added);
  const gone = ["a", "b"].map((name) => server.publish([unset("scope", name), unset("cluster", name)]));
  assert.deepEqual((await envoy.accept()).removed, ["a", "b"]);
  assert.deepEqual((await envoy.accept()).removed, ["a", "b"]);
  await Promise.all(gone);
});

test("what a refused route still names is kept", needs("envoy"), async (t) => {
  const { server, client } = await open(t, [set("route", "r", "1", ["cluster/c"]), set("cluster", "c", "1")]);
  const envoy = client();
  envoy.send({ type: "cluster" });
  await envoy.accept();
  envoy.send({ type: "route", subscribe: ["r"] });
  await envoy.accept();
  const published = server.publish([set("route", "r", "2"), unset("cluster", "c")]);
  await envoy.refuse("no");
  const { outcomes } = await published;
  assert.deepEqual(outcomes.get("cluster/c"), { state: "kept", by: "route/r" });
  assert.deepEqual(
    [...server.resources()].map((r) => r.name),
    ["c", "r"],
  );
});

test("a changed cluster goes out with its endpoints", needs("envoy"), async (t) => {
  const { server, client } = await open(t, [
    set("cluster", "c", "1", ["endpoint/c"]),
    set("endpoint", "c", "1"),
  ]);
  const envoy = client();
  envoy.send({ type: "cluster" });
  await envoy.accept();
  envoy.send({ type: "endpoint", subscribe: ["c"] });
  await envoy.accept();
  const changed = server.publish([set("cluster", "c", "2", ["endpoint/c"])]);
  const [one, two] = [await envoy.accept(), await envoy.accept()];
  assert.deepEqual([one.type, two.type], ["cluster", "endpoint"]);
  assert.equal((await changed).outcomes.get("cluster/c")?.state, "acknowledged");
});

test(
  "of several refused ones the bad is found, the rest applied, the last good put back",
  needs("envoy"),
  async (t) => {
    const later: string[] = [];
    const all = Array.from({ length: 20 }, (_, i) => `r${i}`);
    const { server, client } = await open(
      t,
      all.map((name) => set("route", name, "good")),
      { onRefused: (_, name) => later.push(name) },
    );
    const envoy = client();
    envoy.send({ type: "route", subscribe: all });
    await envoy.accept();
    const good = new Map([...server.resources()].map((r) => [r.name, r.version]));
    const published = server.publish(all.map((name) => set("route", name, name === "r7" ? "bad" : "better")));
    const held = new Map<string, string>();
    let responses = 0;
    // An Envoy that refuses whatever holds the bad version, and applies nothing of it.
    const bad = [...server.resources()].find((r) => r.name === "r7")?.version ?? "";
    envoy.answerBy((told) => {
      responses++;
      if (Object.values(told.resources).includes(bad))
        return `Proto constraint validation failed (R.X: too short): goo.gle/debugproto secret: "s3cret"`;
      for (const [name, version] of Object.entries(told.resources)) held.set(name, version);
      return undefined;
    });
    const { outcomes } = await published;
    assert.deepEqual(outcomes.get("route/r7"), {
      state: "refused",
      text: "Proto constraint validation failed (R.X: too short)",
    });
    for (const name of all) {
      if (name === "r7") continue;
      assert.equal(outcomes.get(`route/${name}`)?.state, "acknowledged");
      assert.notEqual(held.get(name), good.get(name));
    }
    await eventually(() => held.get("r7") === good.get("r7"), "its last good version is put back");
    assert.ok(responses < 15, `found in ${responses} responses`);
    assert.deepEqual(later, [], "whoever waited was told by the publication");
    assert.deepEqual(
      server.status().quarantined.map((q) => q.ref),
      ["route/r7"],
    );
  },
);

test("where Envoy names the refused clusters, one answer is enough", needs("envoy"), async (t) => {
  const { server, client } = await open(t);
  const envoy = client();
  envoy.send({ type: "cluster" });
  await envoy.accept();
  const published = server.publish(["a", "aa", "b"].map((name) => set("cluster", name, "1")));
  await envoy.refuse("Error adding/updating cluster(s) a: no good: at all, b: neither");
  const { outcomes } = await published;
  assert.deepEqual(outcomes.get("cluster/a"), { state: "refused", text: "no good: at all" });
  assert.deepEqual(outcomes.get("cluster/b"), { state: "refused", text: "neither" });
  assert.equal(outcomes.get("cluster/aa")?.state, "acknowledged");
  await settle(server, envoy);
  assert.equal(envoy.waiting, 0);
  assert.deepEqual(
    [...server.resources()].map((r) => r.name),
    ["aa"],
  );
});

test("a bad secret does not make its neighbours look bad", needs("envoy"), async (t) => {
  const { server, client } = await open(t, [set("secret", "cert", "1"), set("secret", "peers", "1")]);
  const envoy = client();
  envoy.send({ type: "secret", subscribe: ["cert", "peers"] });
  await envoy.accept();
  const published = server.publish([set("secret", "cert", "2"), set("secret", "peers", "bad")]);
  const bad = [...server.resources()].find((r) => r.name === "peers")?.version;
  // Envoy: once it holds the bad one, it refuses every other, until the bad one is replaced.
  let holdsBad = false;
  envoy.answerBy((told) => {
    if ("peers" in told.resources) holdsBad = told.resources["peers"] === bad;
    return holdsBad ? "peers: bad certificate" : undefined;
  });
  const { outcomes } = await published;
  assert.equal(outcomes.get("secret/cert")?.state, "acknowledged");
  assert.equal(outcomes.get("secret/peers")?.state, "refused");
});

test("what needs a refused resource is not sent", needs("envoy"), async (t) => {
  const { server, client } = await open(t);
  const envoy = client();
  envoy.send({ type: "cluster" });
  await envoy.accept();
  envoy.send({ type: "listener" });
  await envoy.accept();
  const published = server.publish([set("listener", "l", "1", ["cluster/c"]), set("cluster", "c", "1")]);
  await envoy.refuse("no");
  const { outcomes } = await published;
  assert.deepEqual(outcomes.get("cluster/c"), { state: "refused", text: "no" });
  assert.equal(outcomes.get("listener/l")?.state, "refused");
  await settle(server, envoy);
  assert.equal(envoy.waiting, 0);
});

test("what a new Envoy refuses is told, though nobody waits", needs("envoy"), async (t) => {
  const later: string[] = [];
  const { server, client } = await open(t, [set("cluster", "a", "1"), set("cluster", "b", "1")], {
    onRefused: (type, name, text) => later.push(`${type} ${name} ${text}`),
  });
  const envoy = client();
  envoy.send({ type: "cluster" });
  await envoy.refuse("Error adding/updating cluster(s) b: bad");
  await settle(server, envoy);
  assert.deepEqual(later, ["cluster b bad"]);
});

test("a stream that resumes gets only what changed; what is held stays", needs("envoy"), async (t) => {
  const { server, client } = await open(t, [set("cluster", "a", "1"), set("cluster", "b", "1")]);
  const first = client();
  first.send({ type: "cluster" });
  const { resources } = await first.accept();
  first.close();
  await eventually(() => !server.connected, "closed");
  server.hold(["cluster/held"]);
  const second = client();
  second.send({ type: "cluster", initial: { ...resources, b: "old", gone: "x", held: "y" } });
  const told = await second.accept();
  assert.deepEqual([names(told), told.removed], [["b"], ["gone"]]);
  await settle(server, second);
  assert.equal(second.waiting, 0);
  assert.equal(server.status().types.find((x) => x.type === "cluster")?.acked, 3);
  const taken = server.publish([unset("cluster", "held")]);
  assert.deepEqual((await second.accept()).removed, ["held"]);
  await taken;
  const third = client();
  third.send({ type: "cluster", initial: { ...resources } });
  await settle(server, third);
  assert.equal(third.waiting, 0, "equal content: nothing at all");
});

test("publications without an Envoy, superseded and unanswered ones end too", needs("envoy"), async (t) => {
  const { server, client } = await open(t, [], { answerMs: 1_000 });
  assert.equal((await server.publish([set("cluster", "a", "1")])).outcomes.get("cluster/a")?.state, "stored");
  const envoy = client();
  envoy.send({ type: "cluster" });
  await envoy.accept();
  const one = server.publish([set("cluster", "a", "2")]);
  const two = server.publish([set("cluster", "a", "3")]);
  await envoy.accept();
  assert.equal((await one).outcomes.get("cluster/a")?.state, "superseded");
  assert.equal((await two).outcomes.get("cluster/a")?.state, "acknowledged");
  const deaf = await server.publish([set("cluster", "a", "4")]);
  assert.equal(deaf.outcomes.get("cluster/a")?.state, "unanswered");
  const cut = server.publish([set("cluster", "a", "5")]);
  envoy.close();
  assert.equal((await cut).outcomes.get("cluster/a")?.state, "stored");
});

test("large snapshots go in pieces, one larger resource alone", needs("envoy"), async (t) => {
  const big = "x".repeat(300_000);
  const changes = [0, 1, 2, 3, 4, 5, 6].map((i) => set("cluster", `c${i}`, `${i}${big}`));
  const { client } = await open(t, [...changes, set("cluster", "huge", big.repeat(8))]);
  const envoy = client();
  envoy.send({ type: "cluster" });
  const seen = new Set<string>();
  for (let i = 0; seen.size < 8; i++) {
    const told = await envoy.accept();
    for (const name of names(told)) seen.add(name);
    assert.ok(told.bytes <= XDS_LIMITS.chunkBytes + 100 || names(told).length === 1);
  }
});

test("a client that breaks the rules loses its stream, and nobody else does", needs("envoy"), async (t) => {
  const { server, client } = await open(t, [set("cluster", "a", "1")]);
  const good = client();
  good.send({ type: "cluster" });
  await good.accept();
  const head = (size: number, compressed = 0): Buffer => {
    const bytes = Buffer.alloc(5);
    bytes[0] = compressed;
    bytes.writeUInt32BE(size, 1);
    return bytes;
  };
  const cases: readonly [what: string, bytes: Buffer, status: number][] = [
    ["too large", head(XDS_LIMITS.requestBytes + 1), 8],
    ["compressed", head(10, 1), 3],
    ["no message", Buffer.concat([head(3), Buffer.from([0xff, 0xff, 0xff])]), 3],
    ["cut off", Buffer.concat([head(3), Buffer.from([0x12, 0x20, 0x41])]), 3],
  ];
  for (const [what, bytes, status] of cases) {
    const bad = client();
    bad.write(bytes);
    assert.equal(await bad.ended, status, what);
  }
  const long = client();
  long.send({ type: "route", subscribe: ["x".repeat(XDS_LIMITS.nameBytes + 1)] });
  assert.equal(await long.ended, 8);
  const many = client();
  const some = Array.from({ length: XDS_LIMITS.names / 2 }, (_, i) => `n${i}`);
  many.send({ type: "route", subscribe: some });
  many.send({ type: "route", subscribe: some.map((name) => `m${name}`) });
  many.send({ type: "route", subscribe: ["one more"] });
  assert.equal(await many.ended, 8);
  const elsewhere = client("/envoy.service.discovery.v3.Other/Stream");
  assert.equal(await elsewhere.ended, 12);
  const change = server.publish([set("cluster", "a", "2")]);
  assert.deepEqual(names(await good.accept()), ["a"]);
  await change;
});
