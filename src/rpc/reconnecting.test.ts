// A part dies and comes back: the session is dialled again and brought up to date by its owner.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "./connect.ts";
import { reconnecting } from "./reconnecting.ts";
import { serve } from "./serve.ts";
import { DeskRoom, exposeDesk, fails, type Desk } from "./session.common-case.ts";

const random = { next: () => 0.5 };

test("session-break-redial: after a break mid-life the owner gets a new session", async () => {
  const folder = await mkdtemp(join(tmpdir(), "catalyst-rpc-"));
  const path = join(folder, "desk.sock");
  const desk = new DeskRoom();
  const losses: string[] = [];
  let connects = 0;
  const desks = reconnecting<Desk>(() => connect<Desk>({ unix: path }), {
    random,
    delayMs: { first: 5, max: 20 },
    onConnect: async (stub) => {
      connects++;
      assert.equal(await stub.add(connects, 0), connects);
    },
    onLoss: (reason) => void losses.push(reason.code),
  });
  // Nobody listens yet: calls fail at once, and dialling goes on.
  await assert.rejects(desks.stub.add(1, 1), fails("ERR_RPC_CLOSED"));
  await assert.rejects(desks.ready(30), fails("ERR_TIMEOUT", /nothing answers/));
  let server = await serve({ unix: path }, () => exposeDesk(desk));
  await desks.ready(5_000);
  assert.equal(await desks.stub.add(1, 1), 2);
  const hanging = assert.rejects(desks.stub.hang(), fails("ERR_RPC_CLOSED"));
  await server.close();
  await hanging;
  server = await serve({ unix: path }, () => exposeDesk(desk));
  await desks.ready(5_000);
  assert.equal(await desks.stub.add(2, 2), 4);
  assert.equal(connects, 2);
  assert.equal(losses.includes("ERR_RPC_UNREACHABLE"), true);
  assert.equal(losses.includes("ERR_RPC_CLOSED"), true);
  await desks.close();
  await assert.rejects(desks.stub.add(1, 1), fails("ERR_RPC_CLOSED"));
  await assert.rejects(desks.ready(10), fails("ERR_RPC_CLOSED"));
  await server.close();
  await rm(folder, { recursive: true });
});

test("a failing onConnect is tried again, later and later", async () => {
  const delays: number[] = [];
  let wake = (): void => undefined;
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    after: (ms: number, run: () => void) => {
      delays.push(ms);
      wake = run;
      return () => undefined;
    },
  };
  const dialled = { times: 0 };
  const desks = reconnecting<Desk>(
    () => {
      dialled.times++;
      return Promise.reject(new Error("refused"));
    },
    { clock, random, delayMs: { first: 100, max: 1_000 } },
  );
  for (let i = 0; i < 6; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    wake();
  }
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(delays.slice(0, 6), [50, 100, 200, 400, 500, 500]);
  assert.equal(dialled.times, 7);
  await desks.close();
});
