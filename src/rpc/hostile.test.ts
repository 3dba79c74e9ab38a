// A caller that keeps to no rule: it speaks WebSocket itself and sends what it likes. Each attack must end
// its own session, with a close code that says so, while another session goes on.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { WebSocket } from "ws";
import { connect, RPC_PROTOCOL } from "./connect.ts";
import type { RpcLimits } from "./limits.ts";
import { serve } from "./serve.ts";
import { DeskRoom, exposeDesk, fails, type Desk } from "./session.common-case.ts";

async function scene(limits: Partial<RpcLimits> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "catalyst-rpc-"));
  const path = join(folder, "desk.sock");
  const desk = new DeskRoom();
  const server = await serve({ unix: path }, () => exposeDesk(desk), { limits, sessionsMax: 4 });
  const neighbour = await connect<Desk>({ unix: path });
  const dial = async (): Promise<WebSocket> => {
    const socket = new WebSocket("ws://localhost/rpc", RPC_PROTOCOL, {
      createConnection: () => connectSocket({ path }),
    });
    await once(socket, "open");
    return socket;
  };
  return {
    path,
    desk,
    server,
    neighbour,
    dial,
    /** The session of the attacker, as the server sees it. */
    session: () => [...server.sessions].at(-1),
    [Symbol.asyncDispose]: async () => {
      // Whatever happened, the neighbour never noticed.
      assert.equal(await neighbour.stub.add(20, 22), 42);
      neighbour.close();
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function endOf(socket: WebSocket): Promise<{ code: number; reason: string }> {
  const [code, reason]: unknown[] = await once(socket, "close");
  return { code: Number(code), reason: String(reason) };
}

const pushAdd = JSON.stringify(["push", ["pipeline", 0, ["add"], [1, 2]]]);
const pushHang = JSON.stringify(["push", ["pipeline", 0, ["hang"], []]]);

test("hostile-pushes: calls that are never released end the session at the limit", async () => {
  await using stage = await scene();
  const socket = await stage.dial();
  const end = endOf(socket);
  for (let i = 0; i < 5_000; i++) socket.send(pushHang);
  assert.deepEqual(await end, { code: 1008, reason: "more than 4096 calls were never released" });
  assert.equal(stage.desk.hanging <= 4_096, true);
});

test("a burst larger than the queue is read in order, with the socket paused meanwhile", async () => {
  await using stage = await scene();
  const socket = await stage.dial();
  const answers: string[] = [];
  const done = Promise.withResolvers<undefined>();
  socket.on("message", (data) => {
    answers.push(String(data));
    if (answers.length === 2_000) done.resolve(undefined);
  });
  for (let id = 1; id <= 2_000; id++) {
    socket.send(pushAdd);
    socket.send(JSON.stringify(["pull", id]));
  }
  await done.promise;
  assert.deepEqual(JSON.parse(answers.at(-1) ?? ""), ["resolve", 2_000, 3]);
  socket.close();
});

test("oversized messages are refused while they are read", async () => {
  await using stage = await scene({ messageBytes: 10_000 });
  const socket = await stage.dial();
  const end = endOf(socket);
  socket.send(JSON.stringify(["push", ["pipeline", 0, ["echo"], ["x".repeat(20_000)]]]));
  assert.equal((await end).code, 1009);
});

const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
const call = (argument: string): string => `["push",["pipeline",0,["echo"],[${argument}]]]`;
const attacks: readonly (readonly [name: string, message: string, reason: RegExp])[] = [
  ["nested deeply", call(nested(100_000)), /deeper than 64/],
  ["nested deeply without an end", `["push",${"[".repeat(1_000_000)}`, /deeper than 64/],
  ["many empty values", call(`[[${"[],".repeat(600_000)}[]]]`), /more than 500000 values/],
  ["no JSON", "{", /not JSON/],
  ["no array", "{}", /not an array/],
  ["an unknown kind", '["frobnicate"]', /unknown kind/],
  ["a stream", '["stream",["pipeline",0,["add"],[1,2]]]', /unknown kind/],
  ["a pipe", '["pipe"]', /unknown kind/],
  ["a remote map", '["push",["remap",0,[],[],[]]]', /unknown form/],
  ["a call in an argument", call('["pipeline",0,["hang"],[]]'), /inside an argument/],
  [
    "a call in an error in an argument",
    call('["error","E","m",null,{"a":["pipeline",0,["hang"],[]]}]'),
    /inside/,
  ],
  ["an HTTP request", call('["request","http://localhost",{}]'), /unknown kind/],
  ["a stream in an argument", call('["readable",1]'), /unknown kind/],
  ["many references", call(`[[${'["export",-1],'.repeat(16)}["export",-1]]]`), /more than 16 references/],
  ["a release of nothing", '["release",1,0]', /wrong release/],
  ["a negative release", '["release",1,-1000]', /wrong release/],
  ["a release of what is not there", '["release",77,1]', /cannot be read/],
  ["a long path", `["push",["pipeline",0,${JSON.stringify("abcdefghi".split(""))},[]]]`, /wrong path/],
  ["an endless integer", call(`["bigint","${"9".repeat(5_000)}"]`), /1024 digits/],
];

test("each broken rule ends the session that broke it, by name", async () => {
  await using stage = await scene();
  for (const [name, message, reason] of attacks) {
    const socket = await stage.dial();
    const end = endOf(socket);
    socket.send(message);
    const { code, reason: text } = await end;
    assert.equal(code, 1008, name);
    assert.match(text, reason, name);
  }
});

test("names of the prototype are not reachable", async () => {
  await using stage = await scene();
  const socket = await stage.dial();
  const paths = [
    ["constructor"],
    ["secret"],
    ["add", "constructor"],
    ["add", "call"],
    ["__proto__", "add"],
    [],
  ];
  for (const [index, path] of paths.entries()) {
    socket.send(JSON.stringify(["push", ["pipeline", 0, path, []]]));
    socket.send(JSON.stringify(["pull", index + 1]));
    const [data]: unknown[] = await once(socket, "message");
    const [kind, , error] = JSON.parse(String(data));
    assert.equal(kind, "reject");
    assert.equal(["ERR_NOT_FOUND", "ERR_INTERNAL"].includes(error[4].code), true, String(data));
    assert.doesNotMatch(String(data), /src\/rpc|node_modules/);
  }
  socket.close();
});

test("a receiver that stops reading ends at the cap of buffered bytes", async () => {
  await using stage = await scene({ bufferedBytes: 256 * 1024 });
  const socket = await stage.dial();
  const session = stage.session();
  assert(session !== undefined);
  socket.pause();
  const text = "x".repeat(50_000);
  for (let id = 1; id <= 200; id++) {
    socket.send(JSON.stringify(["push", ["pipeline", 0, ["echo"], [{ text, list: [[]] }]]]));
    socket.send(JSON.stringify(["pull", id]));
  }
  const reason = await session.closed;
  assert.equal(reason.code, "ERR_RPC_PROTOCOL");
  assert.match(reason.message, /does not read/);
  socket.terminate();
});

test("a watcher that does not answer ends its own session", async () => {
  await using stage = await scene({ callbackBacklog: 10 });
  const socket = await stage.dial();
  const session = stage.session();
  assert(session !== undefined);
  socket.send(JSON.stringify(["push", ["pipeline", 0, ["watch"], [["export", -1]]]]));
  socket.send(JSON.stringify(["pull", 1]));
  await once(socket, "message");
  const [tell] = stage.desk.watchers;
  // Told and not waited for, as the contract allows: must neither pile up nor end the process.
  for (let i = 0; i < 50; i++) void tell?.(i);
  assert.equal((await session.closed).code, "ERR_RPC_PROTOCOL");
  socket.terminate();
});

test("strangers are refused before a session stands", async () => {
  await using stage = await scene();
  const refused = async (protocol: string, headers: Record<string, string>): Promise<string> => {
    const socket = new WebSocket("ws://localhost/rpc", protocol, {
      headers,
      createConnection: () => connectSocket({ path: stage.path }),
    });
    const [error]: unknown[] = await once(socket, "error");
    return String(error);
  };
  assert.match(await refused("catalyst.rpc.9", {}), /400/);
  assert.match(await refused(RPC_PROTOCOL, { origin: "http://evil.example" }), /403/);
  const others = [await stage.dial(), await stage.dial(), await stage.dial()];
  assert.match(await refused(RPC_PROTOCOL, {}), /503/);
  for (const socket of others) socket.close();
});

test("the caller is told when its own message is too large", async () => {
  await using stage = await scene();
  const session = await connect<Desk>({ unix: stage.path }, { limits: { messageBytes: 1_000 } });
  await assert.rejects(
    session.stub.echo({ text: "x".repeat(2_000), list: [] }),
    fails("ERR_RPC_PROTOCOL", /2\d\d\d bytes is over the limit of 1000/),
  );
});
