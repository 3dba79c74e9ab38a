// The loop on the smallest domain: what one commit holds, who sees what, what a refusal and a throw take
// back, and the bounds.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type CounterEvent, type CounterTypes, Counters } from "../../test/kit/counters.ts";
import { VirtualClock, virtualPorts } from "../../test/kit/virtual-clock.ts";
import { KernelError } from "./errors.ts";
import { Loop, type LoopOptions } from "./loop.ts";
import type { Plugin } from "./plugin.ts";

type CounterPlugin = Plugin<CounterTypes>;

const adder: CounterPlugin = {
  name: "adder",
  apiVersion: 1,
  handles: ["add"],
  apply({ name = "n", by = 1 }, view, out) {
    out.push({ kind: "set", name, value: (view.get(name) ?? 0) + by });
  },
  react(commit, view, out) {
    for (const key of commit.changed) out.push({ kind: "show", key, want: view.get(key) });
  },
};

const plugin = (name: string, rest: Partial<CounterPlugin>): CounterPlugin => ({
  name,
  apiVersion: 1,
  ...rest,
});

function open(options: Partial<LoopOptions<CounterTypes>> = {}) {
  const ports = virtualPorts();
  const scheduled: (() => void)[] = [];
  const loop = new Loop<CounterTypes>({
    store: new Counters(),
    plugins: [adder],
    ports,
    schedule: (run) => void scheduled.push(run),
    ...options,
  });
  /** Runs one turn; false when none was due. */
  const turn = () => {
    const run = scheduled.shift();
    run?.();
    return run !== undefined;
  };
  const run = () => {
    while (turn());
  };
  return { loop, ports, turn, run, scheduled };
}

const add = (name: string, by = 1): CounterEvent => ({ kind: "add", at: 1, name, by });

describe("a turn", () => {
  test("takes what waits as one commit, and the next event sees the one before", () => {
    const { loop, run } = open();
    for (let i = 0; i < 3; i++) loop.push(add("a"));
    assert.equal(loop.revision, 0);
    run();
    assert.equal(loop.revision, 1);
    assert.equal(loop.view.get("a"), 3);
  });

  test("ends after 512 events and yields before the next", () => {
    const { loop, turn } = open();
    const sizes: number[] = [];
    loop.watch(({ events }) => sizes.push(events.length));
    for (let i = 0; i < 1_200; i++) loop.push(add("a"));
    assert.ok(turn());
    assert.deepEqual(sizes, [512]);
    while (turn());
    assert.deepEqual(sizes, [512, 512, 176]);
    assert.equal(loop.view.get("a"), 1_200);
  });

  test("ends after 5 ms", () => {
    const clock = new VirtualClock();
    const slow = plugin("slow", { apply: () => clock.jump(1) });
    const { loop, run } = open({ plugins: [adder, slow], ports: virtualPorts(clock) });
    const sizes: number[] = [];
    loop.watch(({ events }) => sizes.push(events.length));
    for (let i = 0; i < 20; i++) loop.push(add("a"));
    run();
    assert.deepEqual(sizes, [8, 8, 4]);
  });

  test("of events that change nothing makes no revision", () => {
    const { loop, run } = open();
    loop.push({ kind: "tick" });
    run();
    assert.equal(loop.revision, 0);
    assert.equal(loop.status().events, 1);
  });

  test("carries the time of its last event, which the loop's clock fills in", () => {
    const { loop, run, ports } = open();
    const at: number[] = [];
    loop.watch(({ commit, events }) => at.push(commit?.at ?? 0, events[0]?.at ?? 0));
    loop.push({ kind: "add" });
    run();
    assert.deepEqual(at, [ports.clock.now(), ports.clock.now()]);
  });

  test("goes on when a watcher throws", () => {
    const { loop, run, ports } = open();
    const end = loop.watch(() => {
      throw new Error("broken watcher");
    });
    loop.push(add("a"));
    run();
    assert.equal(loop.revision, 1);
    assert.equal(ports.errors.length, 1);
    end();
    loop.push(add("a"));
    run();
    assert.equal(ports.errors.length, 1);
  });
});

describe("dispatch", () => {
  test("a plugin sees the kinds it handles, in order, and what those before it proposed", () => {
    const seen: string[] = [];
    const watchAll = plugin("all", { apply: (event) => void seen.push(`all ${event.kind}`) });
    const doubler = plugin("doubler", {
      handles: ["add"],
      requires: ["adder"],
      apply(event, view, out) {
        seen.push(`doubler ${view.get("a")}`);
        out.push({ kind: "set", name: "a", value: (view.get("a") ?? 0) * 2 });
      },
    });
    const { loop, run } = open({ plugins: [doubler, adder, watchAll] });
    loop.push(add("a", 4));
    loop.push({ kind: "tick" });
    run();
    assert.deepEqual(seen, ["doubler 4", "all add", "all tick"]);
    assert.equal(loop.view.get("a"), 8);
  });
});

describe("submit", () => {
  test("answers with the commit", async () => {
    const { loop, run } = open();
    const answer = loop.submit(add("a"));
    run();
    const { revision, commit, refused, problems } = await answer;
    assert.deepEqual(
      { revision, changed: commit?.changed, refused, problems },
      { revision: 1, changed: ["a"], refused: undefined, problems: [] },
    );
  });

  const guard = plugin("guard", {
    order: "post",
    apply(event, _view, out) {
      if (event.name === "secret") {
        out.refuse({ code: "ERR_DENIED", text: "no counter of this name", hint: "choose another" });
      }
      if (event.name === "odd") out.report({ code: "ERR_LIMIT", text: "half of it" });
    },
  });

  test("a refusal voids the event for all plugins, and only it", async () => {
    const { loop, run } = open({ outside: [guard] });
    const [fine, refused] = [loop.submit(add("a")), loop.submit(add("secret"))];
    run();
    assert.equal((await fine).refused, undefined);
    assert.equal((await refused).refused?.code, "ERR_DENIED");
    assert.equal(loop.view.has("secret"), false);
    assert.equal(loop.view.get("a"), 1);
    assert.deepEqual((await fine).commit?.changed, ["a"]);
  });

  test("a turn with nothing but a refused event makes no revision", async () => {
    const { loop, run } = open({ outside: [guard] });
    const refused = loop.submit(add("secret"));
    run();
    assert.equal((await refused).commit, undefined);
    assert.equal(loop.revision, 0);
  });

  test("a report leaves the rest of the event", async () => {
    const { loop, run } = open({ outside: [guard] });
    const answer = loop.submit(add("odd"));
    run();
    assert.deepEqual((await answer).problems, [{ code: "ERR_LIMIT", text: "half of it" }]);
    assert.equal(loop.view.get("odd"), 1);
  });

  test("tells of a plugin that threw", async () => {
    const broken = plugin("broken", {
      apply() {
        throw new Error("out of luck");
      },
    });
    const { loop, run } = open({ outside: [broken] });
    const answer = loop.submit(add("a"));
    run();
    const [problem] = (await answer).problems;
    assert.equal(problem?.code, "ERR_PLUGIN_FAILED");
    assert.match(problem.text, /"broken" threw in apply at add: out of luck/);
    assert.equal(loop.view.get("a"), 1);
  });
});

describe("containment", () => {
  test("a throw loses what that plugin proposed for that event, and nothing else", () => {
    const half = plugin("half", {
      apply(event, _view, out) {
        out.push({ kind: "set", name: "half", value: 1 });
        if (event.name === "bad") throw new Error("half way");
      },
    });
    const { loop, run } = open({ plugins: [adder, half] });
    loop.push(add("bad"));
    run();
    assert.deepEqual([...loop.view], [["bad", 1]]);
    loop.push(add("good"));
    run();
    assert.deepEqual(Object.fromEntries(loop.view), { bad: 1, good: 1, half: 1 });
  });

  test("so does a delta the store cannot take, even after good ones", () => {
    const wrong = plugin("wrong", {
      apply(_event, _view, out) {
        out.push({ kind: "set", name: "x", value: 1 });
        out.push({ kind: "set", name: "y", value: Number.NaN });
      },
    });
    const { loop, run } = open({ plugins: [wrong, adder] });
    loop.push(add("a"));
    run();
    assert.deepEqual([...loop.view], [["a", 1]]);
    assert.match(loop.status().plugins[0]?.lastError ?? "", /"y" is no number/);
  });

  for (const phase of ["apply", "react"] as const) {
    test(`five throws in a row in ${phase} disable one from outside, not a built-in one`, () => {
      let calls = 0;
      const fail = () => {
        calls += 1;
        throw new Error("always");
      };
      const own = plugin("own", { [phase]: fail });
      const foreign = plugin("foreign", { [phase]: fail });
      const { loop, run } = open({ plugins: [adder, own], outside: [foreign] });
      for (let i = 0; i < 7; i++) {
        loop.push(add("a"));
        run();
      }
      const [, first, second] = loop.status().plugins;
      assert.deepEqual([first?.name, first?.state, first?.failures], ["own", "degraded", 7]);
      assert.deepEqual([second?.name, second?.state, second?.failures], ["foreign", "disabled", 5]);
      assert.equal(calls, 12);
      assert.equal(loop.view.get("a"), 7);
    });
  }

  for (const phase of ["apply", "react"] as const) {
    test(`failures of ${phase} with successes between do not disable`, () => {
      let calls = 0;
      const mostly = () => {
        calls += 1;
        if (calls % 5 !== 0) throw new Error("mostly");
      };
      const { loop } = open({ outside: [plugin("flaky", { [phase]: mostly })] });
      for (let i = 0; i < 20; i++) loop.step([add("a")]);
      assert.equal(calls, 20);
      assert.equal(loop.status().plugins.at(-1)?.state, "degraded");
    });
  }

  test("one that pushes without end is stopped", () => {
    const endless = plugin("endless", {
      apply(_event, _view, out) {
        for (;;) out.push({ kind: "set", name: "x", value: 1 });
      },
    });
    const { loop, run } = open({ outside: [endless] });
    loop.push(add("a"));
    run();
    assert.deepEqual([...loop.view], [["a", 1]]);
  });
});

describe("the queue", () => {
  const isLimit = (error: unknown) => error instanceof KernelError && error.code === "ERR_LIMIT";

  test("refuses when full, and tells who waits when there is room", async () => {
    const { loop, run } = open({ limits: { queueDepth: 10 } });
    for (let i = 0; i < 10; i++) loop.push(add("a"));
    assert.throws(() => loop.push(add("a")), isLimit);
    await assert.rejects(loop.submit(add("a")), isLimit);
    let room = false;
    const space = loop.space().then(() => (room = true));
    await Promise.resolve();
    assert.equal(room, false);
    run();
    await space;
    loop.push(add("a"));
    run();
    assert.equal(loop.view.get("a"), 11);
  });

  test("keeps a reserve for what runners observe, and counts what is lost beyond it", async () => {
    const run1 = async () => ({ ok: true }) as const;
    const observe = plugin("observer", {
      runners: {
        show: async (_effect, context) => {
          for (let i = 0; i < 16_384 + 20; i++) context.emit({ kind: "observe" });
          return await run1();
        },
      },
    });
    const { loop, turn } = open({ plugins: [adder, observe], limits: { queueDepth: 10 } });
    loop.push(add("a"));
    turn();
    assert.equal(loop.status().depth, 10 + 16_384);
    assert.equal(loop.status().dropped, 10);
    assert.throws(() => loop.push(add("a")), isLimit);
  });

  test("stop works off what waits, takes nothing more, and stops the plugins", async () => {
    let stopped = false;
    const stopping = plugin("stopping", { stop: async () => void (stopped = true) });
    const { loop, run } = open({ plugins: [adder, stopping] });
    loop.push(add("a"));
    const stop = loop.stop();
    assert.throws(() => loop.push(add("a")), { code: "ERR_STOPPING" });
    run();
    await stop;
    assert.equal(loop.view.get("a"), 1);
    assert.ok(stopped);
  });
});
