import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import type { Jwk } from "#rpc";
import { FakeClock, MemoryLog, MIDDLE, newSigner, temporaryDirectory } from "../testing.ts";
import { openJwksUrl } from "./jwks-url.ts";
import type { KeySource } from "./key-source.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const { publicJwk: one } = await newSigner("ES256");
const { publicJwk: two } = await newSigner("ES256");

type Reply = (request: IncomingMessage, response: ServerResponse) => void;

/** A key server whose answer a test exchanges; counts the requests by path. */
async function keyServer(): Promise<
  { url: string; requests: IncomingMessage[]; reply: Reply; serve(...keys: Jwk[]): void } & AsyncDisposable
> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    state.reply(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const state = {
    url: `http://127.0.0.1:${port}/keys`,
    requests,
    reply: ((_, response) => response.writeHead(500).end()) as Reply,
    serve(...keys: Jwk[]) {
      state.reply = (_, response) => {
        response.writeHead(200, { "cache-control": "public, max-age=600", etag: `"${keys.length}"` });
        response.end(JSON.stringify({ keys }));
      };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return state;
}

type Source = KeySource & { idle(): Promise<void> };

async function open(
  directory: string,
  url: string,
  more: { clock?: FakeClock; issuer?: string; insecure?: boolean } = {},
): Promise<{
  source: Source;
  clock: FakeClock;
  log: MemoryLog;
  kids: () => string[];
  settle: () => Promise<void>;
}> {
  const clock = more.clock ?? new FakeClock();
  const log = new MemoryLog();
  const source = await openJwksUrl({
    url,
    issuer: more.issuer ?? "idp",
    insecure: more.insecure ?? true,
    directory: join(directory, "jwks"),
    clock,
    random: MIDDLE,
    log,
    instruments: { sign: () => undefined, verify: () => undefined, jwksFetch: () => undefined },
  });
  const kids = (): string[] => [...source.table().byKid.keys()];
  return { source, clock, log, kids, settle: () => source.idle() };
}

test("keys are fetched at start and again when max-age has passed", async () => {
  await using temporary = await temporaryDirectory();
  await using server = await keyServer();
  server.serve(one);
  const { source, clock, kids, settle } = await open(temporary.path, server.url);
  assert.deepEqual(kids(), [one.kid]);
  const changes: number[] = [];
  source.onChange((table) => changes.push(table.byKid.size));
  server.serve(one, two);
  await clock.advance(8 * MINUTE, settle);
  assert.equal(server.requests.length, 1);
  await clock.advance(2 * MINUTE, settle);
  assert.deepEqual(kids(), [one.kid, two.kid]);
  assert.deepEqual(changes, [2]);
  await source.close();
  assert.equal(clock.pending, 0);
});

test("an unchanged set is asked for by its ETag and keeps its revision", async () => {
  await using temporary = await temporaryDirectory();
  await using server = await keyServer();
  server.serve(one);
  const { source, clock, settle } = await open(temporary.path, server.url);
  const { revision } = source.table();
  server.reply = (request, response) => {
    response
      .writeHead(request.headers["if-none-match"] === '"1"' ? 304 : 500, { "cache-control": "max-age=600" })
      .end();
  };
  await clock.advance(10 * MINUTE, settle);
  await clock.advance(10 * MINUTE, settle);
  assert.equal(server.requests.length, 3);
  assert.equal(source.problem(), undefined);
  assert.equal(source.table().revision, revision);
  assert.ok((source.ageMs() ?? Infinity) <= 10 * MINUTE);
  await source.close();
});

test("max-age is held between one minute and one hour", async () => {
  await using temporary = await temporaryDirectory();
  await using server = await keyServer();
  for (const [maxAge, atMost] of [
    ["1", 1],
    ["999999", 60],
  ] as const) {
    server.requests.length = 0;
    server.reply = (_, response) =>
      response.writeHead(200, { "cache-control": `max-age=${maxAge}` }).end(JSON.stringify({ keys: [one] }));
    const { source, clock, settle } = await open(temporary.path, server.url);
    await clock.advance(atMost * MINUTE * 0.89, settle);
    assert.equal(server.requests.length, 1, `max-age=${maxAge}: not before`);
    await clock.advance(atMost * MINUTE * 0.02, settle);
    assert.equal(server.requests.length, 2, `max-age=${maxAge}: then`);
    await source.close();
  }
});

test("a server that is away costs few requests and no keys, for 24 hours", async () => {
  await using temporary = await temporaryDirectory();
  await using server = await keyServer();
  server.serve(one);
  const { source, clock, kids, settle } = await open(temporary.path, server.url);
  server.reply = (_, response) => response.writeHead(503).end();
  await clock.advance(HOUR, settle);
  assert.deepEqual(kids(), [one.kid]);
  assert.match(source.problem() ?? "", /503/);
  assert.ok(server.requests.length < 25, `${server.requests.length} requests in an hour`);
  await clock.advance(22 * HOUR, settle);
  assert.deepEqual(kids(), [one.kid]);
  await clock.advance(2 * HOUR, settle);
  assert.deepEqual(kids(), [], "older than a day is not trusted");
  server.serve(two);
  await clock.advance(6 * MINUTE, settle);
  assert.deepEqual(kids(), [two.kid]);
  assert.equal(source.problem(), undefined);
  await source.close();
});

test("a restart while the server is away goes on with what is on disk, up to its age", async () => {
  await using temporary = await temporaryDirectory();
  await using server = await keyServer();
  server.serve(one);
  const first = await open(temporary.path, server.url);
  await first.source.close();
  server.reply = (_, response) => response.writeHead(503).end();
  const later = new FakeClock(first.clock.now() + 20 * HOUR);
  const second = await open(temporary.path, server.url, { clock: later });
  assert.deepEqual(second.kids(), [one.kid]);
  await second.source.idle();
  await later.advance(5 * HOUR, second.settle);
  assert.deepEqual(second.kids(), []);
  await second.source.close();
  const third = await open(temporary.path, server.url, {
    clock: new FakeClock(first.clock.now() + 25 * HOUR),
  });
  assert.deepEqual(third.kids(), []);
  await third.source.close();
  const other = await open(temporary.path, server.url, { issuer: "another" });
  assert.deepEqual(other.kids(), [], "another issuer does not read this one's keys");
  await other.source.close();
});

test("a thousand unknown keys cause one request, while the server answers and while it does not", async () => {
  await using temporary = await temporaryDirectory();
  await using server = await keyServer();
  server.serve(one);
  const { source, clock } = await open(temporary.path, server.url);
  const flood = async (): Promise<number> => {
    server.requests.length = 0;
    await Promise.all(Array.from({ length: 500 }, () => source.refresh()));
    for (let n = 0; n < 500; n += 1) await source.refresh();
    return server.requests.length;
  };
  assert.equal(await flood(), 0, "just asked");
  clock.jump(30_000);
  assert.equal(await flood(), 1);
  clock.jump(30_000);
  server.reply = (_, response) => response.writeHead(500).end();
  assert.equal(await flood(), 1);
  clock.jump(29_000);
  assert.equal(await flood(), 0);
  await source.close();
});

const HOSTILE: Record<string, readonly [Reply, RegExp]> = {
  "a redirect": [
    (_, response) => response.writeHead(302, { location: "http://169.254.169.254/" }).end(),
    /redirects/,
  ],
  "an error page": [(_, response) => response.writeHead(200).end("<html>"), /not JSON/],
  "a private key": [
    (_, response) => response.writeHead(200).end(JSON.stringify({ keys: [{ ...one, d: "AAAA" }] })),
    /private part/,
  ],
  "a cut connection": [(_, response) => response.destroy(), /hang up|closed/],
  "a 304 out of nowhere": [(_, response) => response.writeHead(304).end(), /answers 304/],
};
for (const [name, [reply, reason]] of Object.entries(HOSTILE)) {
  test(`${name} changes nothing and is reported`, async () => {
    await using temporary = await temporaryDirectory();
    await using server = await keyServer();
    server.reply = reply;
    const { source, kids } = await open(temporary.path, server.url);
    assert.deepEqual(kids(), []);
    assert.match(source.problem() ?? "", reason);
    await source.close();
  });
}

test("an endless body is cut off at its limit", async () => {
  await using temporary = await temporaryDirectory();
  await using server = await keyServer();
  let sent = 0;
  server.reply = (_, response) => {
    const more = (): void => {
      if (response.destroyed || sent > 1e8) return;
      sent += 16_384;
      response.write("x".repeat(16_384), () => setImmediate(more));
    };
    more();
  };
  const { source } = await open(temporary.path, server.url);
  assert.match(source.problem() ?? "", /over 65536 bytes/);
  assert.ok(sent < 1e7, `${sent} bytes were taken, buffers of the sockets included`);
  await source.close();
});

test("who asks while a fetch is under way waits for it", async () => {
  await using temporary = await temporaryDirectory();
  await using server = await keyServer();
  server.serve(one);
  const { source, clock, kids } = await open(temporary.path, server.url);
  clock.jump(30_000);
  server.serve(one, two);
  await Promise.all([
    source.refresh(),
    source.refresh().then(() => assert.deepEqual(kids(), [one.kid, two.kid])),
  ]);
  await source.close();
});

test("a server that accepts and says nothing is given up at the deadline", async () => {
  await using temporary = await temporaryDirectory();
  await using server = await keyServer();
  const asked = new Promise<void>((resolve) => {
    server.reply = () => resolve();
  });
  const clock = new FakeClock();
  const opening = open(temporary.path, server.url, { clock });
  await asked;
  await clock.advance(3_000);
  const { source } = await opening;
  assert.match(source.problem() ?? "", /no answer in 3 s/);
  await source.close();
});

test("loopback is refused unless it is allowed, also by name", async () => {
  await using temporary = await temporaryDirectory();
  await using server = await keyServer();
  server.serve(one);
  const port = new URL(server.url).port;
  for (const url of [`https://127.1:${port}/keys`, `https://localhost:${port}/keys`, server.url]) {
    const { source, kids } = await open(temporary.path, url, { insecure: false });
    assert.deepEqual(kids(), []);
    assert.match(source.problem() ?? "", /private|not https/);
    await source.close();
  }
  assert.equal(server.requests.length, 0);
});

/** Serves discovery and keys; `document` changes what discovery says. */
function provider(server: { url: string; reply: Reply }, document: object): string {
  const issuer = new URL(server.url).origin;
  server.reply = (request, response) => {
    const discovery = request.url === "/.well-known/openid-configuration";
    const body = discovery ? { issuer, jwks_uri: server.url, ...document } : { keys: [one] };
    response.writeHead(200).end(JSON.stringify(body));
  };
  return issuer;
}

test("an OIDC issuer is followed from its discovery document to its keys", async () => {
  await using temporary = await temporaryDirectory();
  await using server = await keyServer();
  const issuer = provider(server, {});
  const { source, kids } = await open(temporary.path, `${issuer}/.well-known/openid-configuration`, {
    issuer,
  });
  assert.deepEqual(kids(), [one.kid]);
  await source.close();
});

for (const [name, document, reason] of [
  ["another issuer", { issuer: "https://evil.example" }, /is of issuer "https:\/\/evil.example"/],
  ["the issuer with a slash behind", { issuer: "SLASH" }, /is of issuer/],
  ["no issuer", { issuer: undefined }, /is of issuer none/],
  ["other keys than configured", { jwks_uri: "https://evil.example/keys" }, /keys are at https:\/\/evil/],
  ["no address of keys", { jwks_uri: 7 }, /names no jwks_uri/],
] as const) {
  test(`a discovery document with ${name} is refused, whichever URL is configured`, async () => {
    await using temporary = await temporaryDirectory();
    await using server = await keyServer();
    const origin = new URL(server.url).origin;
    const issuer = provider(
      server,
      "issuer" in document && document.issuer === "SLASH" ? { issuer: `${origin}/` } : document,
    );
    const { source, kids } = await open(temporary.path, server.url, { issuer });
    assert.deepEqual(kids(), []);
    assert.match(source.problem() ?? "", reason);
    await source.close();
  });
}

test("keys named by discovery are not fetched from a forbidden address", async () => {
  await using temporary = await temporaryDirectory();
  await using server = await keyServer();
  const issuer = provider(server, { jwks_uri: "http://169.254.169.254/keys" });
  const { source, kids } = await open(temporary.path, `${issuer}/.well-known/openid-configuration`, {
    issuer,
  });
  assert.deepEqual(kids(), []);
  assert.match(source.problem() ?? "", /no address of a key server/);
  await source.close();
});

test("a provider without discovery works by the configured URL alone", async () => {
  await using temporary = await temporaryDirectory();
  await using server = await keyServer();
  server.reply = (request, response) => {
    const found = request.url === "/keys";
    response.writeHead(found ? 200 : 404).end(found ? JSON.stringify({ keys: [one] }) : "");
  };
  const { source, kids } = await open(temporary.path, server.url, { issuer: new URL(server.url).origin });
  assert.deepEqual(kids(), [one.kid]);
  await source.close();
});

test("discovery that fails for the moment is asked again until it answers", async () => {
  await using temporary = await temporaryDirectory();
  await using server = await keyServer();
  const issuer = new URL(server.url).origin;
  let up = false;
  server.reply = (request, response) => {
    if (request.url === "/keys") response.writeHead(200).end(JSON.stringify({ keys: [one] }));
    else if (!up) response.writeHead(503).end();
    else
      response.writeHead(200).end(JSON.stringify({ issuer: "https://evil.example", jwks_uri: server.url }));
  };
  const { source, clock, kids, settle } = await open(temporary.path, server.url, { issuer });
  assert.deepEqual(kids(), [one.kid]);
  up = true;
  await clock.advance(60 * MINUTE, settle);
  assert.match(source.problem() ?? "", /is of issuer "https:\/\/evil.example"/);
  await source.close();
});
