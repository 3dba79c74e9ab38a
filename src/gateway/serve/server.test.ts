// The HTTP side: methods, types, identity on both listeners, scope, drain.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { Claims, Signed, Verified } from "#rpc";
import { CatalystError } from "#rpc";
import { Bench, type SubgraphOptions } from "../kit.common-case.ts";

const a: SubgraphOptions = {
  name: "a",
  kind: "graphql",
  sdl: "type Query { a: Int slow: Int } type Mutation { m: Int }",
  root: { a: 1, m: 2 },
};
const b: SubgraphOptions = { name: "b", kind: "graphql", sdl: "type Query { b: Int }", root: { b: 1 } };

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "gateway-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

function claims(scope?: string, expInSeconds = 300): Claims {
  const iat = Math.floor(Date.now() / 1_000);
  return {
    iss: "n",
    sub: "s",
    aud: "o",
    iat,
    exp: iat + expInSeconds,
    jti: "j",
    ...(scope !== undefined && { scope }),
  };
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

function overSocket(socketPath: string, headers: Record<string, string>, query: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      {
        socketPath,
        path: "/graphql",
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(JSON.stringify({ query }));
  });
}

const codeOf = (text: string) =>
  (JSON.parse(text) as { errors?: { extensions: { code: string } }[] }).errors?.[0]?.extensions.code;

test("behind Envoy: claims decide, the scope covers services by full or short name", async (t) => {
  await using bench = await Bench.open();
  const services = [(await bench.subgraph(a)).service, (await bench.subgraph(b)).service];
  await bench.gateway.apply({ ...bench.config(services), identity: "token" });
  const socket = join(folder(t), "gateway-http.sock");
  await bench.gateway.listen({ unix: socket });
  assert.equal(statSync(socket).mode & 0o777, 0o600);
  const as = (scope: string | undefined, query: string) =>
    overSocket(
      socket,
      { "x-catalyst-claims": Buffer.from(JSON.stringify(claims(scope))).toString("base64url") },
      query,
    );
  assert.equal((await as("*", "{a b}")).text, '{"data":{"a":1,"b":1}}');
  assert.equal((await as(undefined, "{a b}")).text, '{"data":{"a":1,"b":1}}');
  assert.equal((await as("a", "{a}")).text, '{"data":{"a":1}}');
  assert.equal((await as("b.acme.catalyst.internal a", "{a b}")).text, '{"data":{"a":1,"b":1}}');
  const refused = await as("a", "{a b}");
  assert.equal(refused.status, 403);
  assert.equal(codeOf(refused.text), "ERR_TOKEN_SCOPE");
  assert.match(refused.text, /b\.acme\.catalyst\.internal/);
  assert.equal((await as("", "{a}")).status, 403);
  const none = await overSocket(socket, {}, "{a}");
  assert.deepEqual([none.status, codeOf(none.text)], [401, "ERR_TOKEN_MISSING"]);
  const broken = await overSocket(socket, { "x-catalyst-claims": "%%%" }, "{a}");
  assert.deepEqual([broken.status, codeOf(broken.text)], [401, "ERR_TOKEN_INVALID"]);
});

test("the scope is checked before the first fetch", async (t) => {
  await using bench = await Bench.open();
  const first = await bench.subgraph(a);
  await bench.gateway.apply({
    ...bench.config([first.service, (await bench.subgraph(b)).service]),
    identity: "token",
  });
  const socket = join(folder(t), "gateway-http.sock");
  await bench.gateway.listen({ unix: socket });
  const header = Buffer.from(JSON.stringify(claims("a"))).toString("base64url");
  await overSocket(socket, { "x-catalyst-claims": header }, "{a b}");
  assert.equal(first.requests.length, 0);
});

test("without Envoy: bearer and API key are verified here, remembered until they end or the keys change", async () => {
  await using bench = await Bench.open();
  await bench.gateway.apply({ ...bench.config([(await bench.subgraph(a)).service]), identity: "token" });
  let now = Date.now();
  let verified = 0;
  let forget: () => void = () => {};
  let revoked = false;
  const { port } = await bench.gateway.listen({
    host: "127.0.0.1",
    port: 0,
    identity: {
      wallNow: () => now,
      onKeysChanged: (call) => (forget = call),
      verify: async (token): Promise<Verified> => {
        verified += 1;
        if (token === "away") throw new CatalystError("ERR_RPC_CLOSED", "auth is away at 10.0.0.1");
        if (revoked || token === "bad") return { ok: false, code: "ERR_TOKEN_INVALID", reason: "signature" };
        return { ok: true, claims: claims("a", 60), kid: "k" };
      },
      exchange: async (key): Promise<Signed> => {
        if (key !== "cat_live_good") throw new CatalystError("ERR_APIKEY_INVALID", "unknown");
        return { token: "exchanged", kid: "k", expiresAt: 0 };
      },
    },
  });
  const ask = async (authorization: string | undefined) => {
    const headers: Record<string, string> = {
      "x-catalyst-claims": Buffer.from('{"scope":"*"}').toString("base64url"),
    };
    if (authorization !== undefined) headers["authorization"] = authorization;
    const {
      status,
      text,
      headers: returned,
    } = await bench.post({ query: "{a}" }, headers, `http://127.0.0.1:${port}/graphql`);
    return [status, codeOf(text) ?? text, returned.get("www-authenticate")];
  };
  const good = [200, '{"data":{"a":1}}', null];
  assert.deepEqual(await ask(undefined), [401, "ERR_TOKEN_MISSING", "Bearer"]);
  assert.deepEqual(await ask("Basic x"), [401, "ERR_TOKEN_MISSING", "Bearer"]);
  assert.deepEqual(await ask("Bearer bad"), [401, "ERR_TOKEN_INVALID", "Bearer"]);
  assert.deepEqual(await ask("Bearer cat_live_bad"), [401, "ERR_APIKEY_INVALID", "Bearer"]);
  assert.deepEqual(await ask("Bearer away"), [503, "ERR_RPC_CLOSED", null]);
  assert.deepEqual(await ask("Bearer cat_live_good"), good);
  verified = 0;
  assert.deepEqual(await ask("Bearer t"), good);
  assert.deepEqual(await ask("Bearer t"), good);
  assert.equal(verified, 1);
  now += 61_000;
  assert.deepEqual(await ask("Bearer t"), good);
  assert.equal(verified, 2);
  now -= 61_000;
  assert.deepEqual(await ask("Bearer t"), good);
  revoked = true;
  forget();
  assert.deepEqual(await ask("Bearer t"), [401, "ERR_TOKEN_INVALID", "Bearer"]);
});

test("without Envoy: auth's public paths are forwarded, and only those", async (t) => {
  await using bench = await Bench.open();
  const socket = join(folder(t), "auth-http.sock");
  const seen: string[] = [];
  const auth = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers["x-catalyst-claims"] ?? "-"}`);
    response.setHeader("content-type", "application/json");
    response.setHeader("x-inner", "1");
    response.end('{"keys":[]}');
  });
  await new Promise<void>((resolve) => auth.listen(socket, resolve));
  t.after(() => auth.close());
  const never = () => Promise.reject(new Error("unused"));
  const identity = { verify: never, exchange: never, wallNow: Date.now };
  const { port } = await bench.gateway.listen({ host: "127.0.0.1", port: 0, identity, authSocket: socket });
  const at = `http://127.0.0.1:${port}`;
  const jwks = await fetch(`${at}/.well-known/jwks.json?x=1`, { headers: { "x-catalyst-claims": "forged" } });
  assert.deepEqual([jwks.status, await jwks.text(), jwks.headers.get("x-inner")], [200, '{"keys":[]}', null]);
  await (await fetch(`${at}/auth/token`, { method: "POST", body: "x" })).text();
  assert.equal((await fetch(`${at}/auth/other`)).status, 404);
  assert.deepEqual(seen, ["GET /.well-known/jwks.json -", "POST /auth/token -"]);
  auth.close();
  auth.closeAllConnections();
  assert.equal((await fetch(`${at}/auth/token`, { method: "POST", body: "x" })).status, 503);
});

test("requests a page on another site could send unasked are refused; GET carries queries only", async () => {
  await using bench = await Bench.open();
  await bench.graph([a]);
  const simple = await bench.post({ query: "{a}" }, { "content-type": "text/plain" });
  assert.equal(simple.status, 415);
  const get = (query: string, headers: Record<string, string>) =>
    fetch(`${bench.url}?query=${encodeURIComponent(query)}`, {
      headers: { accept: "application/json", ...headers },
    });
  assert.equal((await get("{a}", {})).status, 400);
  const preflight = { "graphql-require-preflight": "1" };
  assert.deepEqual(await (await get("{a}", preflight)).json(), { data: { a: 1 } });
  assert.equal((await get("mutation{m}", preflight)).status, 405);
  assert.equal((await fetch(bench.url, { method: "DELETE" })).status, 405);
});

test("a batch is answered in order; the media type is the one asked for", async () => {
  await using bench = await Bench.open();
  await bench.graph([a]);
  const batch = await bench.post([{ query: "{a}" }, { query: "{" }, { query: "{b:a}" }]);
  const [first, second, third] = batch.json as { data?: unknown; errors?: unknown }[];
  assert.deepEqual([first?.data, second?.data, third?.data], [{ a: 1 }, undefined, { b: 1 }]);
  const typed = await bench.post({ query: "{a}" }, { accept: "application/graphql-response+json" });
  assert.match(typed.headers.get("content-type") ?? "", /^application\/graphql-response\+json/);
});

test("bodies that are no JSON, too large or empty", async () => {
  await using bench = await Bench.open();
  await bench.graph([a]);
  assert.equal((await bench.post("{")).status, 400);
  assert.equal((await bench.post("[]")).status, 400);
  assert.equal((await bench.post("null")).status, 400);
  assert.equal((await bench.post({ query: "{a}", x: "y".repeat(2 * 1024 * 1024) })).status, 413);
});

test("before the first configuration nothing is executed; /healthz says what serves", async () => {
  await using bench = await Bench.open();
  const { status, text, headers } = await bench.post({ query: "{a}" });
  assert.deepEqual([status, codeOf(text), headers.get("retry-after")], [503, "ERR_PART_DOWN", "1"]);
  const health = async () => await (await fetch(bench.url.replace("/graphql", "/healthz"))).json();
  assert.deepEqual(await health(), { ok: true, serving: 0 });
  await bench.graph([a]);
  assert.deepEqual(await health(), { ok: true, serving: 1 });
});

test("closing finishes the requests under way", async () => {
  const bench = await Bench.open();
  const wait = () => new Promise<number>((resolve) => setTimeout(() => resolve(5), 200));
  await bench.graph([{ ...a, root: { slow: wait } }]);
  await bench.query("{__typename}");
  const under = bench.post({ query: "{slow}" });
  while ((await bench.gateway.status()).requestsActive === 0)
    await new Promise((resolve) => setImmediate(resolve));
  const closed = bench[Symbol.asyncDispose]();
  assert.equal((await under).text, '{"data":{"slow":5}}');
  await closed;
});
