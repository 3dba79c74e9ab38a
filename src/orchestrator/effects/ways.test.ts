import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { EffectResult } from "#kernel";
import { VirtualClock } from "../../../test/kit/virtual-clock.ts";
import { Ways } from "./ways.ts";

const REFUSED: EffectResult = { ok: false, code: "ERR_ENVOY_REFUSED", text: "bad route", retry: false };
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Services in `refused` are refused by Envoy, those in `closed` find no way; all others answer. */
function ways() {
  const clock = new VirtualClock();
  const [refused, closed] = [new Set<string>(), new Set<string>()];
  const asked: string[] = [];
  let [active, most, opened] = [0, 0, 0];
  const made = new Ways(
    {
      clock,
      random: { next: () => 0.5 },
      placed: async (service) => (refused.has(service) ? REFUSED : { ok: true }),
      ask: async (service) => {
        asked.push(service);
        most = Math.max(most, (active += 1));
        await settle();
        active -= 1;
        return closed.has(service) ? `no route to ${service}` : undefined;
      },
    },
    () => void (opened += 1),
  );
  const want = (...services: string[]): void => made.want(new Set(services));
  return { clock, ways: made, want, refused, closed, asked, opened: () => opened, most: () => most };
}

test("a way is open when Envoy has the import and the service answers, and not before", async () => {
  const { clock, ways: made, want, refused, closed, asked, opened } = ways();
  refused.add("a");
  want("a");
  await settle();
  assert.deepEqual([asked, made.isOpen("a"), made.problem("a")], [[], false, "bad route"]);
  refused.clear();
  closed.add("a");
  await clock.advance(20);
  await settle();
  assert.deepEqual([asked, made.isOpen("a"), made.problem("a")], [["a"], false, "no route to a"]);
  closed.clear();
  await clock.advance(40);
  await settle();
  assert.deepEqual([asked, made.isOpen("a"), opened()], [["a", "a"], true, 1]);
});

test("while it is closed it is asked for ever more seldom, and never again when nobody wants it", async () => {
  const { clock, want, closed, asked } = ways();
  closed.add("a");
  want("a");
  for (let second = 0; second < 60; second++) await clock.advance(1_000);
  assert.ok(asked.length > 5 && asked.length < 20, String(asked.length));
  want();
  assert.deepEqual(clock.waiting, []);
  const before = asked.length;
  await clock.advance(100_000);
  assert.equal(asked.length, before);
});

test("one that never answers holds up nobody, and not more than a few are asked at once", async () => {
  const { clock, ways: made, want, closed, most } = ways();
  const many = Array.from({ length: 50 }, (_, i) => `s${i}`);
  closed.add("s0");
  want(...many);
  await clock.advance(2_000);
  assert.deepEqual(
    many.filter((one) => !made.isOpen(one)),
    ["s0"],
  );
  assert.ok(most() <= 8, String(most()));
});

test("stopped while a service is asked it opens nothing and waits for nothing", async () => {
  const { clock, ways: made, want, opened } = ways();
  want("a");
  await Promise.resolve();
  made.stop();
  await settle();
  await settle();
  assert.deepEqual([made.isOpen("a"), opened(), clock.waiting], [false, 0, []]);
});

test("whatever comes and goes: open is only what answered, and in the end what is wanted and answers", async () => {
  const name = fc.constantFrom("a", "b", "c");
  const step = fc.oneof(
    fc.uniqueArray(name).map((names) => ({ do: "want" as const, names })),
    fc.uniqueArray(name).map((names) => ({ do: "refuse" as const, names })),
    fc.uniqueArray(name).map((names) => ({ do: "close" as const, names })),
    fc.integer({ min: 0, max: 2_000 }).map((ms) => ({ do: "pass" as const, ms })),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
      const { clock, ways: made, want, refused, closed, asked } = ways();
      let [wanted, able] = [new Set<string>(), new Set<string>()];
      const allow = (): void => {
        for (const one of ["a", "b", "c"]) if (!refused.has(one) && !closed.has(one)) able.add(one);
      };
      for (const one of steps) {
        allow();
        if (one.do === "pass") await clock.advance(one.ms);
        else if (one.do === "want") {
          wanted = new Set(one.names);
          able = new Set([...able].filter((each) => wanted.has(each)));
          want(...one.names);
        } else {
          const set = one.do === "refuse" ? refused : closed;
          set.clear();
          for (const each of one.names) set.add(each);
        }
        allow();
        for (const each of ["a", "b", "c"])
          if (made.isOpen(each)) assert.ok(wanted.has(each) && able.has(each) && asked.includes(each), each);
      }
      refused.clear();
      closed.clear();
      await clock.advance(40_000);
      await settle();
      for (const each of ["a", "b", "c"]) assert.equal(made.isOpen(each), wanted.has(each), each);
    }),
    { numRuns: 200 },
  );
});
