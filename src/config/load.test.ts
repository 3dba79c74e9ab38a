// Loading as a whole: precedence, origins, paths, and every problem told at once (golden: testdata/problems.*).

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { CatalystError } from "#rpc";
import { configFiles } from "./default-files.ts";
import { parseConfig } from "./files.ts";
import { toFlags } from "./flags.ts";
import { type LoadRequest, loadConfig } from "./load.ts";
import { distance, nearest } from "./nearest.ts";
import { originText } from "./tree.ts";

const testdata = join(import.meta.dirname, "testdata");
const bare = (request: LoadRequest) => loadConfig({ env: { HOME: "/home/ada" }, ...request });

function folder(t: TestContext, files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), "catalyst-load-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(directory, name, ".."), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

function problemsOf(run: () => unknown): readonly Record<string, unknown>[] {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof CatalystError, String(error));
    assert.equal(error.code, "ERR_CONFIG_INVALID");
    return error.detail as readonly Record<string, unknown>[];
  }
  return assert.fail("no problem found");
}

test("nothing at all is a configuration: loopback, own keys, split", () => {
  const { config, sources } = bare({});
  assert.equal(config.organization, "local.catalyst.internal");
  assert.equal(config.ingress.listen, "127.0.0.1:10000");
  assert.equal(config.drain, 3_000);
  assert.equal(config.ingress.bodyLimit, 1024 * 1024);
  assert.deepEqual(config.services, []);
  assert.deepEqual(sources, []);
  assert.deepEqual(toFlags(config), []);
});

test("defaults < files in order < environment < flags < --set, and a list replaces the list", (t) => {
  const directory = folder(t, {
    "a.json":
      '{"node": "a", "drain": "1s", "log": {"level": "debug"}, "services": [{"name": "x", "protocol": "http", "endpoint": "http://h"}]}',
    "b.jsonc": '{\n  // later\n  "drain": "2s", "ingress": {"bodyLimit": "2KiB"},\n}',
  });
  const files = [join(directory, "a.json"), join(directory, "b.jsonc")];
  const env = { CATALYST_INGRESS_BODY_LIMIT: "3KiB", CATALYST_INGRESS_LISTEN: "127.0.0.1:1" };
  const flags = ["--ingress-listen=127.0.0.1:2", "--service", "name=y,protocol=http,endpoint=http://h"];
  const { config, origin, sources } = loadConfig({
    files,
    env,
    flags: [...flags, "--set", "services[0].timeout=9s"],
  });
  assert.equal(config.node, "a");
  assert.equal(config.drain, 2_000);
  assert.equal(config.log.level, "debug");
  assert.equal(config.ingress.bodyLimit, 3 * 1024);
  assert.equal(config.ingress.listen, "127.0.0.1:2");
  assert.deepEqual(
    config.services.map(({ name, timeout }) => ({ name, timeout })),
    [{ name: "y", timeout: 9_000 }],
  );
  assert.deepEqual(origin["drain"], { kind: "file", file: files[1], line: 3, column: 12 });
  assert.deepEqual(origin["ingress.bodyLimit"], { kind: "env", name: "CATALYST_INGRESS_BODY_LIMIT" });
  assert.deepEqual(origin["ingress.listen"], { kind: "flag", flag: "--ingress-listen" });
  assert.deepEqual(origin["gateway.depth"], { kind: "default" });
  assert.deepEqual(
    sources.map(({ kind, names }) => `${kind} ${names.length}`),
    ["file 1", "file 1", "env 2", "flags 3"],
  );
});

test("each service knows its line", (t) => {
  const one = '{"name": "NAME", "protocol": "http", "endpoint": "http://h"}';
  const text = `{"services": [\n ${one.replace("NAME", "x")},\n  ${one.replace("NAME", "y")}]}`;
  const directory = folder(t, { "catalyst.json": text });
  const { origin } = bare({ files: ["catalyst.json"], cwd: directory });
  const place = { kind: "file", file: join(directory, "catalyst.json") };
  assert.deepEqual(origin["services[0]"], { ...place, line: 2, column: 2 });
  assert.deepEqual(origin["services[1]"], { ...place, line: 3, column: 3 });
});

test("relative paths start at the file that names them, those of flags at the working directory", (t) => {
  const text = JSON.stringify({
    dataDir: "~/n",
    envoy: { path: "bin/envoy" },
    plugins: [{ use: "./p.ts" }, { use: "some-package" }],
    telemetry: { otlp: { headers: { a: { file: "key" } } } },
  });
  const directory = folder(t, { "conf/catalyst.json": text });
  const flags = ["--ingress-tls-cert-file", "c.pem", "--ingress-tls-key-file", "/k.pem"];
  const { config } = bare({ files: ["conf/catalyst.json"], flags, cwd: directory });
  assert.equal(config.dataDir, "/home/ada/n");
  assert.equal(config.envoy.path, join(directory, "conf/bin/envoy"));
  assert.deepEqual(
    config.plugins.map(({ use }) => use),
    [join(directory, "conf/p.ts"), "some-package"],
  );
  assert.deepEqual(config.telemetry.otlp.headers, { a: { file: join(directory, "conf/key") } });
  assert.deepEqual(config.ingress.tls, { cert: { file: join(directory, "c.pem") }, key: { file: "/k.pem" } });
});

test("a secret given one way in the file and another way by flag is the flag's alone", (t) => {
  const text = '{"telemetry": {"otlp": {"headers": {"a": {"file": "/key"}}}}}';
  const directory = folder(t, { "catalyst.json": text });
  const flags = ["--telemetry-otlp-headers", "a.env=TOKEN"];
  const { config } = bare({ files: ["catalyst.json"], flags, cwd: directory });
  assert.deepEqual(config.telemetry.otlp.headers, { a: { env: "TOKEN" } });
});

test("every problem of every source is told at once, with place, key, reason and nearest word", (t) => {
  const env = {
    CATALYST_DRIAN: "3s",
    CATALYST_PORT_80_TCP_ADDR: "x",
    CATALYST_LOG_LEVEL: "warning",
    CATALYST_NODE: "/n",
  };
  const flags = [
    ...["--gateway-depth", "x", "--set", "services[9].name=x", "--set", "foo", "--servce", "a"],
    ...["--telemetry-otlp-headers", "x=abc", "--drain", "1s", "--drain", "2s", "--node"],
  ];
  const files = [join(testdata, "problems.in.jsonc")];
  let text = "";
  try {
    loadConfig({ files, env, flags });
  } catch (error) {
    text = error instanceof Error ? error.message : String(error);
  }
  t.assert.fileSnapshot(`${text.replaceAll(testdata, "testdata")}\n`, join(testdata, "problems.out.txt"), {
    serializers: [String],
  });
});

test("what is no JSON is told with its line, and says nothing about several keys", (t) => {
  const directory = folder(t, {
    "catalyst.json": '{\n  "ingress": {"listen": "0.0.0.0:1"},\n  "drain" "3s"\n}',
  });
  const problems = problemsOf(() =>
    bare({ files: ["catalyst.json"], cwd: directory, flags: ["--identity-mode=jwks"] }),
  );
  assert.deepEqual(problems, [
    {
      file: join(directory, "catalyst.json"),
      line: 3,
      column: 11,
      key: "",
      reason: 'is not JSON: ":" is expected',
    },
  ]);
});

test("files that cannot be read are told, each", (t) => {
  const directory = folder(t, { "catalyst.json": "{}" });
  const problems = problemsOf(() => bare({ files: ["none.json", ".", "catalyst.json"], cwd: directory }));
  assert.deepEqual(problems, [
    { file: join(directory, "none.json"), key: "", reason: "does not exist" },
    { file: directory, key: "", reason: "is a directory" },
  ]);
});

test("a secret's value is not repeated in a problem", (t) => {
  const directory = folder(t, { "catalyst.json": '{"telemetry": {"otlp": {"headers": {"a": "hunter2"}}}}' });
  const problems = problemsOf(() => bare({ files: ["catalyst.json"], cwd: directory }));
  assert.equal(problems.length, 1);
  assert.doesNotMatch(JSON.stringify(problems), /hunter2/);
});

test("no file content can break the reader", () => {
  for (const text of [
    "",
    "[",
    "{",
    "null",
    "5",
    "[]",
    '{"a":',
    "{,}",
    "/*",
    '"',
    "\u0000",
    "[".repeat(1e5),
    '{"a":'.repeat(1e5),
  ]) {
    const { tree } = parseConfig("/catalyst.json", text);
    assert.equal(tree.content.type, "object", JSON.stringify(text.slice(0, 20)));
  }
  const { problems } = parseConfig("/catalyst.json", "[".repeat(1e5));
  assert.match(problems[0]?.reason ?? "", /nested deeper/);
  assert.deepEqual(problemsOf(() => bare({ flags: ["--set", "__proto__.x=1"] })).length, 1);
});

test("addresses beyond loopback need TLS or a word", () => {
  const listens = (listen: string, ...more: string[]) =>
    bare({ flags: [`--ingress-listen=${listen}`, ...more] });
  for (const each of ["127.0.0.1:1", "127.9.9.9:0", "localhost:1", "[::1]:1"]) listens(each);
  for (const each of ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "127.example.org:1"]) {
    assert.equal(problemsOf(() => listens(each)).length, 1, each);
    listens(each, "--ingress-insecure");
    listens(each, "--ingress-tls-cert-file=c", "--ingress-tls-key-file=k");
  }
});

test("a boolean flag takes no argument that follows it", () => {
  const flags = ["--envoy-disabled", "--gateway-introspection=false"];
  const { config } = bare({ flags });
  assert.equal(config.envoy.disabled, true);
  assert.equal(config.gateway.introspection, false);
});

test("the files a verb reads by itself", (t) => {
  const directory = folder(t, { "catalyst.jsonc": "{}" });
  assert.deepEqual(configFiles(["x"], {}, directory), ["x"]);
  assert.deepEqual(configFiles([], {}, directory), ["catalyst.jsonc"]);
  assert.deepEqual(configFiles([], { CATALYST_CONFIG: "/a:/b" }, directory), ["/a", "/b"]);
  assert.deepEqual(configFiles([], {}, join(directory, "none")), []);
});

test("near words", () => {
  assert.equal(distance("ab", "ba"), 1);
  assert.equal(nearest("ingres", ["egress", "ingress"]), "ingress");
  assert.equal(nearest("data-dir", ["dataDir"]), "dataDir");
  assert.equal(nearest("x", ["node", "drain", "up"]), undefined);
  assert.equal(originText({ kind: "env", name: "X" }), "X");
});
