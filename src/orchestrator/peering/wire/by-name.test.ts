import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { NOTICES, retryOf } from "#routing";
import { WireError } from "../link.ts";
import { CLAIM_HEADER } from "./unproven.ts";
import {
  dial,
  know,
  newWorld,
  type Named,
  openOf,
  Recorder,
  session,
  station,
  type Station,
  type StationOptions,
} from "./wire.common-case.ts";

const ACME = { node: "edge1.acme.test", organization: "acme.test" };
const GLOBEX = { node: "edge1.globex.test", organization: "globex.test" };

const unproven = (): Promise<Station<Named>[]> => Promise.all([ACME, GLOBEX].map((name) => station(name)));

const close = async (...stations: readonly Station<Named>[]): Promise<void> => {
  await Promise.all(stations.map(({ wire }) => wire.close()));
};

async function refusal(of: Promise<unknown>): Promise<WireError> {
  try {
    await of;
  } catch (error) {
    assert.ok(error instanceof WireError, String(error));
    return error;
  }
  assert.fail("it was let in");
}

test("nodes that ask nobody for proof have sessions, and no link claims to be proved", async () => {
  const [acme, globex] = await unproven();
  assert.ok(acme !== undefined && globex !== undefined);
  try {
    know(acme, GLOBEX, undefined);
    know(globex, ACME, undefined);
    const { link, far, back, near } = await session(acme, globex);
    assert.deepEqual([link.node, link.notAfter], [GLOBEX.node, undefined]);
    assert.deepEqual([back.node, back.notAfter], [ACME.node, undefined]);
    const head = { seq: 1, encoding: "zstd", rawBytes: 10, routes: 1 } as const;
    assert.deepEqual(await link.frame(head, new Uint8Array(3)), { acked: 1, credit: 8 });
    assert.deepEqual(far.words, ["frame 1 3"]);
    globex.wire.removePeer(ACME.node);
    assert.match(await near.ended.promise, /the peer was removed/);
  } finally {
    await close(acme, globex);
  }
});

test("a node that asks nobody and one that asks for certificates have nothing to say to each other, either way", async () => {
  await using world = await newWorld();
  const proven = await station(await world.node(ACME.node));
  const open = await station(GLOBEX);
  try {
    know(proven, GLOBEX, await world.trust(GLOBEX.organization));
    know(open, ACME, undefined);
    for (const [from, to, words] of [
      [open, proven, /asks for certificates, and this node runs with identity\.mode none/],
      [proven, open, /asks for no certificates, as with identity\.mode none/],
    ] as const) {
      const said = await refusal(dial(from, to));
      assert.match(said.message, words);
      assert.equal(said.notice, "unproven");
      assert.equal(retryOf(NOTICES.unproven.code), "operator");
      assert.match(to.refusals.join("\n"), to === proven ? /speaks without TLS/ : /speaks TLS/);
      assert.deepEqual(to.knocks, []);
    }
  } finally {
    await close(proven, open);
  }
});

test("the same where both know nothing of each other, or have each other's trust", async () => {
  await using world = await newWorld();
  const proven = await station(await world.node(ACME.node));
  const open = await station(GLOBEX);
  try {
    // As after a change of the mode: trust is still at hand, and is used for nothing.
    know(open, ACME, await world.trust(ACME.organization));
    assert.equal((await refusal(dial(open, proven))).notice, "unproven");
    assert.throws(() => know(proven, GLOBEX, undefined), /holds no certificate/);
    assert.match((await refusal(dial(proven, open))).message, /is no peer/);
    assert.deepEqual([...proven.knocks, ...open.knocks], []);
  } finally {
    await close(proven, open);
  }
});

test("only a configured peer is let in, under the name it told", async () => {
  const [acme, globex] = await unproven();
  assert.ok(acme !== undefined && globex !== undefined);
  try {
    know(acme, GLOBEX, undefined);
    const stranger = await refusal(dial(acme, globex));
    assert.match(stranger.message, /no peer of the one at/);
    assert.equal(stranger.notice, undefined);
    know(globex, ACME, undefined);
    const near = new Recorder();
    const link = await dial(acme, globex, near);
    const lie = await link.open({ ...openOf(ACME), node: "edge2.acme.test" });
    assert.equal(lie.ok, false);
    assert.ok(!lie.ok && lie.notice.code === NOTICES.badPeer.code);
    assert.deepEqual(globex.knocks, []);
  } finally {
    await close(acme, globex);
  }
});

test("a dialled node that answers under another name is no link", async () => {
  const [acme, globex] = await unproven();
  const other = await station({ node: "edge2.globex.test", organization: "globex.test" });
  assert.ok(acme !== undefined && globex !== undefined);
  try {
    know(acme, GLOBEX, undefined);
    know(other, ACME, undefined);
    const link = await acme.wire.dial(
      GLOBEX.node,
      other.address,
      new Recorder(),
      new AbortController().signal,
    );
    const refused = await refusal(link.open(openOf(ACME)));
    assert.match(refused.message, /edge2\.globex\.test of globex\.test is not edge1\.globex\.test/);
  } finally {
    await close(acme, globex, other);
  }
});

test("strangers at the open port are bounded in number and in time", async () => {
  const options: StationOptions = { acceptMs: 100 };
  const globex = await station(GLOBEX, options);
  try {
    const idle = Array.from({ length: 40 }, () => connect({ host: "127.0.0.1", port: globex.port }));
    await Promise.all(
      idle.map(
        (socket) =>
          new Promise<void>((resolve) => {
            socket.on("error", () => undefined);
            socket.on("close", () => resolve());
            socket.resume();
          }),
      ),
    );
    assert.ok(globex.refusals.includes("too many connections without proof"));
    know(globex, ACME, undefined);
    const acme = await station(ACME);
    know(acme, GLOBEX, undefined);
    const links = [];
    for (let i = 0; i < 8; i++) links.push(await dial(acme, globex));
    assert.match((await refusal(dial(acme, globex))).message, /too many connections/);
    await close(acme);
    assert.equal(links.length, 8);
  } finally {
    await close(globex);
  }
});

test("whatever a stranger says to the open port, it stays open for peers", async () => {
  const [acme, globex] = await unproven();
  assert.ok(acme !== undefined && globex !== undefined);
  try {
    know(acme, GLOBEX, undefined);
    know(globex, ACME, undefined);
    const upgrade = (name: string): string =>
      `GET /rpc HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n${CLAIM_HEADER}: ${name}\r\n\r\n`;
    const said = async (text: string | Buffer, reset = false): Promise<string> => {
      const socket = connect({ host: "127.0.0.1", port: globex.port });
      let heard = "";
      socket.on("data", (chunk: Buffer) => (heard += chunk.toString("latin1")));
      socket.on("error", () => undefined);
      socket.write(text, () => reset && socket.resetAndDestroy());
      await new Promise((resolve) => socket.once("close", resolve));
      return heard.split("\r\n", 1)[0] ?? "";
    };
    assert.equal(await said("GET / HTTP/1.1\r\nhost: x\r\n\r\n"), "HTTP/1.1 426 Upgrade Required");
    assert.equal(await said("nonsense\r\n\r\n"), "HTTP/1.1 400 Bad Request");
    assert.equal(
      await said(`GET / HTTP/1.1\r\nx: ${"x".repeat(20_000)}\r\n\r\n`),
      "HTTP/1.1 400 Bad Request",
    );
    assert.equal(await said(upgrade("nobody.test")), "HTTP/1.1 404 Not Found");
    assert.equal(await said(upgrade("__proto__")), "HTTP/1.1 404 Not Found");
    // Without the subprotocol it is no peer, whatever name it tells.
    assert.equal(await said(upgrade(ACME.node)), "HTTP/1.1 400 Bad Request");
    assert.equal(await said(Buffer.from([0x16, 3, 1, 0, 0])), "\x15\x03\x03\0\x02\x02x");
    await said("GET / HTTP", true);
    await said(Buffer.from([0x16]), true);
    assert.deepEqual(globex.knocks, []);
    await session(acme, globex);
  } finally {
    await close(acme, globex);
  }
});
