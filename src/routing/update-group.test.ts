import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { routeOf, SELF, type SomeRoute } from "../../test/kit/routes.ts";
import type { Route } from "./route.ts";
import { Advertised } from "./advertised.ts";
import { Digest, rowOf } from "./digest.ts";
import { FRAME, type Send, UpdateGroup } from "./update-group.ts";

const ORG = SELF.organization;
const [ONE, TWO] = ["edge2.acme.test", "edge3.acme.test"];
const route = (name: string, rest: Partial<SomeRoute> = {}) =>
  routeOf(SELF.node, { key: `${name}.acme.test`, ...rest });

/** A route that came by the second node of its path. */
type Told = Route & { readonly peerName: string };
const learned = (one: Route): Told => ({ ...one, peerName: one.nodePath[1] ?? SELF.node });
const groupOf = (told: (one: Told) => Route | undefined = (one) => one) =>
  new UpdateGroup<Told>(ORG, new Advertised<Told>(ORG, told));
const tell = (group: UpdateGroup<Told>, one: Route) => group.advertise(learned(one), one);

const words = (sends: readonly Send[]) =>
  sends.map((send) => {
    if (send.kind === "digest") return "digest";
    const { frame } = send;
    if (frame.kind !== "update") return frame.kind;
    return [...frame.withdraw.map(({ key }) => `-${key}`), ...frame.advertise.map(({ key }) => key)].join(
      " ",
    );
  });

/** Drains and acknowledges until nothing is left. */
function settle(group: UpdateGroup<Told>, node: string): Send[] {
  const all: Send[] = [];
  for (;;) {
    const sends = group.drain(node);
    if (sends.length === 0) return all;
    all.push(...sends);
    const last = sends.findLast((send) => send.kind === "frame");
    if (last?.kind === "frame") group.ack(node, last.seq, FRAME.window);
  }
}

test("tells everything between marks, then changes, newest state only, withdrawals first", () => {
  const group = groupOf();
  for (const name of ["a", "b"]) tell(group, route(name));
  group.join(ONE, ORG, "e", undefined);
  assert.deepEqual(words(settle(group, ONE)), ["begin", "a.acme.test b.acme.test", "end"]);
  for (const seq of [2, 3, 4]) tell(group, route("a", { version: { epoch: 1, seq } }));
  group.withdraw("b.acme.test");
  const [send] = settle(group, ONE);
  assert.deepEqual(words([send as Send]), ["-b.acme.test a.acme.test"]);
  assert.ok(send?.kind === "frame" && send.frame.kind === "update");
  assert.equal(send.frame.advertise[0]?.version.seq, 4);
  assert.equal(tell(group, route("a", { version: { epoch: 1, seq: 4 } })), false);
  assert.deepEqual(group.drain(ONE), []);
});

test("peers at one place get the same frame object; a slow one its own, when it is ready", () => {
  const group = groupOf();
  for (const node of [ONE, TWO]) {
    group.join(node, ORG, "e", undefined);
    settle(group, node);
  }
  tell(group, route("a"));
  const [first] = group.drain(ONE);
  const [second] = group.drain(TWO);
  assert.ok(first?.kind === "frame" && second?.kind === "frame");
  assert.equal(first.frame, second.frame);

  for (let seq = 0; seq < 50; seq++) {
    tell(group, route(`s${seq}`));
    tell(group, route("hot", { version: { epoch: 1, seq } }));
    settle(group, ONE);
    group.drain(TWO);
  }
  assert.equal(group.status(TWO)?.inFlight, FRAME.window);
  group.ack(TWO, 100, FRAME.window);
  const [late] = group.drain(TWO);
  assert.ok(late?.kind === "frame" && late.frame.kind === "update");
  const hot = late.frame.advertise.filter(({ key }) => key === "hot.acme.test");
  assert.deepEqual(
    hot.map(({ version }) => version.seq),
    [49],
  );
});

test("a frame holds at most 500 routes and 256 KiB", () => {
  const group = groupOf();
  for (let i = 0; i < 1_200; i++) tell(group, route(`s${i}`));
  const labels = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`l${i}`, "\u0001".repeat(100)]));
  for (let i = 0; i < 60; i++) tell(group, route(`t${i}`, { attributes: { health: "up", labels } }));
  group.join(ONE, ORG, "e", undefined);
  const frames = settle(group, ONE).flatMap((send) => (send.kind === "frame" ? [send] : []));
  for (const { frame, routes } of frames) {
    assert.ok(routes <= FRAME.routes);
    assert.ok(Buffer.byteLength(JSON.stringify(frame)) <= FRAME.bytes);
  }
  assert.equal(
    frames.reduce((sum, { routes }) => sum + routes, 0),
    1_260,
  );
});

describe("inside an organization", () => {
  const by = (peer: string, name: string, seq = 1) =>
    route(name, {
      origin: "origin.acme.test",
      nodePath: [SELF.node, peer, "origin.acme.test"],
      version: { epoch: 1, seq },
    });

  /** Two peers that have read everything. */
  function two() {
    const group = groupOf();
    for (const node of [ONE, TWO]) {
      group.join(node, ORG, "e", undefined);
      settle(group, node);
    }
    return group;
  }
  const heard = (group: UpdateGroup<Told>) => [words(settle(group, ONE)), words(settle(group, TWO))];
  const counts = ({ table }: UpdateGroup<Told>) =>
    [ONE, TWO].map((node) => [
      table.digestFor({ node, organization: ORG }).count(),
      table.countFor({ node, organization: ORG }),
    ]);

  test("a peer is not told its own word, and its sums say so", () => {
    const group = two();
    tell(group, by(ONE, "a"));
    assert.deepEqual(heard(group), [[], ["a.acme.test"]]);
    assert.deepEqual(counts(group), [
      [0, 0],
      [1, 1],
    ]);
    group.refresh(ONE, "all");
    assert.deepEqual(heard(group), [["begin", "end"], []]);
    tell(group, by(ONE, "a", 2));
    assert.deepEqual(heard(group), [[], ["a.acme.test"]]);
    group.withdraw("a.acme.test");
    assert.deepEqual(heard(group), [[], ["-a.acme.test"]]);
    tell(group, by(TWO, "a", 3));
    assert.deepEqual(heard(group), [["a.acme.test"], []]);
  });

  test("one that was told of another way hears when its own is used, once", () => {
    const group = two();
    tell(group, by(ONE, "a"));
    settle(group, ONE);
    settle(group, TWO);
    tell(group, by(TWO, "a", 2));
    const [[first], [second]] = [group.drain(ONE), group.drain(TWO)];
    assert.ok(first?.kind === "frame" && second?.kind === "frame");
    assert.equal(first.frame, second.frame);
    assert.deepEqual(words([first]), ["a.acme.test"]);
    for (const [node, { seq }] of [
      [ONE, first],
      [TWO, second],
    ] as const)
      group.ack(node, seq, FRAME.window);
    tell(group, by(TWO, "a", 3));
    assert.deepEqual(heard(group), [["a.acme.test"], []]);
    group.withdraw("a.acme.test");
    assert.deepEqual(heard(group), [["-a.acme.test"], []]);
  });

  test("one that did not read that it was gone hears that its own way is used", () => {
    const group = two();
    tell(group, by(ONE, "a"));
    settle(group, TWO);
    group.withdraw("a.acme.test");
    settle(group, ONE);
    tell(group, by(TWO, "a", 2));
    tell(group, by(TWO, "a", 3));
    assert.deepEqual(heard(group), [["a.acme.test"], ["a.acme.test"]]);
  });

  test("what parts from a group, and what is compacted, still knows who was told what", () => {
    const group = two();
    tell(group, by(ONE, "a"));
    settle(group, TWO);
    tell(group, by(TWO, "a", 2));
    const parted = group.fork([TWO]);
    assert.deepEqual(words(settle(parted, TWO)), ["a.acme.test"]);
    for (let seq = 3; seq < 500; seq++) {
      tell(parted, by(TWO, "a", seq));
      tell(parted, by(TWO, `s${seq}`));
      assert.deepEqual(words(settle(parted, TWO)), []);
    }
  });

  test("who is told nothing of very many changes gets an empty frame now and then, and goes on with its answer", () => {
    const group = two();
    const frames = FRAME.skipped + 2;
    for (let i = 0; i < frames * FRAME.routes; i++) tell(group, by(ONE, `s${i}`));
    tell(group, by(TWO, "last"));
    const sends = group.drain(ONE);
    assert.deepEqual(words(sends), [""]);
    assert.ok(group.status(ONE)?.behind);
    assert.ok(sends[0]?.kind === "frame");
    group.ack(ONE, sends[0].seq, FRAME.window);
    const rest = words(settle(group, ONE));
    assert.deepEqual(
      rest.map((one) => one.split(" ").at(-1)),
      [...Array.from(rest.slice(1), () => ""), "last.acme.test"],
    );

    assert.equal(group.status(ONE)?.behind, 0);
  });
});

describe("across organizations", () => {
  const PEER = "edge1.globex.test";
  const through = (name: string, seq = 1) =>
    routeOf(SELF.node, {
      key: `${name}.initech.test`,
      via: [PEER],
      origin: "edge1.initech.test",
      version: { epoch: 1, seq },
    });
  const other = (name: string, seq = 1) =>
    routeOf(SELF.node, {
      key: `${name}.initech.test`,
      origin: "edge1.initech.test",
      version: { epoch: 1, seq },
    });

  test("a peer is not told of what came through its organization, and its sums say so", () => {
    const group = groupOf();
    for (const node of [PEER, "edge1.hooli.test"]) group.join(node, node.slice(6), "e", undefined);
    for (const node of group.members) settle(group, node);
    tell(group, other("a"));
    tell(group, through("b"));
    assert.deepEqual(words(settle(group, "edge1.hooli.test")), ["a.initech.test b.initech.test"]);
    assert.deepEqual(words(settle(group, PEER)), ["a.initech.test"]);
    assert.equal(group.table.digestFor({ node: PEER, organization: "globex.test" }).count(), 1);
    // It was told of it by another way before.
    tell(group, through("a", 2));
    assert.deepEqual(words(settle(group, PEER)), ["-a.initech.test"]);
    tell(group, through("a", 3));
    group.withdraw("b.initech.test");
    assert.deepEqual(words(settle(group, PEER)), []);
    assert.equal(group.table.digestFor({ node: PEER, organization: "globex.test" }).count(), 0);
  });
});

describe("resume", () => {
  function synced() {
    const group = groupOf();
    tell(group, route("a"));
    group.join(ONE, ORG, "e1", undefined);
    const sent = settle(group, ONE);
    group.leave(ONE);
    return { group, lastSeq: sent.length };
  }

  test("goes on after the last frame that arrived, and ends with a mark", () => {
    const { group, lastSeq } = synced();
    tell(group, route("b"));
    assert.equal(group.join(ONE, ORG, "e2", { epoch: "e1", lastSeq, restartMs: 1_000 }), true);
    assert.deepEqual(words(settle(group, ONE)), ["b.acme.test", "end"]);
  });

  test("starts over from another epoch, from an unknown place, and from between the marks", () => {
    for (const resume of [
      { epoch: "e0", lastSeq: 3, restartMs: 1_000 },
      { epoch: "e1", lastSeq: 99, restartMs: 1_000 },
      { epoch: "e1", lastSeq: 1, restartMs: 1_000 },
    ]) {
      const { group } = synced();
      assert.equal(group.join(ONE, ORG, "e2", resume), false);
      assert.deepEqual(words(settle(group, ONE)), ["begin", "a.acme.test", "end"]);
    }
  });

  test("starts over from a number that meant two things", () => {
    const { group, lastSeq } = synced();
    const resume = { epoch: "e1", lastSeq, restartMs: 1_000 };
    group.join(ONE, ORG, "e2", resume);
    assert.deepEqual(words(settle(group, ONE)), ["end"]);
    // Late first words of an older dial: the withdrawal takes the number of the end mark, and arrives nowhere.
    group.withdraw("a.acme.test");
    assert.equal(group.join(ONE, ORG, "e3", resume), true);
    assert.deepEqual(words(settle(group, ONE)), ["-a.acme.test", "end"]);
    assert.equal(group.join(ONE, ORG, "e4", { ...resume, lastSeq: lastSeq + 1 }), false);
    assert.deepEqual(words(settle(group, ONE)), ["begin", "-a.acme.test", "end"]);
  });

  test("what was withdrawn meanwhile is still told", () => {
    const { group, lastSeq } = synced();
    group.join(TWO, ORG, "x", undefined);
    settle(group, TWO);
    group.withdraw("a.acme.test");
    for (let i = 0; i < 500; i++) {
      tell(group, route("churn", { version: { epoch: 1, seq: i } }));
      settle(group, TWO);
    }
    group.join(ONE, ORG, "e2", { epoch: "e1", lastSeq, restartMs: 1_000 });
    assert.deepEqual(words(settle(group, ONE))[0], "-a.acme.test churn.acme.test");
  });
});

test("a comparison waits until everything is told; buckets that differ are told once more", () => {
  const group = groupOf();
  for (const name of ["a", "b", "c"]) tell(group, route(name));
  group.join(ONE, ORG, "e", undefined);
  group.compare(ONE);
  const sends = settle(group, ONE);
  assert.deepEqual(words(sends).at(-1), "digest");
  const last = sends.at(-1);
  assert.ok(last?.kind === "digest");
  assert.equal(last.mark.seq, 3);
  const bucket = last.mark.buckets.findIndex((sum) => !/^0+$/.test(sum));
  assert.equal(group.compared(ONE, [bucket]), 1);
  const [begin, again, end] = settle(group, ONE);
  assert.ok(begin?.kind === "frame" && begin.frame.kind === "begin");
  assert.deepEqual(begin.frame.buckets, [bucket]);
  assert.ok(again?.kind === "frame" && again.frame.kind === "update");
  assert.ok(end?.kind === "frame" && end.frame.kind === "end");
  assert.equal(again.frame.advertise.length, end.frame.count);
});

test("entries of the past are dropped once everybody has read them", () => {
  const group = groupOf();
  group.join(ONE, ORG, "e", undefined);
  for (let i = 0; i < 5_000; i++) {
    tell(group, route(`s${i}`));
    if (i >= 10) group.withdraw(`s${i - 10}.acme.test`);
    settle(group, ONE);
  }
  assert.equal(group.table.routes, 10);
  assert.ok(group.table.size < 500, `${group.table.size} entries`);
});

test("a group that parts keeps what each was told; only the difference is sent", () => {
  const group = groupOf();
  for (const name of ["a", "b"]) tell(group, route(name));
  for (const node of [ONE, TWO]) {
    group.join(node, ORG, "e", undefined);
    settle(group, node);
  }
  const parted = group.fork([TWO]);
  parted.withdraw("a.acme.test");
  tell(group, route("c"));
  assert.deepEqual(words(settle(parted, TWO)), ["-a.acme.test"]);
  assert.deepEqual(words(settle(group, ONE)), ["c.acme.test"]);
});

test("a route that would be told otherwise by the time its frame is written is told to all, or taken back", () => {
  let cost: number | undefined = 0;
  const told = (one: Told) => (cost === undefined ? undefined : { ...one, cost });
  const group = groupOf(told);
  const one = route("a");
  tell(group, one);
  group.join(ONE, ORG, "e", undefined);
  settle(group, ONE);
  cost = 7;
  group.join(TWO, ORG, "e", undefined);
  assert.deepEqual(words(settle(group, TWO)), ["begin", "a.acme.test", "end"]);
  const [again] = group.drain(ONE);
  assert.ok(again?.kind === "frame" && again.frame.kind === "update");
  assert.equal(again.frame.advertise[0]?.cost, 7);
  const { a, b, bucket } = rowOf({ ...one, cost: 7 });
  const digest = new Digest();
  digest.add({ a, b, bucket });
  assert.equal(group.table.digestFor({ node: ONE, organization: ORG }).sum(), digest.sum());
  cost = undefined;
  group.refresh(TWO, "all");
  assert.deepEqual(words(settle(group, TWO)), ["begin", "-a.acme.test", "end"]);
  assert.equal(group.table.routes, 0);
});
