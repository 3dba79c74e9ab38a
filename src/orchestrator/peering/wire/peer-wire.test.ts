import assert from "node:assert/strict";
import { test } from "node:test";
import { NOTICES } from "#routing";
import { WireError } from "../link.ts";
import {
  dial,
  openOf,
  Recorder,
  session,
  station,
  know,
  newWorld,
  twoOrganizations,
} from "./wire.common-case.ts";

const head = (seq: number) => ({ seq, encoding: "zstd", rawBytes: 10, routes: 1 }) as const;
const buckets = Array.from({ length: 256 }, () => "0".repeat(16));

const refused =
  (auth: boolean, text: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof WireError, String(error));
    assert.match(error.message, text);
    assert.equal(error.auth, auth, error.message);
    return true;
  };

test("every word of the contract goes both ways, in order", async () => {
  await using two = await twoOrganizations();
  const { link, near, far, back } = await session(two.acme, two.globex);
  assert.equal(link.node, "edge1.globex.test");
  assert.equal(back.node, "edge1.acme.test");
  assert.equal(link.notAfter, Math.min(two.acme.identity.notAfter, two.globex.identity.notAfter));
  const frames = Array.from({ length: 20 }, (_, i) => link.frame(head(i + 1), new Uint8Array(i)));
  const compared = link.digest({ seq: 20, buckets });
  const after = link.frame(head(21), new Uint8Array(200_000).fill(3));
  assert.deepEqual(
    await Promise.all(frames),
    frames.map((_, i) => ({ acked: i + 1, credit: 8 })),
  );
  assert.deepEqual(await compared, { same: true });
  assert.deepEqual(await after, { acked: 21, credit: 8 });
  assert.deepEqual(far.words.slice(-3), ["frame 20 19", "digest 20", "frame 21 200000"]);
  assert.deepEqual(await back.frame(head(1), Uint8Array.of(1)), { acked: 1, credit: 8 });
  assert.deepEqual(near.words, ["frame 1 1"]);
  const progress = { sentSeq: 1, receivedSeq: 1, clockMs: 5 };
  assert.deepEqual(await link.alive(progress), { ...progress, receivedSeq: 21 });
  await link.refresh([1, 2]);
  await back.refresh("all");
  assert.equal(near.words.at(-1), "refresh all");
  const piece = await link.blob("hash", 10);
  assert.deepEqual([piece.bytes.byteLength, piece.bytes[0], piece.size], [99_990, 7, 100_000]);
  await back.notify({ code: 11, text: "good night" });
  assert.equal(near.words.at(-1), "notice 11 good night");
  const signs = far.signs;
  link.ping();
  await back.alive(progress);
  assert.ok(far.signs > signs);
  link.close("enough");
  assert.equal(await near.ended.promise, "enough");
  assert.match(await far.ended.promise, /enough/);
  await assert.rejects(link.alive(progress));
  assert.deepEqual([near.closes, far.closes], [1, 1]);
});

test("a no is heard, and the link ends", async () => {
  await using two = await twoOrganizations({
    answer: () => ({ ok: false, notice: { code: NOTICES.roles.code, text: "roles" } }),
  });
  const near = new Recorder();
  const link = await dial(two.acme, two.globex, near);
  assert.deepEqual(await link.open(openOf(two.acme.identity)), {
    ok: false,
    notice: { code: NOTICES.roles.code, text: "roles" },
  });
  await assert.rejects(link.frame(head(1), Uint8Array.of(1)));
  await near.ended.promise;
  await two.globex.knocks[0]?.handler.ended.promise;
});

test("first words under another name than the certificate's are refused", async () => {
  await using two = await twoOrganizations();
  for (const [node, organization] of [
    ["edge2.acme.test", "acme.test"],
    ["edge1.acme.test", "globex.test"],
  ] as const) {
    const link = await dial(two.acme, two.globex);
    const answer = await link.open(openOf({ node, organization }));
    assert.ok(!answer.ok);
    assert.equal(answer.notice.code, NOTICES.badPeer.code);
  }
  assert.equal(two.globex.knocks.length, 0);
});

test("a server that answers under another name is left", async () => {
  const world = await newWorld();
  await using two = await twoOrganizations({
    answer: () => ({ ok: true, open: openOf({ node: "edge9.globex.test", organization: "globex.test" }) }),
  });
  const link = await dial(two.acme, two.globex);
  await assert.rejects(
    link.open(openOf(two.acme.identity)),
    refused(true, /certificate is that of edge1.globex/),
  );
  await world[Symbol.asyncDispose]();
});

test("nothing answers, nobody is asked, or the dial is taken back: no link, and trying again may help", async () => {
  await using two = await twoOrganizations();
  const { wire } = two.acme;
  const { signal } = new AbortController();
  const to = (address: string, by = signal) => wire.dial("edge1.globex.test", address, new Recorder(), by);
  await assert.rejects(to("127.0.0.1:1"), refused(false, /nothing answers at 127.0.0.1:1/));
  await assert.rejects(to("nowhere"), refused(false, /is no address/));
  await assert.rejects(
    to(two.globex.address, AbortSignal.abort(new Error("no more"))),
    refused(false, /no more/),
  );
  await assert.rejects(wire.dial("edge7.acme.test", two.globex.address, new Recorder(), signal), WireError);
});

test("a peer's links end when it is removed, and when another trust is set; not when the same is set again", async () => {
  await using two = await twoOrganizations();
  const trust = await two.world.trust("acme.test");
  const first = await session(two.acme, two.globex);
  know(two.globex, two.acme.identity, trust);
  assert.deepEqual(await first.link.frame(head(1), Uint8Array.of(1)), { acked: 1, credit: 8 });
  know(two.globex, two.acme.identity, await two.world.trust("acme.test", "2"));
  assert.match(await first.far.ended.promise, /trust in this peer has changed/);
  await first.near.ended.promise;
  await assert.rejects(dial(two.acme, two.globex), refused(true, /refuses the certificate/));
  know(two.globex, two.acme.identity, trust);
  const second = await session(two.acme, two.globex);
  two.globex.wire.removePeer("edge1.acme.test");
  assert.match(await second.far.ended.promise, /was removed/);
  await second.near.ended.promise;
  await assert.rejects(dial(two.acme, two.globex), refused(false, /./));
});

test("renewed certificates are in force for connections from then on, old connections stay", async () => {
  await using two = await twoOrganizations();
  const { link } = await session(two.acme, two.globex);
  const renewed = await two.world.node("edge1.globex.test", { lifeMs: 3_600_000 });
  two.globex.wire.setCertificate(renewed);
  const next = await session(two.acme, two.globex);
  assert.equal(next.link.notAfter, renewed.notAfter);
  assert.notEqual(link.notAfter, renewed.notAfter);
  assert.deepEqual(await link.frame(head(1), Uint8Array.of(1)), { acked: 1, credit: 8 });
});

test("a certificate of another node, or with another's key, is not taken as one's own", async () => {
  await using two = await twoOrganizations();
  const { acme, globex } = two;
  assert.throws(() => acme.wire.setCertificate(globex.identity), /not that of edge1.acme.test/);
  const { certificate } = acme.identity;
  assert.throws(() => acme.wire.setCertificate({ certificate, key: globex.identity.key }));
  assert.throws(() => know(acme, globex.identity, "no certificate"), /holds no certificate/);
});

test("expiry-redials: a link ends with its certificate, and one that is renewed is dialled anew", async () => {
  const world = await newWorld();
  // Seconds are what certificates count in.
  const globex = await station(await world.node("edge1.globex.test", { lifeMs: 2_500 }));
  const acme = await station(await world.node("edge1.acme.test"));
  know(acme, globex.identity, await world.trust("globex.test"));
  know(globex, acme.identity, await world.trust("acme.test"));
  const { near, far, link } = await session(acme, globex);
  assert.equal(link.notAfter, globex.identity.notAfter);
  assert.match(await near.ended.promise, /expired/);
  await far.ended.promise;
  assert.ok(Date.now() >= globex.identity.notAfter);
  await assert.rejects(dial(acme, globex), refused(true, /CERT_HAS_EXPIRED/));
  globex.wire.setCertificate(await world.node("edge1.globex.test"));
  await session(acme, globex);
  await Promise.all([acme.wire.close(), globex.wire.close()]);
  await world[Symbol.asyncDispose]();
});
