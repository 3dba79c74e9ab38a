import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeLoop } from "../../../test/kit/node-loop.ts";
import { Lane } from "./lane.ts";

test("a full queue makes events wait, in their order, and loses none", async () => {
  const { loop } = nodeLoop({ limits: { queueDepth: 8, commitEvents: 2 } });
  const lane = new Lane(loop);
  const taken: number[] = [];
  loop.watch(({ events }) => {
    for (const event of events) if (event.kind === "peer.reach") taken.push(event.at);
  });
  let said = 0;
  const done: Promise<unknown>[] = [];
  const say = () => {
    done.push(lane.submit({ kind: "peer.reach", peer: "x.test", reach: "up", at: said }));
    said += 1;
  };
  // Also when there is room again while others still wait.
  loop.watch(() => {
    for (let more = 0; more < 3 && said < 50; more++) say();
  });
  for (let at = 0; at < 8; at++) loop.push({ kind: "tick", at: 1_000 });
  for (let more = 0; more < 20; more++) say();
  assert.equal(lane.waiting, 20);
  while (taken.length < 50) await new Promise((resolve) => setImmediate(resolve));
  await Promise.all(done);
  assert.deepEqual(taken, [...Array(50).keys()]);
  assert.equal(lane.waiting, 0);
  await loop.stop();
  await assert.rejects(lane.submit({ kind: "tick" }), { code: "ERR_STOPPING" });
});
