// When what Envoy refused is tried again, and what is said of it meanwhile.

import assert from "node:assert/strict";
import { test } from "node:test";
import { IngressWatch } from "./ingress-watch.ts";

test("a refusal is tried again after 1 s doubling to 30 s, one timer at a time, from the start when it is over", async () => {
  const waits: number[] = [];
  let due: (() => void) | undefined;
  let refused = true;
  let flushes = 0;
  const watch: IngressWatch = new IngressWatch({
    clock: {
      after: (ms, run) => {
        waits.push(ms);
        due = run;
        return () => (due = undefined);
      },
    },
    server: { acknowledged: () => !refused },
    configurator: {
      refusals: () => (refused ? [{ ref: "listener/ingress", text: "in use" }] : []),
      retryRefused: () => {},
    },
    listen: "127.0.0.1:8080",
    flush: () => {
      flushes += 1;
      watch.moved();
    },
  });
  const again = (): void => {
    const run = due;
    due = undefined;
    run?.();
  };
  watch.moved();
  watch.moved();
  for (let i = 0; i < 7; i++) again();
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  assert.equal(flushes, 7);
  assert.equal(watch.problem?.code, "ERR_ENVOY_REFUSED");
  assert.equal(watch.problem.closed, true);

  refused = false;
  watch.moved();
  await watch.open;
  assert.equal(due, undefined);
  assert.equal(watch.problem, undefined);

  refused = true;
  watch.moved();
  assert.equal(waits.at(-1), 1_000);
  watch.stop();
  assert.equal(due, undefined);
});
