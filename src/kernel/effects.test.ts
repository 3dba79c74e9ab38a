// Effects by key and in batches, with virtual time: the newest want wins, equal ones cost nothing, one key
// never runs twice at once, failures come back later and later, and only the results that were asked for come
// back as events.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { settle, VirtualClock, virtualPorts } from "../../test/kit/virtual-clock.ts";
import { Effects } from "./effects.ts";
import type { Report } from "./lane.ts";
import type { Effect, EffectResult, Ports, Runners } from "./plugin.ts";

const OK: EffectResult = { ok: true };
const fail = (code = "ERR_UPSTREAM", retry = true): EffectResult => ({
  ok: false,
  code,
  text: "away",
  retry,
});

function open(runners: Runners, on = true) {
  const clock = new VirtualClock();
  // The upper end of every jitter, so that pauses are the whole backoff.
  const ports: Ports = { ...virtualPorts(clock), random: { next: () => 1 } };
  const reports: Report[] = [];
  const effects = new Effects({
    runners,
    ports,
    on,
    emit: () => {},
    onReport: (report) => void reports.push(report),
  });
  let revision = 0;
  const want = (...list: readonly (readonly [key: string, want: unknown])[]) => {
    revision += 1;
    effects.want(
      list.map(([key, value]): Effect => ({ kind: "k", key, want: value })),
      revision,
    );
    effects.start();
  };
  return { effects, clock, reports, want };
}

/** A runner whose runs end when the test says so. */
function manual() {
  const runs: { effect: Effect; signal: AbortSignal; end: (result: EffectResult) => void }[] = [];
  const run = (effect: Effect, _context: unknown, signal: AbortSignal) =>
    new Promise<EffectResult>((end) => runs.push({ effect, signal, end }));
  const last = () => {
    const newest = runs.at(-1);
    assert.ok(newest, "a run");
    return newest;
  };
  return { runs, run, last };
}

describe("effects by key", () => {
  test("a want that went and came back while it ran is run again, not taken for failed", async () => {
    const { runs, run, last } = manual();
    const { effects, want } = open({ k: run });
    want(["a", 1]);
    want(["a", 2]);
    want(["a", 1]);
    await settle();
    assert.equal(runs.length, 1);
    last().end(fail());
    await settle();
    assert.equal(runs.length, 2);
    assert.deepEqual(effects.status().failing, []);
    last().end(OK);
    await settle();
    assert.equal(effects.status().pending, 0);
  });

  test("an equal want runs nothing again; a different one does", async () => {
    const { runs, run, last } = manual();
    const { effects, want } = open({ k: run });
    want(["a", { x: [1] }]);
    want(["a", { x: [1] }]);
    last().end(OK);
    await effects.drain();
    want(["a", { x: [1] }]);
    await effects.drain();
    assert.equal(runs.length, 1);
    want(["a", { x: [2] }]);
    last().end(OK);
    await effects.drain();
    assert.deepEqual(
      runs.map(({ effect }) => effect.want),
      [{ x: [1] }, { x: [2] }],
    );
    assert.deepEqual(effects.status(), { keys: 1, pending: 0, failing: [] });
  });

  test("a newer want aborts the run and begins when that has returned", async () => {
    const { runs, run, last } = manual();
    const { effects, want } = open({ k: run });
    want(["a", 1]);
    want(["a", 2]);
    want(["a", 3]);
    await settle();
    assert.equal(runs.length, 1);
    assert.ok(runs[0]?.signal.aborted);
    last().end(fail());
    await settle();
    assert.equal(runs.length, 2);
    assert.equal(last().effect.want, 3);
    assert.equal(last().signal.aborted, false);
    last().end(OK);
    await effects.drain();
    assert.equal(effects.status().pending, 0);
  });

  test("a want that comes back to what is true runs nothing", async () => {
    const { runs, run, last } = manual();
    const { effects, want } = open({ k: { run, concurrency: 1 } });
    want(["a", 1]);
    last().end(OK);
    await effects.drain();
    want(["blocker", 1]);
    want(["a", 2]);
    want(["a", 1]);
    last().end(OK);
    await effects.drain();
    assert.deepEqual(
      runs.map(({ effect }) => effect.key),
      ["a", "blocker"],
    );
  });

  test("a want that changes while it waits runs once, with the newest", async () => {
    const { runs, run } = manual();
    const { want } = open({ k: { run, concurrency: 2 } });
    want(["x", 1], ["y", 1], ["a", 1]);
    want(["a", 2]);
    want(["a", 3]);
    runs[0]?.end(OK);
    runs[1]?.end(OK);
    await settle();
    const rest = runs.slice(2).map(({ effect }) => [effect.key, effect.want]);
    assert.deepEqual(rest, [["a", 3]]);
  });

  test("an aborted run that succeeded all the same is what is true", async () => {
    const { runs, run, last } = manual();
    const { effects, want } = open({ k: run });
    want(["a", 1]);
    want(["a", 2]);
    want(["a", 1]);
    last().end(OK);
    await effects.drain();
    assert.equal(runs.length, 1);
    assert.equal(effects.status().pending, 0);
  });

  test("undefined takes it away, and the key is forgotten", async () => {
    const seen: unknown[] = [];
    const { effects, want } = open({ k: async ({ want: value }: Effect) => (seen.push(value), OK) });
    want(["never", undefined]);
    want(["a", 1]);
    await effects.drain();
    want(["a", undefined]);
    await effects.drain();
    assert.deepEqual(seen, [1, undefined]);
    assert.equal(effects.status().keys, 0);
  });

  test("retries double up to the cap, and a new want begins anew at once", async () => {
    let runs = 0;
    const { effects, want, clock } = open({ k: async () => ((runs += 1), fail()) });
    want(["a", 1]);
    const pauses: number[] = [];
    for (let i = 0; i < 11; i++) {
      await settle();
      const [pause = 0] = clock.waiting;
      pauses.push(pause);
      await clock.advance(pause);
    }
    const doubled = [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000];
    assert.deepEqual(pauses, doubled);
    assert.equal(runs, 12);
    const [failing] = effects.status().failing;
    assert.deepEqual(failing, {
      kind: "k",
      key: "a",
      code: "ERR_UPSTREAM",
      text: "away",
      attempts: 12,
      retry: true,
    });
    want(["a", 2]);
    await settle();
    assert.equal(runs, 13);
    assert.deepEqual(clock.waiting, [100]);
  });

  test("what must not be retried stays failed until the want changes", async () => {
    let runs = 0;
    const { effects, want, clock } = open({
      k: async () => ((runs += 1), fail("ERR_SCHEMA_INVALID", false)),
    });
    want(["a", 1]);
    await clock.advance(100_000);
    want(["a", 1]);
    await clock.advance(100_000);
    assert.equal(runs, 1);
    assert.equal(effects.status().failing[0]?.retry, false);
    want(["a", 2]);
    await settle();
    assert.equal(runs, 2);
  });

  test("a throw is a failure like any other, before and after the first await", async () => {
    const { effects, want, clock } = open({
      k: ({ key }: Effect) => {
        if (key === "sync") throw Object.assign(new Error("no"), { code: "ECONNREFUSED" });
        return Promise.reject(new Error("later"));
      },
    });
    want(["sync", 1], ["async", 1]);
    await settle();
    const codes = effects.status().failing.map(({ key, code, text }) => [key, code, text]);
    assert.deepEqual(codes, [
      ["sync", "ECONNREFUSED", "no"],
      ["async", "ERR_INTERNAL", "later"],
    ]);
    assert.equal(clock.waiting.length, 2);
  });

  test("a run past its deadline is aborted and shown, and the key waits for it to return", async () => {
    const { runs, run, last } = manual();
    const { effects, want, clock } = open({ k: { run, deadlineMs: 50 } });
    want(["a", 1]);
    await clock.advance(50);
    assert.ok(last().signal.aborted);
    assert.equal(effects.status().failing[0]?.code, "ERR_TIMEOUT");
    await clock.advance(10_000);
    assert.equal(runs.length, 1);
    last().end(fail("ERR_UPSTREAM"));
    await settle();
    assert.equal(effects.status().failing[0]?.code, "ERR_TIMEOUT");
    await clock.advance(100);
    assert.equal(runs.length, 2);
  });

  test("at most `concurrency` keys run, in order", async () => {
    const { runs, run } = manual();
    const { want } = open({ k: { run, concurrency: 2 } });
    want(["a", 1], ["b", 1], ["c", 1], ["d", 1]);
    assert.equal(runs.length, 2);
    runs[1]?.end(OK);
    await settle();
    assert.deepEqual(
      runs.map(({ effect }) => effect.key),
      ["a", "b", "c"],
    );
  });

  test("never runs one key twice at once, whatever comes", async () => {
    let running = 0;
    let most = 0;
    const ports = virtualPorts();
    const runner = async () => {
      running += 1;
      most = Math.max(most, running);
      for (let i = 0; i < 3; i++) await Promise.resolve();
      running -= 1;
      return ports.random.next() < 0.5 ? OK : fail();
    };
    const { effects, want, clock } = open({ k: runner });
    for (let i = 0; i < 200; i++) {
      want(["a", Math.floor(ports.random.next() * 3)]);
      if (i % 3 === 0) await Promise.resolve();
      if (i % 7 === 0) await clock.advance(60);
    }
    await clock.advance(200_000);
    assert.equal(most, 1);
    assert.deepEqual(effects.status(), { keys: 1, pending: 0, failing: [] });
  });
});

describe("effects in batches", () => {
  test("all that changed since the last run goes together, with the newest wants", async () => {
    const batches: string[][] = [];
    const ends: (() => void)[] = [];
    const { effects, want } = open({
      k: {
        batch: async (list: readonly Effect[]) => {
          batches.push(list.map(({ key, want: value }) => `${key}=${String(value)}`));
          await new Promise<void>((end) => ends.push(end));
          return OK;
        },
      },
    });
    want(["a", 1], ["b", 1]);
    want(["c", 1]);
    want(["c", 2], ["a", 2], ["b", 1]);
    ends[0]?.();
    await settle();
    ends[1]?.();
    await effects.drain();
    assert.deepEqual(batches, [
      ["a=1", "b=1"],
      ["c=2", "a=2"],
    ]);
    assert.equal(effects.status().pending, 0);
  });

  test("only what failed is tried again, beside what is new", async () => {
    const batches: string[][] = [];
    const { effects, want, clock } = open({
      k: {
        batch: async (list: readonly Effect[]) => {
          batches.push(list.map(({ key }) => key));
          return list.map(({ key }) => (key === "bad" && batches.length < 3 ? fail() : OK));
        },
      },
    });
    want(["a", 1], ["bad", 1]);
    await settle();
    want(["b", 1]);
    await settle();
    assert.deepEqual(batches, [["a", "bad"], ["b"]]);
    assert.equal(effects.status().failing[0]?.key, "bad");
    await clock.advance(200);
    assert.deepEqual(batches.at(-1), ["bad"]);
    assert.deepEqual(effects.status(), { keys: 3, pending: 0, failing: [] });
  });

  test("a key that failed and is wanted otherwise meanwhile is not tried again when the pause ends", async () => {
    const { want, clock, reports } = open({
      k: {
        batch: async (list: readonly Effect[]) =>
          list.map(({ want: value }) => (value === "bad" ? fail() : OK)),
        report: "all",
      },
    });
    want(["a", "bad"], ["b", 1]);
    await settle();
    want(["a", "good"]);
    await settle();
    await clock.advance(200);
    const told = reports.map(({ key, result }) => `${key} ${result.ok ? "ok" : "failed"}`);
    assert.deepEqual(told, ["a failed", "b ok", "a ok"]);
  });

  test("while the other side is away, new wants wait for the pause too", async () => {
    let away = true;
    const batches: string[][] = [];
    const { want, clock } = open({
      k: {
        batch: async (list: readonly Effect[]) => {
          batches.push(list.map(({ key }) => key));
          return away ? fail() : OK;
        },
      },
    });
    want(["a", 1]);
    await settle();
    want(["b", 1]);
    await settle();
    assert.equal(batches.length, 1);
    away = false;
    await clock.advance(100);
    assert.deepEqual(batches[1]?.toSorted(), ["a", "b"]);
  });

  test("fewer results than effects is a failure of the rest", async () => {
    const { effects, want } = open({ k: { batch: async () => [OK] } });
    want(["a", 1], ["b", 1]);
    await settle();
    assert.deepEqual(
      effects.status().failing.map(({ key }) => key),
      ["b"],
    );
  });

  test("a run past its deadline is aborted", async () => {
    const { effects, want, clock } = open({
      k: {
        deadlineMs: 50,
        batch: (_list, _context, signal) =>
          new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      },
    });
    want(["a", 1]);
    await clock.advance(50);
    assert.equal(effects.status().failing[0]?.code, "ERR_TIMEOUT");
  });
});

describe("what comes back", () => {
  for (const [report, expected] of [
    ["none", []],
    ["changes", ["ERR_A", "ERR_B", "ok"]],
    ["all", ["ERR_A", "ERR_B", "ok", "ok"]],
  ] as const) {
    test(`report "${report}"`, async () => {
      const results = [fail("ERR_A"), fail("ERR_A"), fail("ERR_B"), OK, OK];
      const run = async () => results.shift() ?? OK;
      const { want, clock, reports } = open({ k: { run, report } });
      want(["a", 1]);
      await clock.advance(10_000);
      want(["a", 2]);
      await settle();
      assert.deepEqual(
        reports.map(({ result }) => (result.ok ? "ok" : result.code)),
        expected,
      );
    });
  }

  test("settled answers with the first result for the newest want", async () => {
    const { run, last } = manual();
    const { effects, want } = open({ k: run });
    assert.deepEqual(await effects.settled("k", "a"), OK);
    want(["a", 1]);
    const first = effects.settled("k", "a");
    want(["a", 2]);
    last().end(OK);
    await settle();
    last().end(fail());
    assert.equal((await first).ok, false);
    assert.equal((await effects.settled("k", "a")).ok, false);
  });
});

describe("the end", () => {
  test("stop aborts, cancels pauses, answers who waits, and waits for runners", async () => {
    const { run, last } = manual();
    const { effects, want, clock } = open({ k: run, p: async () => fail() });
    effects.want([{ kind: "p", key: "x", want: 1 }], 1);
    want(["a", 1]);
    await settle();
    assert.equal(clock.waiting.length, 2);
    const waiting = effects.settled("k", "a");
    let stopped = false;
    const stop = effects.stop().then(() => (stopped = true));
    assert.deepEqual(await waiting, {
      ok: false,
      code: "ERR_STOPPING",
      text: "the node is stopping",
      retry: false,
    });
    await settle();
    assert.equal(stopped, false);
    assert.ok(last().signal.aborted);
    last().end(fail());
    await stop;
    assert.deepEqual(clock.waiting, []);
  });

  test("off, wants are only kept", () => {
    const { effects, want } = open({ k: async () => assert.fail("ran") }, false);
    want(["a", 1], ["b", 2]);
    want(["a", undefined]);
    assert.deepEqual([...effects.desired()], [{ kind: "k", key: "b", want: 2 }]);
    assert.equal(effects.wanted("k", "b"), 2);
  });
});
