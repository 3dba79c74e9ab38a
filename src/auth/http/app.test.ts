import assert from "node:assert/strict";
import { stat, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { createAuth, type Auth } from "../auth.ts";
import { FakeClock, MemoryLog, MIDDLE, temporaryDirectory } from "../testing.ts";

interface Setup extends AsyncDisposable {
  readonly auth: Auth;
  readonly clock: FakeClock;
  readonly log: MemoryLog;
  readonly base: string;
  readonly port: number;
  readonly directory: string;
}

async function setUp(mode: "own" | "none" = "own"): Promise<Setup> {
  const temporary = await temporaryDirectory();
  const clock = new FakeClock();
  const log = new MemoryLog();
  const auth = await createAuth({
    dataDir: temporary.path,
    node: "edge1.acme.catalyst.internal",
    organization: "acme.catalyst.internal",
    identity: { mode },
    clock,
    random: MIDDLE,
    log,
  });
  const { port } = await auth.listenHttp({ host: "127.0.0.1", port: 0 });
  return {
    auth,
    clock,
    log,
    port,
    base: `http://127.0.0.1:${port}`,
    directory: temporary.path,
    async [Symbol.asyncDispose]() {
      const closing = auth.close();
      await clock.advance(2_000);
      await closing;
      await temporary[Symbol.asyncDispose]();
    },
  };
}

const bearer = (token: string): { headers: { authorization: string } } => ({
  headers: { authorization: `Bearer ${token}` },
});

test("the key set has cache headers, and an ETag that changes with it", async () => {
  await using on = await setUp();
  const url = `${on.base}/.well-known/jwks.json`;
  const first = await fetch(url);
  assert.equal(first.headers.get("cache-control"), "public, max-age=300, stale-if-error=86400");
  assert.equal(first.headers.get("content-type"), "application/jwk-set+json");
  const { keys } = await on.auth.jwks();
  assert.deepEqual(await first.json(), { keys });
  const etag = first.headers.get("etag") ?? "";
  for (const header of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
    const again = await fetch(url, { headers: { "if-none-match": header } });
    assert.equal(again.status, 304, header);
    assert.equal(again.headers.get("etag"), etag);
    assert.equal(await again.text(), "");
  }
  await on.auth.keyRotate({ now: true });
  const changed = await fetch(url, { headers: { "if-none-match": etag } });
  assert.equal(changed.status, 200);
  assert.notEqual(changed.headers.get("etag"), etag);
});

test("discovery names this node and the addresses by which it was asked", async () => {
  await using on = await setUp();
  const url = `${on.base}/.well-known/openid-configuration`;
  const document: unknown = await (await fetch(url, { headers: { "x-forwarded-proto": "https" } })).json();
  assert.deepEqual(document, {
    issuer: "edge1.acme.catalyst.internal",
    jwks_uri: `https://127.0.0.1:${on.port}/.well-known/jwks.json`,
    token_endpoint: `https://127.0.0.1:${on.port}/auth/token`,
    grant_types_supported: ["client_credentials"],
    response_types_supported: ["none"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["ES384"],
  });
  const hostile = await raw(
    on.port,
    'GET /.well-known/openid-configuration HTTP/1.1\r\nhost: a/b"<x>\r\nconnection: close\r\n\r\n',
  );
  assert.match(hostile, /^HTTP\/1.1 400 /);
  assert.ok(!hostile.includes("<x>"));
});

test("an API key is exchanged for a token of five minutes", async () => {
  await using on = await setUp();
  const { key, id } = await on.auth.apiKeyCreate({ principal: "ci", scopes: ["books"] });
  const response = await fetch(`${on.base}/auth/token`, { method: "POST", ...bearer(key) });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("cache-control"), "no-store");
  const { access_token: token, ...rest } = (await response.json()) as Record<string, unknown>;
  assert.deepEqual(rest, { token_type: "Bearer", expires_in: 300 });
  const verified = await on.auth.verify(String(token));
  assert.ok(verified.ok);
  assert.deepEqual(
    { ...verified.claims, jti: "" },
    {
      iss: "edge1.acme.catalyst.internal",
      sub: "ci",
      aud: "acme.catalyst.internal",
      client_id: id,
      scope: "books",
      iat: on.clock.now() / 1_000,
      exp: on.clock.now() / 1_000 + 300,
      jti: "",
    },
  );
});

test("the token endpoint refuses in the form of OAuth", async () => {
  await using on = await setUp();
  const { token } = await on.auth.sign({ sub: "alice" });
  const { key, id } = await on.auth.apiKeyCreate({ principal: "ci" });
  await on.auth.apiKeyRevoke(id);
  for (const init of [
    {},
    bearer(token),
    bearer(key),
    bearer("cat_live_x"),
    { headers: { authorization: "Basic YTpi" } },
  ]) {
    const response = await fetch(`${on.base}/auth/token`, { method: "POST", ...init });
    assert.equal(response.status, 401);
    assert.equal(response.headers.get("www-authenticate"), 'Bearer error="invalid_token"');
    assert.equal(response.headers.get("cache-control"), "no-store");
    const body = (await response.json()) as Record<string, unknown>;
    assert.deepEqual(Object.keys(body), ["error", "error_description"]);
    assert.equal(body["error"], "invalid_client");
  }
  const lines = JSON.stringify(on.log.lines);
  assert.ok(!lines.includes(key) && !lines.includes(token), "no secret reaches the log");
});

test("ext_authz: any method and path with an API key passes, with a token in its place", async () => {
  await using on = await setUp();
  const { key } = await on.auth.apiKeyCreate({ principal: "ci" });
  const tokens = new Set<string>();
  for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]) {
    const response = await fetch(`${on.base}/authz/graphql?query=a`, { method, ...bearer(key) });
    assert.equal(response.status, 200, method);
    assert.equal(await response.text(), "");
    tokens.add(response.headers.get("authorization") ?? "");
  }
  assert.equal(tokens.size, 1, "the token is reused");
  const [header = ""] = tokens;
  assert.equal((await on.auth.verify(header.replace("Bearer ", ""))).ok, true);
});

test("ext_authz: everything else is the client's 401, and a revoked key dies at once", async () => {
  await using on = await setUp();
  const { key, id } = await on.auth.apiKeyCreate({ principal: "ci" });
  const { token } = await on.auth.sign({ sub: "alice" });
  const ask = (init: RequestInit): Promise<Response> => fetch(`${on.base}/authz/graphql`, init);
  assert.equal((await ask(bearer(key))).status, 200);
  await on.auth.apiKeyRevoke(id);
  for (const init of [bearer(key), bearer(token), {}]) {
    const response = await ask(init);
    assert.equal(response.status, 401);
    assert.equal(response.headers.get("authorization"), null);
    const body = (await response.json()) as { error: { code: string; message: string } };
    assert.match(body.error.code, /^ERR_(APIKEY_INVALID|TOKEN_MISSING)$/);
  }
});

test("each path has its methods, and other paths are not there", async () => {
  await using on = await setUp();
  const expected: readonly (readonly [string, string, number])[] = [
    ["POST", "/.well-known/jwks.json", 405],
    ["GET", "/auth/token", 405],
    ["DELETE", "/healthz", 405],
    ["GET", "/", 404],
    ["GET", "/auth", 404],
    ["GET", "/authzz", 404],
    ["GET", "/healthz/", 404],
    ["GET", "/healthz?x=1", 200],
    ["HEAD", "/.well-known/jwks.json", 200],
  ];
  for (const [method, path, status] of expected) {
    const response = await fetch(on.base + path, { method });
    assert.equal(response.status, status, `${method} ${path}`);
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    if (status === 405) assert.ok(response.headers.get("allow"));
    await response.text();
  }
});

test("a large body, a large header and a request without end are cut off", async () => {
  await using on = await setUp();
  const { key } = await on.auth.apiKeyCreate({ principal: "ci" });
  const post = (body: string): Promise<Response> =>
    fetch(`${on.base}/auth/token`, { method: "POST", body, ...bearer(key) });
  assert.equal((await post("grant_type=client_credentials")).status, 200);
  assert.equal((await post("x".repeat(4_096))).status, 200);
  const refused = await raw(
    on.port,
    `POST /auth/token HTTP/1.1\r\nhost: a\r\ncontent-length: 4097\r\n\r\n${"x".repeat(4_097)}`,
  );
  assert.match(refused, /^HTTP\/1.1 413 /);
  const chunk = `1000\r\n${"x".repeat(4_096)}\r\n`;
  const chunked = await raw(
    on.port,
    `POST /auth/token HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${chunk}${chunk}`,
  );
  assert.match(chunked, /^HTTP\/1.1 413 /);
  const header = await raw(on.port, `GET /healthz HTTP/1.1\r\nhost: a\r\nx: ${"x".repeat(17_000)}\r\n\r\n`);
  assert.match(header, /^HTTP\/1.1 431 /);
});

test("health says whether tokens can be verified", async () => {
  await using on = await setUp("none");
  const response = await fetch(`${on.base}/healthz`);
  assert.deepEqual([response.status, await response.json()], [200, { ok: true }]);
});

test("the unix socket is private, taken over from the dead, and not from the living", async () => {
  await using on = await setUp();
  const unix = join(on.directory, "auth-http.sock");
  const first = await on.auth.listenHttp({ unix });
  assert.equal((await stat(unix)).mode & 0o777, 0o600);
  assert.equal(await statusOver(unix), 200);
  await assert.rejects(on.auth.listenHttp({ unix }), { code: "ERR_PORT_IN_USE" });
  assert.equal(await statusOver(unix), 200, "the living one goes on");
  await first.close();

  await leaveSocket(unix);
  await on.auth.listenHttp({ unix });
  assert.equal(await statusOver(unix), 200);

  const file = join(on.directory, "precious");
  await writeFile(file, "not a socket");
  await assert.rejects(on.auth.listenHttp({ unix: file }), { code: "ERR_PORT_IN_USE" });
});

function statusOver(socketPath: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ socketPath, path: "/healthz", agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on("error", reject).end();
  });
}

/** Makes the socket file of a process that was killed: bound once, nobody behind it. */
async function leaveSocket(path: string): Promise<void> {
  const { link, rm } = await import("node:fs/promises");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.x`, resolve));
  await link(`${path}.x`, path);
  await new Promise((resolve) => server.close(resolve));
  await rm(`${path}.x`, { force: true });
}

/** Sends bytes as they are and reads until the other side closes. */
function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    socket.on("data", (part: Buffer) => (answer += part.toString()));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(answer));
  });
}
