// Sessions over every wire, and what only one of them can show.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connect } from "./connect.ts";
import { expose } from "./expose.ts";
import { serve } from "./serve.ts";
import { fails, openPair, openTcp, openUnix, sessionCases } from "./session.common-case.ts";

sessionCases("memory", openPair);
sessionCases("unix", openUnix);
sessionCases("tcp", openTcp);

test("unix: calls leave the tables as they were", async () => {
  await using opened = await openUnix();
  const { stub } = opened.session;
  assert.equal(await stub.add(0, 0), 0);
  const near = opened.session.stats();
  for (let done = 0; done < 4_000; done += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, i) => stub.add(i, 1)));
  }
  // One more round trip: the releases of all others have arrived before it.
  assert.equal(await stub.add(0, 0), 0);
  const { imports, exports, references } = opened.session.stats();
  assert.deepEqual({ imports, exports, references }, { imports: near.imports, exports: 1, references: 0 });
  // The release of the last answer may still be on its way.
  assert.equal(opened.server().stats().pushes <= 1, true);
});

test("memory: 100,000 calls leave the tables as they were", async () => {
  // A process of its own: the test runner follows every promise, which makes calls five times slower.
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [
    fileURLToPath(new URL("testdata/leak.ts", import.meta.url)),
    "100000",
  ]);
  assert.deepEqual(JSON.parse(stdout), {
    near: { imports: 1, exports: 1, pushes: 0, references: 0 },
    far: { imports: 1, exports: 1, pushes: 0, references: 0 },
  });
});

test("unix: nothing there is an error with the address", async () => {
  await assert.rejects(
    connect({ unix: "/nonexistent/desk.sock" }),
    fails("ERR_RPC_UNREACHABLE", /desk\.sock/),
  );
});

test("a silent other side is noticed", async () => {
  // Virtual time: the hold passes without a real second.
  const timers: (() => void)[] = [];
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    after: (_ms: number, run: () => void) => {
      timers.push(run);
      return () => undefined;
    },
  };
  await using opened = await openUnix({ clock, keepaliveMs: 1_000 });
  const { session } = opened;
  // Five ticks in one turn of the loop: no pong can arrive in between.
  for (let i = 0; i < 6; i++) timers.pop()?.();
  const reason = await session.closed;
  assert.equal(reason.code, "ERR_RPC_CLOSED");
  assert.match(reason.message, /no sign of life/);
});

test("unix: the socket is the owner's alone", async () => {
  const folder = await mkdtemp(join(tmpdir(), "catalyst-rpc-"));
  const path = join(folder, "part.sock");
  const server = await serve({ unix: path }, () => expose({}, {}));
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await assert.rejects(
    serve({ unix: path }, () => expose({}, {})),
    fails("ERR_PORT_IN_USE"),
  );
  await server.close();
  assert.deepEqual(await readdir(folder), []);
  await rm(folder, { recursive: true });
});
