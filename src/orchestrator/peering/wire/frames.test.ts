import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, deflateSync, zstdCompressSync } from "node:zlib";
import { routeOf } from "../../../../test/kit/routes.ts";
import type { Encoding, Frame, FrameHead } from "#routing";
import { PEER_LIMITS } from "#rpc";
import { encodeFrame, openFrameReader } from "./frames.ts";

const { decodeFrame } = await openFrameReader();
const ENCODINGS: readonly Encoding[] = ["zstd", "deflate", "identity"];

const route = (i: number, text = "") =>
  routeOf("edge1.globex.test", { key: `s${i}.globex.test`, attributes: { health: "up", labels: { text } } });
const update = (count: number, text?: string): Frame => ({
  kind: "update",
  withdraw: [],
  advertise: Array.from({ length: count }, (_, i) => route(i, text)),
});
const head = (encoding: Encoding, rawBytes: number, routes: number): FrameHead => ({
  seq: 1,
  encoding,
  rawBytes,
  routes,
});

test("a frame comes back as it was, in each encoding, also with letters beyond ASCII", () => {
  for (const encoding of ENCODINGS) {
    for (const frame of [update(500), update(1), update(3, "Zürich 東京 🚀")]) {
      const { encoding: chosen, bytes, rawBytes } = encodeFrame(frame, encoding);
      const routes = frame.kind === "update" ? frame.advertise.length : 0;
      assert.deepEqual(decodeFrame(head(chosen, rawBytes, routes), bytes), { ok: true, frame });
    }
  }
});

test("what fits into one packet anyway is not compressed, and its head says so", () => {
  for (const encoding of ENCODINGS) {
    const small = encodeFrame(update(1), encoding);
    assert.equal(small.encoding, "identity");
    assert.equal(small.bytes.byteLength, small.rawBytes);
    assert.equal(encodeFrame(update(100), encoding).encoding, encoding);
  }
});

test("one frame is written once for each encoding", () => {
  const frame = update(100);
  const [zstd, again, deflate] = [
    encodeFrame(frame, "zstd"),
    encodeFrame(frame, "zstd"),
    encodeFrame(frame, "deflate"),
  ];
  assert.equal(zstd, again);
  assert.equal(deflate, encodeFrame(frame, "deflate"));
  assert.notDeepEqual(zstd.bytes, deflate.bytes);
  assert.notEqual(encodeFrame(update(100), "zstd"), zstd);
});

test("zip-bomb: nothing is expanded beyond what the head says, nor beyond the limit", () => {
  const bomb = Buffer.alloc(64 << 20, " ");
  const bombs: readonly (readonly [Encoding, Uint8Array])[] = [
    ["zstd", zstdCompressSync(bomb, { params: { [constants.ZSTD_c_compressionLevel]: 1 } })],
    ["deflate", deflateSync(bomb, { level: 1 })],
  ];
  const before = process.memoryUsage().rss;
  for (const [encoding, bytes] of bombs) {
    const small = bytes.subarray(0, PEER_LIMITS.encodedBytes);
    for (const rawBytes of [1_000, PEER_LIMITS.frameBytes]) {
      const read = decodeFrame(head(encoding, rawBytes, 1), small);
      assert.ok(!read.ok);
      assert.match(read.reason, /do not expand/);
    }
    assert.equal(decodeFrame(head(encoding, bomb.length, 1), small).ok, false);
  }
  const grown = process.memoryUsage().rss - before;
  console.log(`zip-bomb: ${(grown / 2 ** 20).toFixed(1)} MB more in use`);
  assert.ok(grown < 64 << 20);
});

test("over-limit-at-edge: bytes that are no frame come back as a reason", () => {
  const { bytes, rawBytes } = encodeFrame(update(1), "identity");
  const text = (value: string) => Buffer.from(value, "utf8");
  const wrong: readonly (readonly [string, FrameHead, Uint8Array, RegExp])[] = [
    ["shorter than said", head("identity", rawBytes + 1, 1), bytes, /were said/],
    ["longer than said", head("identity", rawBytes - 1, 1), bytes, /were said/],
    ["not compressed", head("zstd", rawBytes, 1), bytes, /do not expand/],
    ["not compressed", head("deflate", rawBytes, 1), bytes, /do not expand/],
    ["cut off", head("zstd", rawBytes, 1), encodeFrame(update(100), "zstd").bytes.subarray(0, 20), /expand/],
    ["no UTF-8", head("identity", 4, 0), Uint8Array.of(0x22, 0xc3, 0x28, 0x22), /no JSON in UTF-8/],
    ["no JSON", head("identity", 3, 0), text("{a}"), /no JSON/],
    ["null", head("identity", 4, 0), text("null"), /no JSON/],
    ["a number", head("identity", 1, 0), text("7"), /./],
    ["another kind", head("identity", 14, 0), text('{"kind":"new"}'), /kind/],
    ["too large", head("identity", PEER_LIMITS.frameBytes + 1, 1), bytes, /too large/],
    ["too many bytes", head("zstd", 10, 1), new Uint8Array(PEER_LIMITS.encodedBytes + 1), /too many/],
    ["a wrong count", head("identity", rawBytes, 2), bytes, /2 were said/],
  ];
  for (const [name, of, given, reason] of wrong) {
    const read = decodeFrame(of, given);
    assert.ok(!read.ok, name);
    assert.match(read.reason, reason, name);
  }
});
