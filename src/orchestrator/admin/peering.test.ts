// The verbs about other nodes over a real loop, book and rules; only what the sessions report is stated here. That sessions and verbs
// work together is tested with two real nodes (test/e2e/peering.test.ts).

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { PeerRecord } from "#rpc";
import type { PeerIntent, PeerReport, Route, Rule, Session } from "#routing";
import { intent, NODE, nodeLoop } from "../../../test/kit/node-loop.ts";
import { routeOf } from "../../../test/kit/routes.ts";
import { VirtualClock } from "../../../test/kit/virtual-clock.ts";
import { Book } from "../peering/book.ts";
import { Exports } from "../peering/exports.ts";
import type { Peering, PeerState } from "../peering/peering.ts";
import { Journal } from "./journal.ts";
import { PeeringAdmin } from "./peering-admin.ts";
import { peeringParser } from "./parse-peering.ts";
import { peeringProblems, peeringStatus } from "./peer-problems.ts";
import { peerRecord } from "./peer-record.ts";
import { RouteCounts } from "./route-counts.ts";

const GLOBEX = "edge1.globex.test";
const INSIDE = "edge2.acme.catalyst.internal";
const REVIEWS = "reviews.globex.test";
const LIMITS = { routes: 1_000, rate: 1_000, bytes: 1 << 20, pathLength: 16 };
const LINE = { kind: "config", file: "/etc/catalyst.json", line: 7 } as const;
const ALL: Rule = { match: { key: "*.globex.test" }, action: "accept" };
const code = (expected: string) => (error: unknown) =>
  error instanceof Error && "code" in error && error.code === expected;

const external: PeerIntent = {
  node: GLOBEX,
  organization: "globex.test",
  kind: "external",
  role: "lateral",
  onLoss: "depreference",
  limits: LIMITS,
};
const internal: PeerIntent = {
  ...external,
  node: INSIDE,
  organization: "acme.catalyst.internal",
  kind: "internal",
  role: "internal",
};

function place(imports: readonly Rule[] = [ALL]) {
  const { loop, step, wants } = nodeLoop();
  const book = new Book({
    node: NODE,
    organization: "acme.catalyst.internal",
    configured: { peers: [], imports: imports.map((rule) => ({ rule, owner: LINE })), exports: [] },
    store: { peering: () => new Map(), savePeering: () => {} },
    certsDir: "/nowhere",
    trustFile: "/nowhere/trust.pem",
  });
  const setRules = (): void => {
    const lists = (["imports", "exports"] as const).map((list) => book.rules(list).map(({ rule }) => rule));
    step({ kind: "rules.set", rules: { imports: lists[0] ?? [], exports: lists[1] ?? [] } });
    for (const peer of [GLOBEX, INSIDE])
      while (wants("route.walk")[peer] !== undefined) step({ kind: "peer.walk", peer });
  };
  setRules();
  for (const peering of [external, internal]) step({ kind: "peer.set", peering });
  const self = { node: NODE, organization: "acme.catalyst.internal", address: `${NODE}:10443` };
  const exports = new Exports(self, loop.view);
  const states = [internal, external].map((one): PeerState => ({
    intent: one,
    owner: { kind: "admin" },
    report: undefined,
    limit: undefined,
    remote: undefined,
    certificateEnds: undefined,
  }));
  const no = (): never => {
    throw new Error("not asked in these tests");
  };
  const peering: Peering = {
    self,
    exports,
    status: () => STATUS,
    peers: () => states,
    peer: (node) => states.find((state) => state.intent.node === node),
    ...{ add: no, remove: no, up: no, down: no, refresh: no, fetchBlob: no },
    rules: (list) => book.rules(list),
    addRule: async (list, rule, before) => {
      const added = book.addRule(list, rule, before);
      setRules();
      return added;
    },
    removeRule: async (list, id) => {
      const removed = book.removeRule(list, id);
      setRules();
      return removed;
    },
  };
  const clock = new VirtualClock();
  const journal = new Journal();
  loop.watch(({ commit }) => void (commit !== undefined && exports.follow(commit)));
  loop.watch(({ commit }) => void (commit !== undefined && journal.commit(commit)));
  const bad = [REVIEWS, "books.acme.catalyst.internal"].map((service) => ({
    service,
    code: "ERR_SCHEMA_CONFLICT",
    text: "no",
  }));
  const quarantined = () => bad;
  const admin = new PeeringAdmin({ loop, clock, journal, peering, identity: "own", quarantined });
  const tell = (peer: string, ...list: readonly (Partial<Route> & { key: string })[]) =>
    step({
      kind: "peer.told",
      peer,
      told: {
        kind: "update",
        withdraw: [],
        rejected: [],
        advertise: list.map((one) => JSON.parse(JSON.stringify(routeOf(peer, one))) as Route),
      },
    });
  const own = (name: string): void => {
    step({ kind: "service.add", intent: intent(name) });
    step({
      kind: "probe.result",
      service: `${name}.acme.catalyst.internal`,
      endpoint: "http://127.0.0.1:5001",
      ok: true,
    });
  };
  return { loop, step, tell, own, peering, clock, journal, verbs: admin.verbs, admin };
}

const STATUS = { listens: undefined, proven: true, peers: 2, established: 0, synced: 0, problems: [] };

test("routes are listed as reached, as told by a peer, as told to it, and as left out", async () => {
  const { verbs, tell, own } = place();
  own("books");
  tell(GLOBEX, { key: REVIEWS }, { key: "pay.globex.test", scope: "organization" }, { key: "x.hooli.test" });
  tell(INSIDE, { key: REVIEWS, origin: GLOBEX, localPreference: 200 });
  const list = async (asked: Parameters<(typeof verbs)["route.list"]>[0]) =>
    (await verbs["route.list"](asked)).map(
      ({ name, use, peer }) => `${name.split(".")[0]} ${use} ${peer ?? ""}`,
    );
  assert.deepEqual(await list({}), ["books best ", `reviews best ${GLOBEX}`, `reviews alternate ${INSIDE}`]);
  assert.deepEqual(await list({ table: "local" }), ["books best "]);
  assert.deepEqual(await list({ table: "internal" }), [`reviews alternate ${INSIDE}`]);
  assert.deepEqual(await list({ in: "globex" }), [`pay hidden ${GLOBEX}`, `reviews best ${GLOBEX}`]);
  assert.deepEqual(await list({ rejected: true }), [`pay hidden ${GLOBEX}`, `x rejected ${GLOBEX}`]);
  assert.deepEqual(await list({ out: INSIDE }), ["books sent ", `reviews sent ${GLOBEX}`]);
  assert.deepEqual(
    await list({ out: GLOBEX }),
    [],
    "nothing without a rule, and nothing back to where it came from",
  );
  assert.equal((await verbs["route.list"]({ limit: 1 })).length, 1);
  await assert.rejects(verbs["route.list"]({ in: "nobody" }), code("ERR_NOT_FOUND"));
});

test("a name is shown and explained by as much of it as only one has", async () => {
  const { verbs, tell, own, admin } = place();
  own("books");
  tell(GLOBEX, { key: REVIEWS }, { key: "news.globex.test" });
  tell(INSIDE, { key: "news.acme.catalyst.internal" }, { key: "pay.acme.catalyst.internal" });
  const explained = await verbs["route.explain"]({ name: "reviews" });
  assert.equal(explained.key, REVIEWS);
  assert.deepEqual(explained.away, [INSIDE, GLOBEX]);
  assert.deepEqual(explained.leftOut, { code: "ERR_SCHEMA_CONFLICT", text: "no" });
  const leftOut = peeringProblems(admin.facts()).filter(({ text }) => text.includes("left out"));
  assert.deepEqual(
    leftOut.map(({ text }) => text),
    [`${REVIEWS} is left out of the graph: no`],
    "own services say it themselves",
  );
  assert.deepEqual(Object.values(explained.rules), ["imports[0], catalyst.json:7"]);
  assert.deepEqual(
    explained.told.map(({ peer, send, reason }) => [peer, send, reason]),
    [
      [GLOBEX, false, "loop"],
      [INSIDE, true, "exported"],
    ],
  );
  assert.equal(
    (await verbs["route.explain"]({ name: "news" })).key,
    "news.acme.catalyst.internal",
    "own first",
  );
  const none = await verbs["route.explain"]({ name: "nothing.globex.test" });
  assert.deepEqual(none.candidates, []);
  await assert.rejects(verbs["route.show"]({ name: "nothing" }), code("ERR_NOT_FOUND"));
});

test("a rule test says what decides, also of a name that nobody tells yet", async () => {
  const named: Rule = { match: { key: REVIEWS, organization: "globex.test" }, action: "accept" };
  const { verbs, tell } = place([named]);
  tell(GLOBEX, { key: REVIEWS }, { key: "pay.globex.test" });
  const all = await verbs["import.test"]({ peer: "globex" });
  assert.deepEqual(
    all.map(({ name, accept, reason, at, told }) => [name.split(".")[0], accept, reason, at, told]),
    [
      ["reviews", true, "accepted", "imports[0], catalyst.json:7", true],
      ["pay", false, "import-default", undefined, true],
    ],
  );
  const later = await verbs["import.test"]({ name: "later.globex.test" });
  assert.deepEqual(
    later.map(({ peer, accept, told }) => [peer, accept, told]),
    [
      [GLOBEX, false, false],
      [INSIDE, true, false],
    ],
  );
  await assert.rejects(verbs["export.test"]({ name: "nothing" }), code("ERR_NOT_FOUND"));
});

test("rules are added behind or before, counted, and removed by id or place; the file's are not", async () => {
  const { verbs, tell, loop } = place();
  tell(GLOBEX, { key: REVIEWS }, { key: "pay.globex.test" });
  const reject = { match: { key: "pay.globex.test" }, action: "reject" };
  const added = await verbs["import.add"]({ rule: reject });
  assert.deepEqual([added.place, added.owner.kind, added.rule], [2, "admin", reject]);
  const first = await verbs["import.add"]({ rule: { peer: "edge9.*", action: "accept" }, before: added.id });
  assert.equal(first.place, 2);
  const counts = async () => (await verbs["import.list"]({})).map(({ place: at, routes }) => [at, routes]);
  assert.deepEqual(await counts(), [
    [1, 2],
    [2, 0],
    [3, 0],
  ]);
  await verbs["import.remove"]({ id: "2" });
  await verbs["import.remove"]({ id: added.id.slice(0, 6) });
  assert.equal(loop.view.rules.imports.length, 1);
  await assert.rejects(verbs["import.remove"]({ id: "1" }), code("ERR_OWNED_BY_CONFIG"));
  await assert.rejects(verbs["import.remove"]({ id: "zzz" }), code("ERR_NOT_FOUND"));
  await assert.rejects(verbs["import.add"]({ rule: { acton: "accept" } }), (error) => {
    assert.match(String(error), /not a rule: .*acton.*did you mean action\?/);
    return code("ERR_INVALID_ARGUMENT")(error);
  });
  const forms = [
    { to: "globex.test", match: { key: "a.acme.catalyst.internal" }, action: "accept", set: { cost: 5 } },
    { peer: "*.globex.test", action: "reject" },
  ];
  for (const rule of forms) assert.deepEqual((await verbs["export.add"]({ rule })).rule, rule);
});

test("a service is exported to one organization or all, and taken back as it was given", async () => {
  const { verbs, own, loop } = place();
  own("books");
  const told = async () =>
    (await verbs["export.test"]({ name: "books" })).filter(({ accept }) => accept).map(({ peer }) => peer);
  assert.deepEqual(await told(), [INSIDE]);
  const answer = await verbs["service.export"]({ name: "books", to: "globex" });
  assert.deepEqual(
    answer.told.map(({ peer, send }) => [peer, send]),
    [
      [GLOBEX, true],
      [INSIDE, true],
    ],
  );
  await verbs["service.export"]({ name: "books", to: "globex.test" });
  assert.equal(loop.view.rules.exports.length, 1, "once more changes nothing");
  await verbs["service.unexport"]({ name: "books", to: "hooli.test" });
  assert.deepEqual(await told(), [GLOBEX, INSIDE], "that was not asked for");
  await verbs["service.unexport"]({ name: "books" });
  assert.deepEqual(await told(), [INSIDE]);
  await assert.rejects(verbs["service.export"]({ name: "bokos" }), code("ERR_NOT_FOUND"));
  await assert.rejects(verbs["service.export"]({ name: "books", to: "hooli" }), code("ERR_NOT_FOUND"));
});

test("what the file exports, the file takes back", async () => {
  const { verbs, step } = place();
  const fixed = intent("books", { export: true, owner: { ...LINE, line: 3 } });
  step({ kind: "config.services", services: [fixed] });
  await assert.rejects(verbs["service.unexport"]({ name: "books" }), (error) => {
    assert.match(String(error), /stays exported.*catalyst\.json:3/);
    return code("ERR_OWNED_BY_CONFIG")(error);
  });
});

test("other rules are compared with what is told now; a list that is not given stays", async () => {
  const { verbs, tell, loop } = place([]);
  tell(GLOBEX, { key: REVIEWS });
  const revision = loop.revision;
  const [inside, globex] = (await verbs["peer.diff"]({ imports: [{ action: "accept" }] })).toSorted((a, b) =>
    a.peer < b.peer ? 1 : -1,
  );
  assert.deepEqual(
    [globex?.imports.gained ?? [], inside?.exports.gained ?? []],
    inside?.peer === INSIDE ? [[REVIEWS], [REVIEWS]] : [[], []],
  );
  assert.equal(loop.revision, revision, "nothing is changed");
  await assert.rejects(
    verbs["peer.diff"]({ imports: [{ action: "accept" }, { action: "acept" }] }),
    /not rules: imports\[1\]\.action/,
  );
});

test("counts of routes in use equal a walk over the table, whatever happens", () => {
  const step = fc.record({
    peer: fc.constantFrom(GLOBEX, INSIDE),
    key: fc.constantFrom("a.globex.test", "b.globex.test", "c.globex.test"),
    gone: fc.boolean(),
    seq: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const { loop, step: turn, tell } = place();
      const counts = new RouteCounts(loop.view.routes);
      loop.watch(({ commit }) => void (commit !== undefined && counts.commit(commit)));
      for (const { peer, key, gone, seq } of steps) {
        const version = { epoch: 1, seq };
        if (!gone) tell(peer, { key, version, origin: GLOBEX });
        else
          turn({
            kind: "peer.told",
            peer,
            told: { kind: "update", withdraw: [{ key, version }], advertise: [], rejected: [] },
          });
      }
      const walked = { [GLOBEX]: [0, 0], [INSIDE]: [0, 0] } as Record<string, number[]>;
      for (const key of loop.view.routes.keys())
        (loop.view.routes.best(key) ?? []).forEach((path, at) => {
          const row = walked[path.peerName] ?? [0, 0];
          walked[path.peerName] = [(row[0] ?? 0) + (at === 0 ? 1 : 0), (row[1] ?? 0) + 1];
        });
      assert.deepEqual(
        [GLOBEX, INSIDE].map((node) => counts.of(node)),
        [GLOBEX, INSIDE].map((node) => ({ best: walked[node]?.[0], used: walked[node]?.[1] })),
      );
    }),
  );
});

test("a table that arrives is a few lines, and sums up what came within a second", async () => {
  const { tell, step, clock, journal, admin } = place();
  const many = Array.from({ length: 500 }, (_, at) => ({ key: `s${at}.globex.test` }));
  tell(GLOBEX, { key: REVIEWS });
  tell(GLOBEX, ...many);
  tell(INSIDE, { key: "pay.acme.catalyst.internal" });
  step({ kind: "peer.told", peer: GLOBEX, told: { kind: "gone" } });
  await clock.advance(1_000);
  const lines = journal.last(100).filter(({ kind }) => kind.startsWith("routes."));
  assert.deepEqual(
    lines.map(({ text }) => text),
    [
      `1 route gained from ${GLOBEX}: ${REVIEWS}`,
      `500 routes gained from ${GLOBEX}: s0.globex.test, s1.globex.test, s2.globex.test and 497 more`,
      `1 route gained from ${INSIDE}: pay.acme.catalyst.internal`,
      `501 routes lost from ${GLOBEX}: ${REVIEWS}, s0.globex.test, s1.globex.test and 498 more`,
    ],
  );
  assert.deepEqual(clock.waiting, [], "nothing is waited for when nothing happened");
  admin.close();
});

test("a peer that was added by hand is judged as one in the file", async () => {
  const parser = peeringParser(NODE, "own");
  const peer = await parser.peer({ node: GLOBEX, trust: "PEM", limits: { routes: 5 }, hold: "5s" });
  assert.deepEqual([peer.node, peer.hold, peer.limits.routes, peer.trust], [GLOBEX, 5_000, 5, undefined]);
  await assert.rejects(parser.peer({ node: GLOBEX }), /not a peer: .*give trust/);
  await assert.rejects(parser.peer({ node: NODE }), /is this node itself/);
  await assert.rejects(parser.peer({ node: INSIDE, kind: "external" }), /kind: external does not fit/);
});

const NOW = 1_000_000;
const session = (phase: Session["phase"], rest: Partial<Session> = {}): Session => ({
  self: NODE,
  intent: external,
  phase,
  draining: false,
  dials: 0,
  failures: 0,
  authFailures: 0,
  flaps: 0,
  ...rest,
});
const up = (rest: Partial<Extract<Session["phase"], { state: "established" }>> = {}): Session["phase"] => ({
  state: "established",
  conn: "d1",
  dialled: true,
  agreed: {} as Extract<Session["phase"], { state: "established" }>["agreed"],
  theirs: {} as Extract<Session["phase"], { state: "established" }>["theirs"],
  since: NOW - 500_000,
  told: true,
  heardAll: true,
  syncedAt: NOW - 400_000,
  holdUntil: NOW + 9_000,
  spokeAt: NOW,
  progressAt: NOW,
  aliveAt: NOW,
  sentSeq: 5,
  ackedSeq: 5,
  ackedAt: NOW - 7_000,
  receivedSeq: 5,
  clockOffsetMs: 0,
  ...rest,
});
const report = (rest: Partial<PeerReport> = {}): PeerReport => ({
  session: session(up()),
  routes: 1,
  nearLimit: false,
  repairs: 0,
  lastEndAt: NOW - 400_000,
  lastSameAt: NOW - 20_000,
  advertised: 1,
  behind: 0,
  inFlight: 0,
  stale: "no",
  staleSince: undefined,
  ...rest,
});
const recorded = (rest: Partial<PeerReport> = {}, state: Partial<PeerState> = {}): PeerRecord =>
  peerRecord(
    {
      intent: external,
      owner: { kind: "admin" },
      report: report(rest),
      limit: undefined,
      remote: undefined,
      certificateEnds: undefined,
      ...state,
    },
    undefined,
    { best: 1, used: 1 },
    NOW,
  );

test("session-up-data-stale: connected is not fresh", () => {
  const state = (rest: Partial<PeerReport>) => recorded(rest).freshness.state;
  assert.equal(state({}), "fresh");
  assert.equal(state({ lastSameAt: NOW - 150_000 }), "stale", "the sums were not equal for too long");
  assert.equal(state({ lastSameAt: undefined, session: session(up({ syncedAt: NOW - 1_000 })) }), "fresh");
  assert.equal(state({ stale: "stale" }), "stale");
  assert.equal(state({ stale: "long" }), "long-stale");
  assert.equal(state({ lastEndAt: undefined }), "none");
  assert.deepEqual(recorded({ inFlight: 2, behind: 3 }).freshness, {
    state: "fresh",
    endMarkAgoMs: 400_000,
    digestAgoMs: 20_000,
    lag: 2,
    oldestUnackedMs: 7_000,
    behind: 3,
    digestRepairs: 0,
  });
});

test("a session says what it waits for, and why it ended", () => {
  const ended = { at: NOW - 2_000, code: 3, text: "" };
  const { session: shown } = recorded({
    session: session({ state: "idle", waits: "retry", retryAt: NOW + 500 }, { last: ended, flaps: 2 }),
  });
  assert.deepEqual(shown, {
    state: "idle",
    forMs: 2_000,
    waits: "retry",
    retryInMs: 500,
    flaps: 2,
    last: { agoMs: 2_000, code: 3, text: "roles" },
  });
});

test("problems between nodes: what was meant is none, what is near is named, many are summed up", () => {
  const found = (peers: readonly PeerRecord[], uptimeMs = 60_000): string[] =>
    peeringProblems({ status: STATUS, peers, leftOut: [], uptimeMs, now: NOW }).map(({ code: its }) => its);
  const idle = (waits: "retry" | "operator" | "down" | "peer"): Partial<PeerReport> => ({
    session: session({ state: "idle", waits }),
  });
  assert.deepEqual(found([recorded()]), []);
  assert.deepEqual(found([recorded(idle("down"))]), []);
  assert.deepEqual(found([recorded(idle("retry"))], 1_000), [], "it was just started");
  assert.deepEqual(found([recorded(idle("retry"))]), ["ERR_PEER_DOWN"]);
  assert.deepEqual(found([recorded({ ...idle("peer"), stale: "stale" })]), ["ERR_PEER_DOWN"], "one reason");
  assert.deepEqual(found([recorded({ stale: "stale" })]), ["ERR_PEER_STALE"]);
  const limit = { state: "near", by: "routes", used: 9, limit: 10, text: "9 of 10 routes" } as const;
  assert.deepEqual(found([recorded({}, { limit })]), ["ERR_PEER_LIMIT"]);
  assert.deepEqual(found([recorded({}, { certificateEnds: NOW + 3_600_000 })]), ["ERR_PEER_CERTIFICATE"]);
  const many = Array.from({ length: 9 }, () => recorded(idle("retry")));
  assert.equal(found(many).length, 6);
  const status = { ...STATUS, problems: [{ text: "no certificate", hint: "catalyst init" }] };
  const [first] = peeringProblems({ status, peers: many, leftOut: [], uptimeMs: 0, now: NOW });
  assert.deepEqual(first, { code: "ERR_PEERING", text: "no certificate", hint: "catalyst init" });
});

test("a picture of the node shows peers in trouble first, and says by what nodes are known", () => {
  const facts = (peers: readonly PeerRecord[], more: Partial<typeof STATUS> = {}) => ({
    status: { ...STATUS, ...more },
    peers,
    leftOut: [],
    uptimeMs: 60_000,
    now: NOW,
  });
  assert.equal(peeringStatus(facts([]), "own"), undefined);
  const lost = { ...recorded({ session: session({ state: "idle", waits: "retry" }) }), node: INSIDE };
  const all = [...Array.from({ length: 60 }, () => recorded()), lost];
  const status = peeringStatus(facts(all), "own");
  assert.deepEqual(
    [status?.peers, status?.synced, status?.shown.length, status?.shown[0]?.node, status?.between],
    [61, 60, 50, INSIDE, "certificate"],
  );
  assert.equal(peeringStatus(facts(all), "none")?.between, "none");
  assert.equal(peeringStatus(facts(all, { proven: false }), "own")?.between, "none");
});
