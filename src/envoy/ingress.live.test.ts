// Ingress as a client meets it, with a real Envoy: who is let in, what is answered to the others, and where requests go.

import assert from "node:assert/strict";
import { test } from "node:test";
import { needs } from "../../test/kit/needs.ts";
import { KEY_CHECK_PATH } from "./translate/index.ts";
import { Signer, ask, echo, httpService, serve, startNode } from "./testing.ts";

const code = (text: string): unknown =>
  (JSON.parse(text) as { errors: { extensions: { code: string } }[] }).errors[0]?.extensions.code;
const seen = (text: string): { name: string; path: string; headers: Record<string, string> } =>
  JSON.parse(text) as { name: string; path: string; headers: Record<string, string> };

test("ingress lets in who carries a valid token, and says why to the others", needs("envoy"), async (t) => {
  const { port, signer } = await startNode(t);
  const graphql = { path: "/graphql", method: "POST", body: "{}" };

  const missing = await ask(port, graphql);
  assert.equal(missing.status, 401);
  assert.equal(code(missing.text), "ERR_TOKEN_MISSING");
  assert.equal(missing.headers["content-type"], "application/json");
  assert.equal(missing.headers["www-authenticate"], "Bearer");

  const refused: readonly [string, Record<string, string>, number, string][] = [
    ["wrong key", new Signer().bearer(), 401, "ERR_TOKEN_INVALID"],
    ["expired", signer.bearer({ exp: 1 }), 401, "ERR_TOKEN_INVALID"],
    ["no exp", signer.bearer({ exp: undefined }), 401, "ERR_TOKEN_INVALID"],
    ["too long a life", signer.bearer({ exp: Date.now() / 1000 + 9_999 }), 401, "ERR_TOKEN_INVALID"],
    ["unknown issuer", signer.bearer({ iss: "else" }), 401, "ERR_TOKEN_INVALID"],
    ["wrong audience", signer.bearer({ aud: "globex.catalyst.internal" }), 403, "ERR_DENIED"],
    ["alg none", { authorization: `Bearer ${signer.token({}, { alg: "none" })}` }, 401, "ERR_TOKEN_INVALID"],
  ];
  for (const [what, headers, status, text] of refused) {
    const answer = await ask(port, { ...graphql, headers });
    assert.deepEqual([what, answer.status, code(answer.text)], [what, status, text]);
  }
  assert.equal((await ask(port, { path: `/graphql?access_token=${signer.token()}` })).status, 401);

  const forged = { "x-catalyst-sub": "root", "X-Catalyst-Claims": "e30", "x-catalyst-else": "1" };
  const ok = await ask(port, { ...graphql, headers: { ...signer.bearer(), ...forged } });
  assert.equal(ok.status, 200, ok.text);
  const { name, headers } = seen(ok.text);
  assert.equal(name, "gateway");
  assert.equal(headers["authorization"], undefined);
  assert.equal(headers["x-catalyst-sub"], "alice");
  assert.equal(headers["x-catalyst-else"], undefined);
  const claims = Buffer.from(headers["x-catalyst-claims"] ?? "", "base64url").toString();
  assert.equal((JSON.parse(claims) as { scope: string }).scope, "*");

  const unknown = await ask(port, { path: "/nothing", headers: signer.bearer() });
  assert.deepEqual([unknown.status, code(unknown.text)], [404, "ERR_NOT_FOUND"]);
  assert.equal((await ask(port, { path: "/nothing" })).status, 401);
});

test("public paths need no token, and nothing else is one", needs("envoy"), async (t) => {
  const { port, signer } = await startNode(t);
  assert.equal((await ask(port, { path: "/healthz" })).text, "ok\n");
  for (const path of ["/.well-known/jwks.json", "/.well-known/openid-configuration", "/auth/token"]) {
    const answer = await ask(port, { path });
    assert.deepEqual([answer.status, seen(answer.text).name], [200, "auth"]);
  }
  const html = { accept: "text/html,*/*" };
  const page = await ask(port, { path: "/graphql", headers: html });
  assert.deepEqual([page.status, seen(page.text).name], [200, "gateway"]);
  assert.equal(seen(page.text).headers["x-catalyst-claims"], undefined);

  const upgrade = { ...html, connection: "upgrade", upgrade: "websocket" };
  const closed: readonly { path: string; method?: string; headers?: Record<string, string> }[] = [
    { path: "/graphql", method: "POST", headers: html },
    { path: "/graphql", headers: upgrade },
    { path: "/graphql/", headers: html },
    { path: "//graphql" },
    { path: "/healthz/../graphql" },
    { path: "/healthz/%2e%2e/graphql" },
    { path: "/healthz/x" },
    { path: "/auth/keys" },
    { path: "/auth/token/x" },
    { path: KEY_CHECK_PATH, headers: { authorization: "Bearer cat_live_x" } },
  ];
  for (const question of closed) {
    const answer = await ask(port, question);
    assert.deepEqual([question.path, answer.status], [question.path, 401]);
  }
  assert.equal((await ask(port, { path: KEY_CHECK_PATH, headers: signer.bearer() })).status, 404);
});

test(
  "an http service is served by its name, its hosts and its prefix, to tokens whose scope covers it",
  needs("envoy"),
  async (t) => {
    const files = await serve(t, echo("files"));
    const wants = [
      httpService("files.acme.catalyst.internal", [files], {
        ingress: { prefix: "/files", hosts: ["files.test"] },
      }),
      httpService("strip.acme.catalyst.internal", [files], {
        ingress: { prefix: "/a.b", stripPrefix: true },
      }),
      httpService("base.acme.catalyst.internal", [files], {
        path: "/api/v1",
        ingress: { prefix: "/base" },
      }),
      httpService("both.acme.catalyst.internal", [files], {
        path: "/api/",
        ingress: { prefix: "/base/deep", stripPrefix: true },
      }),
    ];
    const { port, signer } = await startNode(t, { services: wants });
    const path = async (url: string, host = "localhost"): Promise<string> => {
      const answer = await ask(port, { path: url, headers: { ...signer.bearer(), host } });
      return answer.status === 200 ? seen(answer.text).path : `${answer.status}`;
    };
    assert.equal(await path("/x?y=1", "files.acme.catalyst.internal"), "/x?y=1");
    assert.equal(await path("/x", "FILES.acme.catalyst.internal:10000"), "/x");
    assert.equal(await path("/", "files.test"), "/");
    assert.equal(await path("/healthz", "files.test"), "/healthz");
    assert.equal((await ask(port, { path: "/healthz", headers: { host: "files.test" } })).status, 401);
    assert.equal(await path("/files"), "/files");
    assert.equal(await path("/files/a?b"), "/files/a?b");
    assert.equal(await path("/filesystem"), "404");
    assert.equal(await path("/a.b"), "/");
    assert.equal(await path("/a.b/c?d"), "/c?d");
    assert.equal(await path("/aXb/c"), "404");
    assert.equal(await path("/base/x"), "/api/v1/base/x");
    assert.equal(await path("/x", "base.acme.catalyst.internal"), "/api/v1/x");
    assert.equal(await path("/base/deep/x"), "/api/x");

    const scoped = async (scope: unknown, url: string, host = "localhost"): Promise<number> =>
      (await ask(port, { path: url, headers: { ...signer.bearer({ scope }), host } })).status;
    assert.equal(await scoped("files.acme.catalyst.internal", "/files"), 200);
    assert.equal(await scoped("other files", "/files"), 200);
    assert.equal(await scoped("other", "/files"), 403);
    assert.equal(await scoped("files.acme", "/files"), 403);
    assert.equal(await scoped("", "/files"), 403);
    assert.equal(await scoped(undefined, "/files"), 403);
    assert.equal(await scoped("strip", "/", "files.acme.catalyst.internal"), 403);
    assert.equal(await scoped("other", "/graphql"), 200);
  },
);

test("an API key is exchanged by the auth part, and seen by nobody else", needs("envoy"), async (t) => {
  const files = await serve(t, echo("files"));
  let checks = 0;
  let tokenFor: ((key: string) => string | undefined) | undefined;
  const { port, signer } = await startNode(t, {
    services: [httpService("files.acme.catalyst.internal", [files], { ingress: { prefix: "/files" } })],
    auth: (req, res) => {
      req.resume();
      if (req.url !== KEY_CHECK_PATH) return void res.end(`${req.url} ${req.headers.authorization}`);
      checks++;
      const token = tokenFor?.(req.headers.authorization ?? "");
      if (token === undefined) {
        res.writeHead(401, { "content-type": "application/json" });
        return void res.end('{"errors":[{"extensions":{"code":"ERR_APIKEY_INVALID"}}]}');
      }
      res.writeHead(200, { authorization: `Bearer ${token}` });
      res.end();
    },
  });
  tokenFor = (key) =>
    key === "Bearer cat_live_good" ? signer.token({ sub: "robot", scope: "files" }) : undefined;
  const good = { authorization: "Bearer cat_live_good" };

  for (const path of ["/graphql", "/files/x"]) {
    const answer = await ask(port, { path, headers: good });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(seen(answer.text).headers["x-catalyst-sub"], "robot");
    assert.equal(seen(answer.text).headers["authorization"], undefined);
  }
  assert.equal(checks, 2);
  const bad = await ask(port, { path: "/graphql", headers: { authorization: "Bearer cat_live_bad" } });
  assert.deepEqual([bad.status, code(bad.text)], [401, "ERR_APIKEY_INVALID"]);
  assert.equal(bad.headers["content-type"], "application/json");
  assert.equal((await ask(port, { path: "/nothing", headers: good })).status, 404);
  assert.equal(checks, 4);
  assert.equal((await ask(port, { path: "/graphql", headers: signer.bearer() })).status, 200);
  assert.equal(checks, 4, "a request with a token must not pay for keys");
  const exchange = await ask(port, { path: "/auth/token", method: "POST", headers: good });
  assert.equal(exchange.text, "/auth/token Bearer cat_live_good", "there the key itself is what is wanted");
  assert.equal((await ask(port, { path: "/auth/tokens", headers: good })).status, 401);
  assert.equal(checks, 4);
  // A key the auth part maps to a token that is not good must not open anything.
  tokenFor = () => new Signer().token();
  assert.equal((await ask(port, { path: "/graphql", headers: good })).status, 401);
});

test("mode none asks for nothing, in a form of its own", needs("envoy"), async (t) => {
  const files = await serve(t, echo("files"));
  const { port } = await startNode(t, {
    base: { identity: "none" },
    services: [httpService("files.acme.catalyst.internal", [files], { ingress: { prefix: "/files" } })],
  });
  for (const path of ["/graphql", "/files", "/healthz"])
    assert.equal((await ask(port, { path })).status, 200, path);
  const answer = await ask(port, { path: "/files", headers: { "x-catalyst-claims": "forged" } });
  assert.equal(seen(answer.text).headers["x-catalyst-claims"], undefined);
  assert.equal((await ask(port, { path: "/nothing" })).status, 404);
});

test("the limit on bodies is of the node's own paths, services have none", needs("envoy"), async (t) => {
  const files = await serve(t, echo("files"));
  const { port, signer } = await startNode(t, {
    base: { bodyLimitBytes: 1_024 },
    services: [httpService("files.acme.catalyst.internal", [files], { ingress: { prefix: "/files" } })],
  });
  const post = async (path: string, bytes: number, headers = {}): Promise<number> => {
    const body = "x".repeat(bytes);
    return (await ask(port, { path, method: "POST", headers: { ...signer.bearer(), ...headers }, body }))
      .status;
  };
  for (const path of ["/graphql", "/auth/other", "/auth/token"]) {
    assert.equal(await post(path, 1_024), 200, path);
    assert.equal(await post(path, 1_025), 413, path);
  }
  assert.equal(await post("/graphql", 1_025, { accept: "text/event-stream" }), 413);
  assert.equal(await post("/files", 100_000), 200);
  assert.equal(await post("/", 100_000, { host: "files.acme.catalyst.internal" }), 200);
});
