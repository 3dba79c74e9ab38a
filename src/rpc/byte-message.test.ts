import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { pack, place, unpack } from "./byte-message.ts";
import { type Reference, reference } from "./callback.ts";
import { connect } from "./connect.ts";
import { expose } from "./expose.ts";
import { memoryWires } from "./memory-wire.ts";
import { serve } from "./serve.ts";
import type { Borrowed, Session } from "./session-types.ts";
import { LiveSession } from "./session.ts";
import { fails, openPair, sessionCases } from "./session.common-case.ts";

sessionCases("memory with bytes", (options) => openPair({ ...options, bytes: true }));

const read = (packed: string | Uint8Array): unknown => {
  assert.ok(typeof packed !== "string");
  const { text, bytes } = unpack(packed);
  const message: unknown = JSON.parse(text);
  place(message, bytes);
  return message;
};

test("bytes stand behind their message, and a message without any is a text", () => {
  const [one, two] = [Uint8Array.of(1, 2, 3), new Uint8Array(0)];
  const message = () => ["push", ["pipeline", 0, ["f"], [[["bytes", one], "ü", { a: ["bytes", two] }]]]];
  assert.deepEqual(read(pack(message())), [
    "push",
    ["pipeline", 0, ["f"], [[["bytes", Buffer.from(one)], "ü", { a: ["bytes", Buffer.from(two)] }]]],
  ]);
  assert.equal(pack(["pull", 1]), '["pull",1]');
});

test("what lies outside of a message cannot be named", () => {
  const of = (text: string, bytes: number) => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(Buffer.byteLength(text));
    return Buffer.concat([head, Buffer.from(text), Buffer.alloc(bytes)]);
  };
  assert.deepEqual(read(of('["bytes",[1,2]]', 3)), ["bytes", Buffer.alloc(2)]);
  for (const place of ["[0,4]", "[-1,2]", "[4,0]", "[0,1.5]", "[0,1e300]", '["0",1]', "[0,1,2]", "[]"]) {
    assert.throws(() => read(of(`["bytes",${place}]`, 3)), fails("ERR_RPC_PROTOCOL", /outside/), place);
  }
  const many = Array.from({ length: 17 }, () => '["bytes",[0,1]]').join(",");
  assert.throws(() => read(of(`[${many}]`, 1)), fails("ERR_RPC_PROTOCOL", /more than 16/));
  assert.throws(() => unpack(Buffer.from([0, 0, 0, 9, 1])), fails("ERR_RPC_PROTOCOL", /wrong form/));
  assert.throws(() => unpack(Buffer.from([0, 0])), fails("ERR_RPC_PROTOCOL", /wrong form/));
});

interface Store {
  keep(bytes: Uint8Array): Promise<{ readonly bytes: Uint8Array; readonly size: number }>;
  lend(shelf: object): Promise<{ readonly shelf: object }>;
}

interface Shelf {
  size(): Promise<number>;
}

const shelfOf = (size: number) =>
  expose<Shelf>({ size: () => Promise.resolve(size) }, { size: z.tuple([]) as never });

function store(session: Session<object>, held: Borrowed<Shelf>[]) {
  return expose(
    {
      keep: (bytes: Uint8Array) => Promise.resolve({ bytes: bytes.slice(1), size: bytes.length }),
      async lend(shelf: Reference) {
        const borrowed = session.borrow<Shelf>(shelf.target);
        held.push(borrowed);
        return { shelf: session.lend(shelfOf((await borrowed.stub.size()) + 1)) };
      },
    },
    { keep: z.tuple([z.instanceof(Uint8Array)]), lend: z.tuple([reference()]) },
  );
}

test("bytes and objects go both ways over a socket, and what was let go is gone on both ends", async () => {
  const held: Borrowed<Shelf>[] = [];
  const server = await serve({ host: "127.0.0.1", port: 0 }, (session) => store(session, held), {
    bytes: true,
  });
  assert.ok(server.address !== undefined);
  const session = await connect<Store>(server.address, { bytes: true });
  const [far] = server.sessions;
  let signs = 0;
  far?.onHeard(() => (signs += 1));
  const answer = await session.stub.keep(Uint8Array.of(1, 2, 3));
  assert.deepEqual([...answer.bytes], [2, 3]);
  const before = { near: session.stats(), far: far?.stats() };
  for (let round = 0; round < 10; round++) {
    const lent = await session.stub.lend(session.lend(shelfOf(round)));
    const mine = session.borrow<Shelf>(lent.shelf);
    assert.equal(await mine.stub.size(), round + 1);
    mine[Symbol.dispose]();
    (lent as Partial<Disposable>)[Symbol.dispose]?.();
  }
  for (const borrowed of held) borrowed[Symbol.dispose]();
  await session.stub.keep(Uint8Array.of(1));
  assert.equal(session.stats().imports, before.near.imports);
  assert.equal(session.stats().exports, before.near.exports);
  assert.equal(session.stats().references, 0);
  assert.equal(far?.stats().references, 0);
  assert.equal(far?.stats().imports, before.far?.imports);
  assert.ok(signs > 20);
  session.close();
  await server.close();
});

test("a binary message ends a session that carries none", async () => {
  const [left, right] = memoryWires();
  const far = new LiveSession<object>(right, (session) => store(session, []), {});
  const near = new LiveSession<Store>(left, () => undefined, { bytes: true });
  await assert.rejects(near.stub.keep(Uint8Array.of(1, 2)), fails("ERR_RPC_PROTOCOL"));
  assert.match((await far.closed).message, /a binary message/);
});
