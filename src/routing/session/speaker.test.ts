// All sessions of one node as data: what a large table costs at once, and when a node that starts calls what it tells everything.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { routeOf, SELF } from "../../../test/kit/routes.ts";
import type { Path } from "../path.ts";
import type { PeerIntent, Route } from "../route.ts";
import { Inbox } from "./inbox.ts";
import type { Open } from "./message.ts";
import { Speaker } from "./speaker.ts";
import type { Exported, SpeakerInput, SpeakerOutput, SpeakerSelf } from "./speech.ts";

const PEER = "edge2.acme.test";
const LIMITS = { routes: 1_000_000, rate: 1_000_000, bytes: 1 << 30, pathLength: 16 };
const ROUTES = 50_000;
/** Of one call: a slice of the table, and a window of frames. */
const AT_ONCE = 1_000 + 9 * 500;

const intentOf = (node: string): PeerIntent => ({
  node,
  organization: "acme.test",
  kind: "internal",
  role: "internal",
  address: `${node}:7443`,
  onLoss: "depreference",
  limits: LIMITS,
});

const openOf = (node: string): Open => ({
  versions: [1, 1],
  node,
  organization: "acme.test",
  incarnation: `${node}-1`,
  role: "internal",
  holdMs: 9_000,
  sendHoldMs: 18_000,
  encodings: ["identity"],
  epoch: `${node}-1.1`,
  limits: LIMITS,
  capabilities: {},
});

/** A node with names of its own, and its peer, which takes what it is told. */
class Pair {
  readonly names = new Map<string, Exported>();
  readonly inbox = new Inbox(PEER, LIMITS);
  readonly speaker: Speaker;
  policy = "all";
  /** Routes looked at in the call that looked at most. */
  most = 0;
  ends = 0;
  frames = 0;
  #looked = 0;
  #at = 0;
  #held: SpeakerOutput[] = [];

  constructor() {
    const { node, organization } = SELF;
    const self: SpeakerSelf = {
      node,
      organization,
      incarnation: "one",
      versions: [1, 1],
      encodings: ["identity"],
      capabilities: {},
    };
    this.speaker = new Speaker(self, {
      policy: () => this.policy,
      keys: () => this.names.keys(),
      exported: (policy, key) => this.#look(policy, this.names.get(key)),
      route: (policy, { key }) => this.#look(policy, this.names.get(key))?.route,
    });
  }

  /** "all", or the names that a policy of that name denies. */
  #look(policy: string, exported: Exported | undefined): Exported | undefined {
    this.#looked += 1;
    return exported?.route.key.includes(policy) === true ? undefined : exported;
  }

  set(name: string, seq = 1): void {
    const route: Route = routeOf(SELF.node, { key: `${name}.acme.test`, version: { epoch: 1, seq } });
    const exported: Exported = { path: route as unknown as Path, route };
    this.names.set(route.key, exported);
    const told = this.#look(this.policy, exported);
    if (told !== undefined) this.#call(() => this.speaker.advertise(this.policy, told));
  }

  drop(name: string): void {
    const key = `${name}.acme.test`;
    this.names.delete(key);
    this.#call(() => this.speaker.withdraw(this.policy, key));
  }

  input(input: Record<string, unknown>): void {
    this.#do(() => this.speaker.input({ ...input, at: this.#at, random: 0.5 } as unknown as SpeakerInput));
  }

  open(): void {
    this.input({ kind: "configure", intent: intentOf(PEER) });
    this.input({ kind: "asked", node: PEER, conn: "a1", theirs: openOf(PEER) });
  }

  flush(): void {
    this.#do(() => this.speaker.flush(this.#at));
  }

  regroup(): void {
    this.#do(() => {
      this.speaker.regroup();
      return this.speaker.flush(this.#at);
    });
  }

  /** One turn: a slice of what is to be told, and the answers of the peer to what it was told. */
  turn(): void {
    this.#at += 1;
    if (this.speaker.filling) this.#do(() => this.speaker.fill(this.#at));
    for (const output of this.#held.splice(0)) {
      if (output.kind === "frame") this.#take(output);
    }
  }

  /** Until nothing is left to be told. */
  settle(): void {
    while (this.speaker.filling || this.#held.length > 0) this.turn();
  }

  #take({ seq, frame, conn }: Extract<SpeakerOutput, { kind: "frame" }>): void {
    const taken = this.inbox.take(seq, frame, this.#at);
    assert.ok(taken.ok);
    assert.equal(taken.ok ? taken.refresh : undefined, undefined);
    this.frames += 1;
    if (frame.kind === "end") this.ends += 1;
    this.input({ kind: "acked", node: PEER, conn, seq, credit: 8 });
  }

  #do(run: () => readonly SpeakerOutput[]): void {
    const outputs = this.#call(run);
    for (const output of outputs) {
      if (output.kind === "up") this.inbox.open(openOf(SELF.node), false, this.#at);
      if (output.kind === "frame") this.#held.push(output);
    }
  }

  #call<T>(run: () => T): T {
    this.#looked = 0;
    const result = run();
    this.most = Math.max(this.most, this.#looked);
    return result;
  }
}

describe("a large table", () => {
  function large(routes = ROUTES / 2): Pair {
    const pair = new Pair();
    for (let at = 0; at < routes; at++) pair.set(`${at % 2 === 0 ? "even" : "odd"}${at}`);
    return pair;
  }

  test("is made in slices for the first peer of its kind; the end mark comes when it is whole", () => {
    const pair = large(ROUTES);
    pair.open();
    pair.settle();
    assert.ok(pair.most <= AT_ONCE, `${pair.most} routes at once`);
    assert.deepEqual([pair.ends, pair.inbox.routes, pair.inbox.whole], [1, ROUTES, true]);
    assert.ok(pair.frames <= ROUTES / 500 + 4, `${pair.frames} frames`);
  });

  test("changes while it is made: each name is told as it is at the end", () => {
    const pair = large();
    pair.open();
    for (let at = 0; at < 20; at++) {
      pair.turn();
      // Names that were looked at already, that were not, and that come and go meanwhile.
      pair.set("even0", 2 + at);
      pair.set(`odd${ROUTES / 2 - 1}`, 2 + at);
      pair.drop(`even${at * 1_000}`);
      pair.set(`fresh${at}`);
      pair.set("gone");
      pair.flush();
      pair.drop("gone");
      pair.flush();
      assert.equal(pair.ends, 0);
    }
    pair.settle();
    assert.deepEqual([pair.ends, pair.inbox.routes, pair.inbox.repairs], [1, pair.names.size, 0]);
    assert.ok(pair.most <= AT_ONCE, `${pair.most} routes at once`);
  });

  test("other rules are applied in slices, and what changes meanwhile is told by the new ones", () => {
    const pair = large();
    pair.open();
    pair.settle();
    pair.most = 0;
    for (const policy of ["odd", "even"]) {
      pair.policy = policy;
      pair.regroup();
      pair.set(`odd${policy}`);
      pair.set(`even${policy}`);
      pair.drop(policy === "odd" ? "even20000" : "odd20001");
      pair.flush();
      // The second one comes while the first is under way.
      for (let at = 0; at < 10; at++) pair.turn();
    }
    pair.settle();
    assert.ok(pair.most <= AT_ONCE, `${pair.most} routes at once`);
    const left = [...pair.names.keys()].filter((key) => !key.includes("even")).length;
    assert.equal(pair.inbox.routes, left);
    pair.input({ kind: "refresh", node: PEER, conn: "a1", buckets: "all" });
    pair.settle();
    assert.deepEqual([pair.inbox.routes, pair.inbox.repairs, pair.ends], [left, 0, 2]);
  });
});
