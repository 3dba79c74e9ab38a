// Two real nodes of two organizations, and everything a user can say about their peering, in the order in which somebody new would,
// with right and with wrong input. Without Envoy: what is tested is what nodes know and say, not the traffic.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { EventRecord, NodeStatus, PeerRecord, RouteRecord, RuleRecord, RuleTest } from "#rpc";
import { catalyst, freePort, TestNode, until } from "../kit/node.ts";
import { initPlace, type Place } from "../kit/place.ts";

const ACME = "acme.catalyst.internal";
const GLOBEX = "globex.catalyst.internal";
const FILES = `files.${GLOBEX}`;

interface Side {
  readonly node: TestNode;
  readonly name: string;
  readonly control: string;
  readonly trust: string;
  /** One command line against this node. */
  run(...words: readonly string[]): Promise<{ code: number; out: string; err: string }>;
  /** The answer as JSON; the command must succeed. */
  json<T>(...words: readonly string[]): Promise<T>;
  /** The error as JSON. */
  fails(...words: readonly string[]): Promise<{ exit: number; code: string; message: string; hint?: string }>;
}

async function side(t: TestContext, organization: string, config: object, at?: Place): Promise<Side> {
  const { name, folder, dataDir, control, trust } = at ?? (await initPlace(t, organization));
  const node = await TestNode.start(t, {
    folder,
    config: {
      organization,
      node: "edge1",
      control: { listen: control },
      egress: { listen: "127.0.0.1:0" },
      envoy: { disabled: true },
      ...config,
    },
  });
  const run = (...rest: readonly string[]) => catalyst([...rest, "--data-dir", dataDir], { cwd: folder });
  return {
    node,
    name,
    control,
    trust,
    run,
    async json<T>(...rest: readonly string[]) {
      const { code, out, err } = await run(...rest, "--json");
      assert.equal(code, 0, `${rest.join(" ")}: ${err}`);
      return JSON.parse(out) as T;
    },
    async fails(...rest) {
      const { code, out, err } = await run(...rest, "--json");
      assert.notEqual(code, 0, `${rest.join(" ")}: ${out}`);
      const { error } = JSON.parse(err) as { error: { code: string; message: string; hint?: string } };
      return { exit: code, ...error };
    },
  };
}

async function answering(t: TestContext): Promise<string> {
  const server = createServer((_, response) => response.end("hello"));
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${port}`;
}

async function peered(t: TestContext): Promise<{ acme: Side; globex: Side }> {
  const imports = [
    { peer: "*.globex.catalyst.internal", match: { key: `secret.${GLOBEX}` }, action: "reject" },
  ];
  const [acme, globex] = await Promise.all([side(t, ACME, { imports }), side(t, GLOBEX, {})]);
  await globex.run("service", "add", "files", await answering(t));
  return { acme, globex };
}

const routes = (of: Side, ...words: readonly string[]): Promise<RouteRecord[]> =>
  of.json("route", "list", ...words);

/** Asked again and again, so without a process each time. */
const reached = async (of: Side, count: number): Promise<boolean> =>
  (await of.node.call("route.list", {})).length === count;

test("peering by hand, from strangers to routes and back", async (t) => {
  const { acme, globex } = await peered(t);

  await t.test("a peer is refused that nobody could be sure of", async () => {
    const none = await acme.fails("peer", "add", globex.name, "--address", globex.control);
    assert.deepEqual([none.exit, none.code], [65, "ERR_INVALID_ARGUMENT"]);
    assert.match(none.message, /cannot prove who it is: give trust/);
    const unread = await acme.fails("peer", "add", globex.name, "--trust", "nowhere.pem");
    assert.deepEqual([unread.exit, unread.code], [64, "ERR_USAGE"]);
    const bad = join(acme.node.folder, "bad.pem");
    writeFileSync(bad, "no certificate\n");
    const garbage = await acme.fails("peer", "add", globex.name, "--trust", bad);
    assert.equal(garbage.exit, 65, garbage.message);
    const self = await acme.fails("peer", "add", acme.name);
    assert.match(self.message, /this node itself/);
    const short = await acme.fails("peer", "add", "globex");
    assert.equal(short.code, "ERR_INVALID_ARGUMENT", short.message);
    const role = await acme.fails("peer", "add", globex.name, "--role", "boss");
    assert.deepEqual([role.exit, role.code], [64, "ERR_USAGE"]);
    assert.deepEqual(await acme.json("peer", "list"), []);
  });

  await t.test("both add each other, and wait until everything is told", async () => {
    const add = (one: Side, other: Side, ...more: readonly string[]): Promise<PeerRecord> =>
      one.json("peer", "add", other.name, "--address", other.control, "--trust", other.trust, ...more);
    const first = await add(globex, acme);
    assert.equal(first.kind, "external");
    const peer = await add(acme, globex, "--wait", "30s");
    assert.equal(peer.session.state, "synced", JSON.stringify(peer.session));
    assert.deepEqual([peer.role, peer.freshness.state, peer.owner.kind], ["lateral", "fresh", "admin"]);
    const text = await acme.run("peer", "show", "globex");
    assert.match(text.out, /session +synced for .*\n[^]*data +fresh/);
  });

  await t.test("status and check tell of it", async () => {
    const { peering, health } = await acme.json<NodeStatus>("status");
    assert.deepEqual(
      [peering?.peers, peering?.synced, peering?.stale, peering?.between, health],
      [1, 1, 0, "certificate", "ok"],
    );
    assert.match((await acme.run("status")).out, /between nodes +certificate only/);
    const checks = await acme.json<{ name: string; ok: boolean; text: string }[]>("check");
    assert.deepEqual(
      checks.filter(({ name }) => name === "peers").map(({ ok, text }) => [ok, text]),
      [[true, "1 of 1 synced"]],
    );
  });

  await t.test("nothing is told without a rule, and nothing taken", async () => {
    assert.deepEqual(await routes(acme, "--in", "globex"), []);
    const [why] = await globex.json<RuleTest[]>("export", "test", "files");
    assert.deepEqual([why?.accept, why?.reason], [false, "export-default"]);
    const exported = await globex.json<{ told: { send: boolean }[] }>(
      "service",
      "export",
      "files",
      "--to",
      "acme",
    );
    assert.deepEqual(
      exported.told.map(({ send }) => send),
      [true],
    );
    await until(
      "it is told",
      async () => (await acme.node.call("route.list", { in: "globex" })).length === 1,
    );
    const [hidden] = await routes(acme, "--rejected");
    assert.deepEqual([hidden?.name, hidden?.use, hidden?.reason], [FILES, "hidden", "import-default"]);
    assert.deepEqual(await routes(acme, "--table", "external"), []);
    const [test] = await acme.json<RuleTest[]>("import", "test", "files");
    assert.deepEqual([test?.name, test?.accept, test?.told], [FILES, false, true]);
    assert.match(
      (await acme.run("route", "explain", "files")).out,
      /not reached[^]*no import rule accepts it/,
    );
  });

  await t.test("a rule is tried before it is made", async () => {
    const rules = join(acme.node.folder, "rules.json");
    const rule = { peer: `*.${GLOBEX}`, action: "accept" };
    writeFileSync(rules, JSON.stringify({ imports: [rule] }));
    const [difference] = await acme.json<{ imports: { gained: string[] } }[]>("peer", "diff", rules);
    assert.deepEqual(difference?.imports.gained, [FILES]);
    writeFileSync(rules, JSON.stringify({ imports: [{ ...rule, acton: "accept" }] }));
    const wrong = await acme.run("peer", "diff", rules);
    assert.equal(wrong.code, 65);
    assert.match(wrong.err, /rules\.json:1:\d+.*acton[^]*did you mean/);
    assert.equal((await acme.fails("peer", "diff", "nowhere.json")).exit, 65);
    const bad = await acme.fails("import", "add", '{"action": "accept", "mtach": {}}');
    assert.match(bad.message, /mtach.*did you mean match\?/);
    assert.equal((await acme.fails("import", "add", "maybe")).exit, 64);
  });

  await t.test("the rule is made, the route is there, and says by which rule", async () => {
    const added = await acme.json<RuleRecord>("import", "add", "accept", FILES, "--from", GLOBEX);
    assert.deepEqual([added.place, added.owner.kind], [2, "admin"]);
    await until("the route is best", () => reached(acme, 1));
    assert.equal((await routes(acme, "--table", "external")).length, 1);
    const shown = await acme.run("route", "explain", "files");
    assert.match(shown.out, /reached by edge1\.globex[^]*accepted by imports\[1\], added by hand/);
    const again = await acme.json<RuleRecord>("import", "add", "accept", FILES, "--from", GLOBEX);
    assert.equal(again.id, added.id, "an equal one is no change");
    const list = await acme.json<RuleRecord[]>("import", "list");
    assert.deepEqual(
      list.map(({ routes: decides, owner }) => [decides, owner.kind]),
      [
        [0, "config"],
        [1, "admin"],
      ],
    );
    const out = await globex.json<RouteRecord[]>("route", "list", "--out", "acme");
    assert.deepEqual(
      out.map(({ name, use }) => [name, use]),
      [[FILES, "sent"]],
    );
    const [peer] = await globex.json<PeerRecord[]>("peer", "list");
    assert.equal(peer?.routes.advertised, 1);
  });

  await t.test("what the file owns is changed in the file", async () => {
    const fixed = await acme.fails("import", "remove", "1");
    assert.equal(fixed.code, "ERR_OWNED_BY_CONFIG");
    assert.match(`${fixed.message} ${fixed.hint ?? ""}`, /catalyst\.json/);
    assert.equal((await acme.fails("import", "remove", "9")).code, "ERR_NOT_FOUND");
    const text = readFileSync(join(acme.node.folder, "catalyst.json"), "utf8");
    assert.ok(!text.includes(FILES), "nothing is written into the file");
  });

  await t.test("a peer goes down by an operator's word, and the other side hears it", async () => {
    const down = await acme.json<PeerRecord>("peer", "down", "globex", "maintenance until six");
    assert.equal(down.session.waits, "down");
    await until("globex heard it", async () => {
      const peer = await globex.node.call("peer.show", { node: "acme" });
      return peer.session.last?.text.includes("maintenance until six") === true;
    });
    await until("the route is gone", () => reached(acme, 0));
    assert.equal((await acme.json<NodeStatus>("status")).health, "ok", "it was meant so");
    assert.notEqual((await acme.fails("peer", "refresh", "globex")).exit, 0);
    await acme.json("peer", "up", "globex");
    await until("it is back", () => reached(acme, 1));
    await acme.json("peer", "refresh", "globex");
  });

  await t.test("what was exported is taken back", async () => {
    await globex.json("service", "unexport", "files");
    await until("it is gone at acme", () => reached(acme, 0));
    assert.equal((await globex.run("service", "unexport", "files")).code, 0, "once more changes nothing");
    assert.equal((await globex.fails("service", "export", "flies")).code, "ERR_NOT_FOUND");
    assert.equal((await acme.fails("route", "show", "files")).code, "ERR_NOT_FOUND");
  });

  await t.test("events tell it in lines", async () => {
    const events = await acme.json<EventRecord[]>("events", "--limit", "200");
    const kinds = new Set(events.map(({ kind }) => kind));
    for (const kind of ["peer.added", "peer.up", "peer.synced", "peer.down", "routes.gained", "routes.lost"])
      assert.ok(kinds.has(kind), `${kind} in ${[...kinds].join(" ")}`);
    assert.ok(events.every(({ kind, text }) => !kind.startsWith("peer.") || text.includes("globex")));
  });

  await t.test("the peering ends", async () => {
    await acme.json("peer", "remove", "globex");
    assert.deepEqual(await acme.json("peer", "list"), []);
    assert.equal((await acme.fails("peer", "remove", "globex")).code, "ERR_NOT_FOUND");
    assert.equal((await acme.fails("peer", "show", "globex")).exit, 1);
  });
});

test("what was added by hand outlives a restart; a peer of the file is the file's; a lost peer is a problem", async (t) => {
  const globexPlace = await initPlace(t, GLOBEX);
  const acmePlace = await initPlace(t, ACME);
  const config = {
    peers: [
      {
        node: `edge1.${GLOBEX}`,
        address: globexPlace.control,
        trust: { file: globexPlace.trust },
        hold: "2s",
      },
    ],
  };
  const [globex, before] = await Promise.all([
    side(t, GLOBEX, {}, globexPlace),
    side(t, ACME, config, acmePlace),
  ]);
  await globex.run("service", "add", "files", await answering(t));
  await globex.json("service", "export", "files", "--to", ACME);
  await globex.json("peer", "add", before.name, "--trust", acmePlace.trust);
  await before.json("import", "add", "accept", FILES);
  const fixed = await before.fails("peer", "remove", "globex");
  assert.equal(fixed.code, "ERR_OWNED_BY_CONFIG");
  assert.match(fixed.message, /catalyst\.json:\d+/);
  await until("the route is best", () => reached(before, 1));

  assert.equal((await before.node.signal("SIGTERM")).code, 0);
  const acme = await side(t, ACME, config, acmePlace);
  assert.equal((await acme.json<RuleRecord[]>("import", "list")).length, 1);
  const synced = async (): Promise<boolean> =>
    (await acme.node.call("peer.list", {})).every(({ session }) => session.state === "synced");
  await until("the session is back", synced);
  assert.deepEqual(
    (await routes(acme)).map(({ name, use, freshness }) => [name, use, freshness]),
    [[FILES, "best", "fresh"]],
  );

  await globex.node.signal("SIGKILL");
  await until("the session is lost", async () => !(await synced()));
  const status = await acme.json<NodeStatus>("status");
  assert.equal(status.health, "degraded");
  assert.deepEqual(
    status.problems.map(({ code }) => code),
    ["ERR_PEER_DOWN"],
  );
  const [peer] = await acme.json<PeerRecord[]>("peer", "list");
  assert.equal(peer?.freshness.state, "stale");
  assert.match((await acme.run("route", "explain", "files")).out, /best .*edge1\.globex.* stale /);
});
