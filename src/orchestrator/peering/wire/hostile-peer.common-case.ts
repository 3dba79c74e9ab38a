// A peer that has a sound certificate and keeps to no other rule: it speaks WebSocket itself, in a process of its own, so that what
// the victim's memory grows by is the victim's. Run by hostile.test.ts with the attack's name; says by message how it ended.

import { connect as connectTls } from "node:tls";
import { once } from "node:events";
import { WebSocket } from "ws";
import type { Identity } from "./wire.common-case.ts";
import { openOf } from "./wire.common-case.ts";

export interface Order {
  readonly identity: Identity;
  readonly port: number;
  readonly name: string;
  readonly attack: keyof typeof ATTACKS;
}

export interface Outcome {
  readonly code: number;
  readonly reason: string;
  readonly heard: readonly string[];
}

type Attack = (socket: WebSocket, order: Order) => Promise<void> | void;

const send = (socket: WebSocket, message: unknown): void =>
  socket.send(typeof message === "string" ? message : JSON.stringify(message));
const call = (on: number, method: string, ...args: readonly unknown[]) =>
  ["push", ["pipeline", on, [method], args]] as const;

/** First words; the object they come back with is the result's member `session`. */
function greet(socket: WebSocket, { identity }: Order, some: object = {}): void {
  send(socket, call(0, "open", escape({ ...openOf(identity), ...some }), ["export", -1]));
  send(socket, ["pull", 1]);
}

/** Arrays are doubled on capnweb's wire. */
function escape(value: unknown): unknown {
  if (Array.isArray(value)) return [value.map(escape)];
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, escape(member)]));
}

const session = (method: string, ...args: readonly unknown[]) =>
  ["push", ["pipeline", 1, ["session", method], args]] as const;
const head = (seq: number) => ({ seq, encoding: "zstd", rawBytes: 10, routes: 1 });
const bytes = (size: number) => ["bytes", Buffer.alloc(size, 1).toString("base64")];

/** Many messages, without filling this process's own memory, and without missing its end. */
async function flood(socket: WebSocket, count: number, strike: (i: number) => void): Promise<void> {
  for (let i = 0; i < count && socket.readyState === socket.OPEN; i++) {
    strike(i);
    if (i % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
    while (socket.bufferedAmount > 1 << 20 && socket.readyState === socket.OPEN) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

/** Leaves when that many answers have come. */
function closeAfter(socket: WebSocket, answers: number): void {
  let left = answers;
  socket.on("message", (data) => {
    if (/^\["re(solve|ject)/.test(String(data)) && --left === 0) socket.close();
  });
}

const ATTACKS = {
  /** Says nothing. */
  silent: () => undefined,
  /** Routes before first words, or to a door that has none. */
  stranger: (socket) => {
    closeAfter(socket, 2);
    send(socket, call(0, "frame", head(1), bytes(10)));
    send(socket, ["pull", 1]);
    send(socket, call(0, "notify", { code: 1, text: "hello" }));
    send(socket, ["pull", 2]);
  },
  /** The same behind first words that were refused. */
  refusedStranger: (socket, order) => {
    closeAfter(socket, 2);
    greet(socket, order, { node: "edge7.acme.test" });
    send(socket, session("frame", head(1), bytes(10)));
    send(socket, ["pull", 2]);
  },
  twice: (socket, order) => {
    greet(socket, order);
    greet(socket, order);
  },
  giantOpen: (socket, order) => greet(socket, order, { capabilities: { more: "x".repeat(2 << 20) } }),
  manyUnknown: (socket, order) => {
    closeAfter(socket, 2);
    const unknown = Object.fromEntries(Array.from({ length: 40_000 }, (_, i) => [`unknown${i}`, i]));
    greet(socket, order, unknown);
    send(socket, session("alive", { sentSeq: 1, receivedSeq: 1, clockMs: 1, ...unknown }));
    send(socket, ["pull", 2]);
  },
  tooManyUnknown: (socket, order) => {
    greet(socket, order, { unknown: Array.from({ length: 100_000 }, () => 1) });
  },
  giantString: (socket, order) => {
    greet(socket, order);
    send(socket, session("notify", { code: 1, text: "x".repeat(900_000) }));
  },
  malformedFrame: (socket, order) => {
    greet(socket, order);
    send(socket, session("frame", { ...head(1), rawBytes: 1 << 30 }, bytes(10)));
  },
  /** Calls that are never released. */
  pushes: async (socket, order) => {
    greet(socket, order);
    await flood(socket, 500_000, () =>
      send(socket, session("alive", { sentSeq: 1, receivedSeq: 1, clockMs: 1 })),
    );
  },
  /** Calls as they should be, but without end. */
  calls: async (socket, order) => {
    greet(socket, order);
    await flood(socket, 500_000, (i) => {
      send(socket, session("alive", { sentSeq: 1, receivedSeq: 1, clockMs: 1 }));
      send(socket, ["pull", i + 2]);
      send(socket, ["release", i + 2, 1]);
    });
  },
  /** Frames beyond any window, none of them awaited. */
  frames: async (socket, order) => {
    greet(socket, order);
    await flood(socket, 20_000, (i) => {
      send(socket, session("frame", head(i + 1), bytes(20_000)));
      send(socket, ["pull", i + 2]);
    });
  },
  pings: (socket) => flood(socket, 1_000_000, () => socket.ping(Buffer.alloc(100))),
  /** Takes the session and reads nothing more. */
  deaf: (socket, order) => {
    greet(socket, order);
    socket.once("message", () => socket.pause());
    // A socket that is not read keeps no process alive, nor does it tell of its end.
    setTimeout(() => socket.resume(), 3_000);
  },
} as const satisfies Record<string, Attack>;

if (process.send !== undefined && process.argv[2] !== undefined) {
  const order = JSON.parse(process.argv[2]) as Order;
  const { identity, port, name } = order;
  const socket = new WebSocket("ws://localhost/rpc", "catalyst.peer.1", {
    perMessageDeflate: false,
    createConnection: () =>
      connectTls({
        host: "127.0.0.1",
        port,
        servername: name,
        cert: identity.certificate,
        key: identity.key,
        rejectUnauthorized: false,
      }),
  });
  const heard: string[] = [];
  socket.on("message", (data) => void heard.push(String(data).slice(0, 300)));
  // A connection that is cut is one of the ends that are wanted.
  socket.on("error", () => undefined);
  socket.on("close", (code, reason) => {
    const outcome: Outcome = { code, reason: reason.toString("utf8"), heard: heard.slice(0, 8) };
    process.send?.(outcome, () => process.exit());
  });
  await once(socket, "open");
  await ATTACKS[order.attack](socket, order);
}
