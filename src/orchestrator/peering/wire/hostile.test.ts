// A peer with a sound certificate that does harm: its session ends, the victim grows by little, others go on.

import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock } from "#kernel";
import { systemClock } from "#rpc";
import type { Order, Outcome } from "./hostile-peer.common-case.ts";
import { WIRE } from "./terms.ts";
import {
  know,
  session,
  type Station,
  station,
  type StationOptions,
  twoOrganizations,
} from "./wire.common-case.ts";

const SCRIPT = join(import.meta.dirname, "hostile-peer.common-case.ts");
const NAME = "acme.test.to.edge1.globex.test";
/** What the product promises is 16 MB; what is asserted leaves room for a collector that comes late. */
const GROWTH_MAX = 64 << 20;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Globex is attacked by Acme's node while a node of its own organization has a session with it. */
async function scene(options: StationOptions = {}) {
  const two = await twoOrganizations(options);
  const { world, globex, acme } = two;
  const friend = await station(await world.node("edge2.globex.test"));
  const trust = await world.trust("globex.test");
  know(friend, globex.identity, trust);
  know(globex, friend.identity, trust);
  const peace = await session(friend, globex);
  let seq = 0;
  return {
    globex,
    /** Runs it to its end and says how much the victim grew. */
    async attack(attack: Order["attack"], during?: (victim: Station) => Promise<void>): Promise<Outcome> {
      collect();
      const before = process.memoryUsage();
      const order: Order = { identity: acme.identity, port: globex.port, name: NAME, attack };
      const child = fork(SCRIPT, [JSON.stringify(order)], {
        execArgv: ["--disable-warning=ExperimentalWarning"],
      });
      const told = once(child, "message");
      await during?.(globex);
      const [outcome] = (await told) as [Outcome];
      const { rss } = process.memoryUsage();
      collect();
      const after = process.memoryUsage();
      const kept = after.heapUsed + after.external - before.heapUsed - before.external;
      const how = `${outcome.code} "${outcome.reason}"`;
      console.log(
        `${attack}: ${how}; grown by ${mib(kept)} MB, rss with garbage ${mib(rss - before.rss)} MB`,
      );
      assert.ok(kept < GROWTH_MAX);
      // The friend noticed nothing.
      seq += 1;
      const head = { seq, encoding: "zstd", rawBytes: 10, routes: 1 } as const;
      assert.deepEqual(await peace.link.frame(head, Uint8Array.of(1)), { acked: seq, credit: 8 });
      assert.equal(peace.near.closes + peace.far.closes, 0);
      return outcome;
    },
    [Symbol.asyncDispose]: async () => {
      await friend.wire.close();
      await two[Symbol.asyncDispose]();
    },
  };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const closed = (socket: { on(event: "close" | "error", run: () => void): unknown }): Promise<void> =>
  new Promise((resolve) => {
    // Being cut off is what is waited for.
    socket.on("error", () => undefined);
    socket.on("close", resolve);
  });

/** A clock whose timers run only when they are told to. */
class HandClock implements Clock {
  readonly #timers = new Set<{ readonly ms: number; readonly run: () => void }>();
  now = (): number => systemClock.now();
  monotonic = (): number => systemClock.monotonic();

  after = (ms: number, run: () => void): (() => void) => {
    const timer = { ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  /** All timers of that length; how many there were. */
  run(ms: number): number {
    const due = [...this.#timers].filter((timer) => timer.ms === ms);
    for (const timer of due) {
      this.#timers.delete(timer);
      timer.run();
    }
    return due.length;
  }

  /** As soon as there is one. */
  async fire(ms: number): Promise<void> {
    while (this.run(ms) === 0) await nextTurn();
  }
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

/** Of the attacker's session, as the victim's driver hears it. */
const heardBy = ({ knocks }: Station) =>
  knocks.filter(({ theirs }) => theirs.node === "edge1.acme.test").flatMap(({ handler }) => handler.words);

test("stranger-updates: nothing is reached before first words, nor after a no", async () => {
  await using stage = await scene();
  const { globex } = stage;
  const early = await stage.attack("stranger");
  assert.equal(
    early.heard.filter((text) => text.includes("ERR_NOT_FOUND")).length,
    2,
    early.heard.join("\n"),
  );
  const refused = await stage.attack("refusedStranger");
  assert.match(refused.heard.join(), /certificate is that of edge1.acme.test/);
  assert.equal(globex.knocks.length, 1);
  assert.deepEqual(heardBy(globex), []);
});

test("hostile-pushes: calls that are never released, or never end, close that session", async () => {
  // However slow this machine is: what it reads of a flood in a second is more.
  await using stage = await scene({ messagesPerSecond: 500 });
  assert.equal((await stage.attack("pushes")).reason, "more than 512 calls were never released");
  assert.equal((await stage.attack("calls")).reason, "too many messages");
  // Cut off, or told so before.
  assert.ok([1000, 1006].includes((await stage.attack("pings")).code));
});

test("frames beyond the window, words twice, words of a wrong form: closed", async () => {
  await using stage = await scene({ framesHangOf: "edge1.acme.test" });
  const flood = await stage.attack("frames");
  assert.equal(flood.reason, "more than 512 calls were never released");
  assert.equal((await stage.attack("twice")).reason, "first words came twice");
  assert.match((await stage.attack("malformedFrame")).reason, /wrong arguments of frame: 0.rawBytes/);
});

test("giant strings and unknown members: bounded, ignored, or closed", async () => {
  await using stage = await scene();
  assert.equal((await stage.attack("giantOpen")).code, 1009);
  assert.match((await stage.attack("giantString")).reason, /wrong arguments of notify/);
  assert.match((await stage.attack("tooManyUnknown")).reason, /more than 50000 values/);
  const { globex } = stage;
  const ignored = await stage.attack("manyUnknown");
  assert.ok(
    ignored.heard.some((text) => text.includes("clockMs")),
    ignored.heard.join(),
  );
  const theirs = globex.knocks.at(-1)?.theirs ?? {};
  assert.equal(
    Object.keys(theirs).some((key) => key.startsWith("unknown")),
    false,
  );
});

test("a receiver that never reads costs what may be buffered, then its session", async () => {
  await using stage = await scene();
  await stage.attack("deaf", async ({ knocks }) => {
    const count = knocks.length;
    while (knocks.length === count) await nextTurn();
    const far = knocks.at(-1);
    assert.ok(far !== undefined);
    const bytes = new Uint8Array(200_000);
    for (let seq = 1; far.handler.closes === 0; seq++) {
      const head = { seq, encoding: "identity", rawBytes: bytes.length, routes: 1 } as const;
      // The driver's window would hold eight; what is never answered fails with the link.
      far.link.frame(head, bytes).catch(() => undefined);
      await nextTurn();
    }
    assert.match(await far.handler.ended.promise, /does not read/);
  });
});

test("slow loris: connections that say nothing, or not enough, are dropped; others are let in", async () => {
  const clock = new HandClock();
  const acceptMs = 7_777;
  await using stage = await scene({ clock, acceptMs });
  const { globex } = stage;
  const sockets = Array.from({ length: 100 }, () => connectSocket({ host: "127.0.0.1", port: globex.port }));
  const halfway = connectTls({
    host: "127.0.0.1",
    port: globex.port,
    servername: NAME,
    cert: stage.globex.identity.certificate,
    key: stage.globex.identity.key,
    rejectUnauthorized: false,
  });
  halfway.write("GET /rpc HTTP/1.1\r\n");
  let open = sockets.length + 1;
  for (const socket of [...sockets, halfway]) void closed(socket).then(() => (open -= 1));
  while (!globex.refusals.join().includes("too many connections without proof")) await nextTurn();
  while (open > 0) {
    clock.run(acceptMs);
    await nextTurn();
  }
  assert.equal((await stage.attack("giantOpen")).code, 1009);
});

test("who says nothing after the upgrade is dropped", async () => {
  const clock = new HandClock();
  await using stage = await scene({ clock });
  assert.equal((await stage.attack("silent", () => clock.fire(WIRE.openMs))).reason, "no first words");
});
