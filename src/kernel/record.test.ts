// A record of a random run replays to the same states; damage is found and said with its line.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type CounterEvent, type CounterTypes, Counters } from "../../test/kit/counters.ts";
import { seeded, virtualPorts } from "../../test/kit/virtual-clock.ts";
import { Loop } from "./loop.ts";
import type { Plugin } from "./plugin.ts";
import { record } from "./record.ts";
import { replay } from "./replay.ts";

const adder = (factor = 1): Plugin<CounterTypes> => ({
  name: "adder",
  apiVersion: 1,
  apply({ name = "n", by = 1 }, view, out) {
    if (by === 13) throw new Error("unlucky");
    out.push({ kind: "set", name, value: (view.get(name) ?? 0) + by * factor });
  },
});

function open(plugins = [adder()]): Loop<CounterTypes> {
  return new Loop({
    store: new Counters(),
    plugins,
    ports: virtualPorts(),
    schedule: setImmediate,
    effects: false,
  });
}

/** 300 events in commits of random size, some of which make the plugin throw; the lines of its record. */
async function recorded(): Promise<{ lines: string[]; hash: string }> {
  const loop = open();
  let text = "";
  const append = (line: string) => void (text += line);
  const end = record(loop, { node: "edge1.acme.example", program: "0.1.0", at: 5, append, hashEvery: 3 });
  const random = seeded(7);
  for (let i = 0; i < 300; i++) {
    const event: CounterEvent = { kind: "add", at: i, name: `c${i % 5}`, by: Math.floor(random.next() * 20) };
    loop.push(event);
    if (random.next() < 0.2) await loop.idle();
  }
  await loop.idle();
  end();
  end();
  assert.ok(text.endsWith("\n"));
  return { lines: text.slice(0, -1).split("\n"), hash: loop.hash() };
}

describe("replay", () => {
  test("reaches the same state through the same revisions", async () => {
    const { lines, hash } = await recorded();
    assert.ok(lines.length > 20);
    const replayed = await replay(lines, { open: () => open() });
    assert.equal(replayed.hash, hash);
    assert.equal(replayed.events, 300);
    assert.equal(replayed.batches, lines.length - 2);
    assert.equal(replayed.complete, true);
    assert.equal(replayed.checks, Math.floor(replayed.batches / 3) + 1);
    assert.equal(replayed.head.node, "edge1.acme.example");
  });

  test("finds a program that decides otherwise, with the line", async () => {
    const { lines } = await recorded();
    await assert.rejects(replay(lines, { open: () => open([adder(2)]) }), {
      code: "ERR_REPLAY_DIVERGED",
      message: /^line 4: revision 3: state .* recorded, .* reached$/,
    });
  });

  test("refuses other plugins, another version, and what is no record", async () => {
    const { lines } = await recorded();
    const other = { ...adder(), name: "other" };
    const invalid = (message: string | RegExp) => ({ code: "ERR_RECORD_INVALID", message });
    await assert.rejects(
      replay(lines, { open: () => open([other]) }),
      invalid("line 1: recorded with the plugins adder; here run other"),
    );
    await assert.rejects(replay([], { open: () => open() }), invalid("line 1: the record is empty"));
    await assert.rejects(
      replay(['{"a":1}'], { open: () => open() }),
      invalid("line 1: not a record of this program"),
    );
    const newer = ['{"record":2}', ...lines.slice(1)];
    await assert.rejects(
      replay(newer, { open: () => open() }),
      invalid("line 1: record version 2, this program reads 1"),
    );
  });

  test("says where a record is damaged", async () => {
    const { lines } = await recorded();
    const at = (index: number, line: string) => lines.with(index, line);
    const tried: [string[], string][] = [
      [at(6, "{{"), "line 7: damaged or cut off, not JSON"],
      [at(6, "[1]"), "line 7: not a JSON object"],
      [at(6, '{"r":1}'), "line 7: neither a batch of events nor the end"],
      [at(6, '{"r":6,"e":[{"kind":"add"}]}'), "line 7: neither a batch of events nor the end"],
      [lines.toSpliced(6, 1), "line 7: revision 7 was recorded, the replay is at 6"],
      [[...lines, lines[3] ?? ""], `line ${lines.length + 1}: something follows the last line`],
    ];
    for (const [damaged, message] of tried) {
      await assert.rejects(replay(damaged, { open: () => open() }), (error: Error) => {
        assert.equal(error.message, message);
        return true;
      });
    }
  });

  test("a record of a killed node is an error, or is taken as far as it goes", async () => {
    const { lines } = await recorded();
    const whole = lines.slice(0, 10);
    const torn = [...whole, (lines[10] ?? "").slice(0, 20)];
    await assert.rejects(replay(whole, { open: () => open() }), {
      code: "ERR_RECORD_INVALID",
      message: "line 11: the record ends without its last line, after revision 9",
    });
    await assert.rejects(replay(torn, { open: () => open() }), {
      message: "line 11: damaged or cut off, not JSON",
    });
    for (const lines of [whole, torn]) {
      const replayed = await replay(lines, { open: () => open(), partial: true });
      assert.deepEqual([replayed.revision, replayed.complete], [9, false]);
    }
  });

  test("a record cannot begin in the middle", async () => {
    const loop = open();
    loop.push({ kind: "add", at: 1 });
    await loop.idle();
    const options = { node: "n", program: "0", at: 0, append: () => {} };
    assert.throws(() => record(loop, options), { code: "ERR_RECORD_INVALID" });
  });
});
