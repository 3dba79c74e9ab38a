// The program as a process: what it loads, how it ends when its reader goes away or Ctrl-C comes, how it finds a node, and the
// verbs that write or read files.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { X509Certificate, createPrivateKey } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { homedir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { announceNode } from "#config";
import { catalyst, fixedNode, temporary, transcript } from "./testing.ts";
import { RESULTS } from "./testdata/results.ts";

const main = join(import.meta.dirname, "main.ts");

function start(
  t: { after(run: () => void): void },
  args: readonly string[],
  more: readonly string[] = [],
): ChildProcess {
  // Compiled code is kept where it always is; everything else of this user is out of sight.
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const child = spawn(process.execPath, [...more, main, ...args], {
    stdio: ["pipe", "pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], HOME: "/nonexistent", XDG_CACHE_HOME: cache, TERM: "xterm" },
  });
  t.after(() => child.kill("SIGKILL"));
  return child;
}

async function read(child: ChildProcess, descriptor: number): Promise<string> {
  const stream = child.stdio[descriptor];
  let text = "";
  if (stream !== null && stream !== undefined && "on" in stream)
    for await (const chunk of stream as AsyncIterable<Buffer>) text += chunk.toString();
  return text;
}

async function codeOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return child.exitCode;
}

async function packagesOf(t: { after(run: () => void): void }, args: readonly string[]): Promise<string[]> {
  const preload = join(import.meta.dirname, "testdata/packages.mjs");
  const child = start(t, args, ["--import", preload]);
  const [names] = await Promise.all([read(child, 3), read(child, 1), read(child, 2), codeOf(child)]);
  return [...new Set(names.split("\n").filter((each) => each !== ""))].toSorted();
}

test("help loads no package, a client verb only what speaks to the node", async (t) => {
  const node = await fixedNode(t);
  assert.deepEqual(await packagesOf(t, ["--help"]), []);
  assert.deepEqual(await packagesOf(t, ["run", "--help"]), []);
  assert.deepEqual(await packagesOf(t, ["completion", "bash"]), ["commander"]);
  assert.deepEqual(await packagesOf(t, ["status", "--data-dir", node.dataDir]), [
    "capnweb",
    "commander",
    "ws",
  ]);
});

test("a reader that goes away ends the program quietly", async (t) => {
  const [event] = RESULTS.events;
  assert.ok(event !== undefined);
  const text = "x".repeat(100);
  const events = Array.from({ length: 4_000 }, (_, sequence) => ({ ...event, sequence, text }));
  const node = await fixedNode(t, { events });
  const child = start(t, ["events", "--data-dir", node.dataDir]);
  child.stdout?.once("data", () => child.stdout?.destroy());
  const [stderr, code] = await Promise.all([read(child, 2), codeOf(child)]);
  assert.deepEqual([stderr, code], ["", 0]);
});

test("following prints events as they come, and Ctrl-C ends it", async (t) => {
  const node = await fixedNode(t);
  const child = start(t, ["events", "--follow", "--json", "--data-dir", node.dataDir]);
  let text = "";
  let wanted = 2;
  const seen = Promise.withResolvers<void>();
  child.stdout?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    const lines = text.split("\n").length - 1;
    // The fixed events first; only then is it sure that the follower is known.
    if (lines >= 2 && wanted === 2) {
      wanted = 3;
      const again = setInterval(
        () => node.emit([{ sequence: 42, at: 0, revision: 43, kind: "x", text: "new" }]),
        20,
      );
      void seen.promise.then(() => clearInterval(again));
    }
    if (text.includes('"new"')) seen.resolve();
  });
  await seen.promise;
  child.kill("SIGINT");
  assert.equal(await codeOf(child), 0);
  for (const line of text.trim().split("\n")) JSON.parse(line);
});

test("watching draws again with an event, survives a restart of the node, and ends with Ctrl-C", async (t) => {
  const dataDir = temporary(t);
  const first = await fixedNode(t, {}, dataDir);
  const child = start(t, ["status", "--watch", "--json", "--data-dir", dataDir]);
  let text = "";
  let waiting: (() => void) | undefined;
  child.stdout?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    waiting?.();
  });
  const until = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(text)) await new Promise<void>((resolve) => (waiting = resolve));
  };
  await until(/"revision":42/);
  await first.close();
  await fixedNode(t, { status: { ...RESULTS.status, revision: 77 } }, dataDir);
  await until(/"revision":77/);
  child.kill("SIGINT");
  assert.equal(await codeOf(child), 0);
});

test("the node is found by directory, by name, or because it is the only one", async (t) => {
  const root = temporary(t);
  const env = { XDG_DATA_HOME: root };
  const none = await catalyst("status", { env });
  assert.equal(none.code, 69);
  assert.match(none.stderr, /no node runs here \[ERR_NODE_UNREACHABLE\]/);
  const one = await fixedNode(t, {}, join(root, "catalyst/edge1"));
  assert.equal((await catalyst("status", { env })).code, 0);
  assert.equal((await catalyst("status --node edge1", { env })).code, 0);
  assert.equal((await catalyst("--node edge1.acme.catalyst.internal status", { env })).code, 0);
  assert.equal((await catalyst("status --node edge2", { env })).code, 69);
  const two = await fixedNode(t);
  announceNode(two.dataDir, env);
  const both = await catalyst("status --json", { env });
  assert.equal(both.code, 64);
  const { error } = JSON.parse(both.stderr) as { error: { code: string; detail: { nodes: string[] } } };
  assert.equal(error.code, "ERR_NODE_AMBIGUOUS");
  assert.deepEqual(error.detail.nodes.toSorted(), [one.dataDir, two.dataDir].toSorted());
  assert.equal((await catalyst("status", { env: { ...env, CATALYST_DATA_DIR: two.dataDir } })).code, 0);
  await one.close();
  assert.equal((await catalyst("status", { env })).code, 0, "a socket that nobody answers does not count");
});

test("a query goes through ingress with a token, and errors in it end with 1", async (t) => {
  const seen: { url: string | undefined; authorization: string | undefined; body: unknown }[] = [];
  const bodies = ['{"data":{"a":1}}', '{"errors":[{"message":"no"}]}', "<html>"];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const { url, headers } = request;
      seen.push({ url, authorization: headers.authorization, body: JSON.parse(body) });
      response.end(bodies[seen.length - 1] ?? "{}");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const status = { ...RESULTS.status, ingress: `http://127.0.0.1:${address.port}` };
  const node = await fixedNode(t, { status });
  const ask = (words: readonly string[]) => catalyst(["query", ...words, "--data-dir", node.dataDir]);
  const first = await ask(["{ a }", "--variables", '{"x":1}', "--as", "ada"]);
  assert.deepEqual([first.code, first.stderr, JSON.parse(first.stdout)], [0, "", { data: { a: 1 } }]);
  assert.deepEqual(seen[0], {
    url: "/graphql",
    authorization: `Bearer ${RESULTS["token.mint"].token}`,
    body: { query: "{ a }", variables: { x: 1 } },
  });
  assert.deepEqual(node.calls.find(([verb]) => verb === "token.mint")?.[1], { sub: "ada", ttlSeconds: 60 });
  const second = await ask(["{ a }", "--token", "literal"]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /can be read by every process/);
  assert.equal(seen[1]?.authorization, "Bearer literal");
  assert.match((await ask(["{ a }"])).stderr, /ERR_UPSTREAM/);
});

test("init writes what was asked for, once", async (t) => {
  const cwd = temporary(t);
  const env = { HOME: cwd };
  const words =
    "init --organization acme.catalyst.internal --node edge1 --service name=a,protocol=http,endpoint=http://h";
  const made = await catalyst(words, { cwd, env });
  assert.equal(made.code, 0, made.stderr);
  assert.deepEqual(JSON.parse(readFileSync(join(cwd, "catalyst.json"), "utf8")), {
    organization: "acme.catalyst.internal",
    node: "edge1",
    services: [{ name: "a", protocol: "http", endpoint: "http://h" }],
  });
  assert.equal(statSync(join(cwd, ".local/share/catalyst/edge1/keys")).mode & 0o777, 0o700);
  const again = await catalyst(words, { cwd, env });
  assert.equal(again.code, 1);
  assert.match(again.stderr, /ERR_ALREADY_EXISTS/);
  const wrong = await catalyst("init other.json --node Edge_1", { cwd, env });
  assert.equal(wrong.code, 65);
  assert.ok(!existsSync(join(cwd, "other.json")));
  assert.equal((await catalyst("config validate", { cwd, env })).code, 0);
});

test("init makes keys, a CA and a certificate that the CA signed; a second one keeps them", async (t) => {
  const cwd = temporary(t);
  const env = { HOME: cwd };
  const words = "--organization acme.catalyst.internal --node edge1";
  const read = (file: string): string => readFileSync(join(cwd, ".local/share/catalyst/edge1", file), "utf8");
  const files = ["keys/signing.json", "keys/ca.key", "certs/trust.pem", "keys/node.key", "certs/node.pem"];
  const shown = (text: string): string =>
    text.replaceAll(cwd, "HOME").replaceAll(/20\d\d-\d\d-\d\d/g, "DATE");
  const first = await catalyst(`init ${words}`, { cwd, env });
  const before = files.map(read);
  const second = await catalyst(`init again.json ${words}`, { cwd, env });
  assert.deepEqual(files.map(read), before, "nothing was replaced");
  const ca = new X509Certificate(read("certs/trust.pem"));
  const node = new X509Certificate(read("certs/node.pem"));
  assert.ok(node.verify(ca.publicKey) && node.checkPrivateKey(createPrivateKey(read("keys/node.key"))));
  assert.match(node.subjectAltName ?? "", /URI:spiffe:\/\/edge1\.acme\.catalyst\.internal\/node/);
  const { stdout } = await catalyst(`init json.json ${words} --json`, { cwd, env });
  assert.deepEqual((JSON.parse(stdout) as { kept: unknown }).kept, files);
  const other = await catalyst("init x.json --organization globex.catalyst.internal --node edge1", {
    cwd,
    env,
  });
  assert.match(other.stderr, /holds the keys of acme\.catalyst\.internal/);
  const golden = join(import.meta.dirname, "testdata/init.out.txt");
  const screens = [`init ${words}`, `init again.json ${words}`].map((line, at) =>
    transcript(line, [first, second][at] ?? first),
  );
  t.assert.fileSnapshot(shown(screens.join("\n")), golden, { serializers: [String] });
});

test("before a start, check says what would go wrong, all of it", async (t) => {
  const cwd = temporary(t);
  const env = { HOME: cwd, XDG_CACHE_HOME: cwd };
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  t.after(() => taken.close());
  const address = taken.address();
  assert.ok(typeof address === "object" && address !== null);
  writeFileSync(join(cwd, "file"), "");
  const config = {
    dataDir: "file",
    ingress: {
      listen: `127.0.0.1:${address.port}`,
      tls: { cert: { file: "cert.pem" }, key: { file: "file" } },
    },
    envoy: { disabled: true },
  };
  writeFileSync(join(cwd, "catalyst.json"), JSON.stringify(config));
  const { code, stdout } = await catalyst("check --pre --json", { cwd, env });
  assert.equal(code, 79);
  const rows = JSON.parse(stdout) as { name: string; ok: boolean; text: string }[];
  const bad = rows.filter(({ ok }) => !ok).map(({ name }) => name);
  assert.deepEqual(bad, ["data-dir", "ingress", "files"]);
  writeFileSync(join(cwd, "catalyst.json"), '{"drian": "1s"}');
  assert.match((await catalyst("check --pre", { cwd, env })).stdout, /did you mean drain\?/);
  mkdirSync(join(cwd, "empty"));
  const good = await catalyst("check --pre --envoy-disabled --ingress-listen 127.0.0.1:0", {
    cwd: join(cwd, "empty"),
    env,
  });
  assert.equal(good.code, 0, good.stdout);
});

test("config flags prints a command line that gives the same configuration", async (t) => {
  const cwd = temporary(t);
  const env = { HOME: cwd };
  const text = `{ // comment
    "node": "edge1", "ingress": { "bodyLimit": "2MiB" }, "envoy": { "disabled": true }, "gateway": { "introspection": false },
    "services": [ { "name": "it's", "protocol": "http", "endpoint": "http://h" } ] }`;
  writeFileSync(join(cwd, "catalyst.jsonc"), text.replace("it's", "books"));
  const { stdout } = await catalyst("config flags", { cwd, env });
  assert.equal(
    stdout,
    [
      "catalyst run",
      "--node edge1",
      "--ingress-body-limit 2MiB",
      "--envoy-disabled",
      "--gateway-introspection=false",
      "--service name=books,protocol=http,endpoint=http://h\n",
    ].join(" \\\n  "),
  );
  const [first, again] = [
    await catalyst("config show catalyst.jsonc", { cwd, env }),
    await catalyst(
      [
        "config",
        "show",
        ...(JSON.parse((await catalyst("config flags --json", { cwd, env })).stdout) as string[]),
      ],
      { cwd: "/", env },
    ),
  ];
  assert.equal(again.stdout, first.stdout);
  const bad = await catalyst("config validate none.json", { cwd, env });
  assert.deepEqual([bad.code, bad.stdout], [65, ""]);
});
