// Who gets a content of this node, and what is taken from a peer.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PEER_LIMITS } from "#rpc";
import type { Best, Commit, StateView } from "#routing";
import { sha256 } from "../store/store.ts";
import { Contents, fetchContent, type PieceAt } from "./contents.ts";
import type { Exports } from "./exports.ts";

const [TOLD, OTHER] = ["b.acme.test", "g.globex.test"];
const KEY = "reviews.acme.test";

describe("a content is given", () => {
  const sdl = `type Query { ${"é".repeat(PEER_LIMITS.blobPieceBytes)}: Int }`;
  const hash = sha256(sdl);
  const best = (schema: string, protocol = "http:graphql"): Best =>
    [{ protocol, attributes: { schema } }] as unknown as Best;

  /** A node that tells one peer of one name, and the other of none. */
  function node(start: readonly (readonly [string, Best])[] = []) {
    const table = new Map(start);
    const exports = {
      policy: (peer: string) => (peer === TOLD ? "all" : peer === OTHER ? "none" : undefined),
      exported: (policy: string, key: string) => {
        const path = policy === "all" ? table.get(key)?.[0] : undefined;
        return path === undefined ? undefined : { path };
      },
    } as unknown as Exports;
    const view = { routes: { keys: () => table.keys(), best: (key: string) => table.get(key) } };
    const contents = new Contents(exports, view as unknown as StateView, (one) =>
      one === hash ? sdl : undefined,
    );
    const set = (key: string, after: Best | undefined): void => {
      const before = table.get(key);
      if (after === undefined) table.delete(key);
      else table.set(key, after);
      const change = { ...(before && { before }), ...(after && { after }) };
      contents.follow({ changes: { routes: new Map([[key, change]]) } } as unknown as Commit);
    };
    return { contents, set };
  }

  test("to those who are told of a name with it, piece by piece, and to nobody else", () => {
    const { contents, set } = node();
    assert.throws(() => contents.piece(TOLD, hash, 0), { code: "ERR_NOT_FOUND" });
    set(KEY, best(hash));
    const pieces: Buffer[] = [];
    for (let at = 0; at < Buffer.byteLength(sdl);) {
      const { bytes, size } = contents.piece(TOLD, hash, at);
      assert.equal(size, Buffer.byteLength(sdl));
      assert.ok(bytes.byteLength > 0 && bytes.byteLength <= PEER_LIMITS.blobPieceBytes);
      pieces.push(Buffer.from(bytes));
      at += bytes.byteLength;
    }
    assert.equal(Buffer.concat(pieces).toString(), sdl);
    for (const peer of [OTHER, "stranger.hooli.test"]) {
      assert.throws(() => contents.piece(peer, hash, 0), { code: "ERR_NOT_FOUND" });
    }
  });

  test("of names that were there before it followed, and of GraphQL services alone", () => {
    const { contents, set } = node([[KEY, best(hash)]]);
    assert.ok(contents.piece(TOLD, hash, 0).size > 0);
    set(KEY, best(hash, "http"));
    assert.throws(() => contents.piece(TOLD, hash, 0), { code: "ERR_NOT_FOUND" });
  });

  test("as long as one name speaks of it", () => {
    const { contents, set } = node();
    set(KEY, best(hash));
    set("more.acme.test", best(hash));
    set(KEY, best(sha256("another")));
    assert.ok(contents.piece(TOLD, hash, 0).size > 0);
    set("more.acme.test", undefined);
    assert.throws(() => contents.piece(TOLD, hash, 0), { code: "ERR_NOT_FOUND" });
  });
});

describe("a content of a peer", () => {
  const text = "type Query { a: Int }";
  const bytes = Buffer.from(text);
  const fetch = (pieces: readonly PieceAt[], hash = sha256(text)) => {
    let next = 0;
    let have = 0;
    const blob = async (_: string, offset: number) => {
      assert.equal(offset, have);
      const piece = pieces[next++] ?? assert.fail("asked too often");
      have += piece.bytes.byteLength;
      return piece;
    };
    return fetchContent({ blob }, hash);
  };

  test("is put together and proved by its hash", async () => {
    const size = bytes.byteLength;
    const halves = [bytes.subarray(0, 9), bytes.subarray(9)].map((piece) => ({ bytes: piece, size }));
    assert.equal(await fetch(halves), text);
    await assert.rejects(fetch(halves, sha256("another")), /hash/);
    const marked = Buffer.from(`\ufeff${text}`);
    const whole = { bytes: marked, size: marked.byteLength };
    assert.equal(await fetch([whole], sha256(`\ufeff${text}`)), `\ufeff${text}`, "byte by byte");
  });

  test("is refused when it is too large, ends too early, or changes while it is read", async () => {
    const size = 2 * 1024 * 1024 + 1;
    await assert.rejects(fetch([{ bytes, size }]), /are the most/);
    const empty = new Uint8Array(0);
    await assert.rejects(fetch([{ bytes: empty, size: 9 }]), /too early/);
    const changed = [
      { bytes: bytes.subarray(0, 9), size: bytes.byteLength },
      { bytes: bytes.subarray(9), size: bytes.byteLength + 1 },
    ];
    await assert.rejects(fetch(changed), /changed/);
    await assert.rejects(fetch([{ bytes: Buffer.from([0xff]), size: 1 }]), /valid|encoded/);
  });
});
