// All problems come at once: what is wrong with a configuration for itself is also told beside any other fault, in the same words
// at the same key. Each fault below is a change of one good configuration; the property holds for any choice of them.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { CatalystError } from "#rpc";
import { loadConfig } from "./load.ts";

type Change = (config: Tree) => void;
type Tree = ReturnType<typeof good>;

const extra = (object: object, more: object): void => void Object.assign(object, more);

const good = () => ({
  organization: "acme.catalyst.internal",
  node: "edge1",
  drain: "3s",
  ingress: { listen: "127.0.0.1:10000", bodyLimit: "1MiB" },
  egress: { listen: "127.0.0.1:10001" },
  peer: { listen: "127.0.0.1:10443", advertise: "edge1.acme.example:10443" },
  control: { listen: "127.0.0.1:7443", advertise: "edge1.acme.example:7443" },
  identity: { mode: "own" },
  gateway: { depth: 20 },
  log: { level: "info" },
  telemetry: { otlp: { interval: "10s", headers: { a: { file: "/a" } } }, sampling: 0.1 },
  plugins: [{ use: "some-package" }],
  services: [
    { name: "products", protocol: "http:graphql", endpoint: "http://127.0.0.1:1", probe: { interval: "2s" } },
    { name: "files", protocol: "http", endpoint: "http://127.0.0.1:2", ingress: { prefix: "/files" } },
    { name: "mail", protocol: "http", endpoint: "http://127.0.0.1:3", timeout: "5s" },
    { name: "news", protocol: "http", endpoint: "http://127.0.0.1:4" },
  ],
  peers: [
    { node: "edge2.acme.catalyst.internal", address: "127.0.0.1:1", limits: { routes: 10 } },
    { node: "edge1.globex.catalyst.internal", hold: "30s", trust: { file: "/globex.pem" } },
  ],
  imports: [{ peer: "*", action: "accept", match: { key: "*" }, set: { cost: 1 } }],
  exports: [{ to: "*", action: "accept", match: { key: "*" } }],
});

/** By name; a choice of them is independent when no two touch the same key. */
const FAULTS: Readonly<Record<string, Change>> = {
  "wrong duration": (c) => extra(c, { drain: "soon" }),
  "unknown key at the top": (c) => extra(c, { drian: "3s" }),
  "wrong enum": (c) => extra(c.log, { level: "loud" }),
  "unknown key in a group": (c) => extra(c.log, { levle: "info" }),
  "wrong number": (c) => extra(c.gateway, { depth: 0 }),
  "number for text": (c) => extra(c, { node: 7 }),
  "ingress reachable without tls": (c) => extra(c.ingress, { listen: "10.0.0.1:10000" }),
  "half of tls": (c) => extra(c, { tls: { cert: { file: "/c" } } }),
  "wrong size": (c) => extra(c.ingress, { bodyLimit: "large" }),
  "unknown key beside listen": (c) => extra(c.ingress, { lisen: "x" }),
  "wrong port": (c) => extra(c.egress, { listen: "127.0.0.1:70000" }),
  "unknown key of egress": (c) => extra(c.egress, { insecur: true }),
  "nobody can dial": (c) => extra(c.peer, { advertise: "0.0.0.0:1" }),
  "unknown key of peer": (c) => extra(c.peer, { advertize: "x:1" }),
  "advertised wildcard": (c) => extra(c.control, { advertise: "edge1:0" }),
  "jwks without its mode": (c) => extra(c.identity, { jwks: { file: "/j" } }),
  "unknown key of identity": (c) => extra(c.identity, { modus: "own" }),
  "secret by value": (c) => extra(c.telemetry.otlp.headers, { a: "hunter2" }),
  "wrong url": (c) => extra(c.telemetry.otlp, { endpoint: "ftp://x" }),
  "sampling over one": (c) => extra(c.telemetry, { sampling: 2 }),
  "plugin without use": (c) => void c.plugins.push({} as never),
  "unknown key of a plugin": (c) => extra(c.plugins[0] ?? {}, { whith: 1 }),
  "both endpoint and endpoints": (c) => extra(c.services[0] ?? {}, { endpoints: ["http://127.0.0.1:9"] }),
  "wrong endpoint beside endpoints": (c) => extra(c.services[0] ?? {}, { endpoint: "x" }),
  "wrong export": (c) => extra(c.services[0] ?? {}, { export: "yes" }),
  "unknown key of a service": (c) => extra(c.services[0] ?? {}, { protocl: "http" }),
  "empty endpoints": (c) => extra(c.services[2] ?? {}, { endpoints: [] }),
  "wrong probe": (c) => extra(c.services[0]?.probe ?? {}, { up: 0 }),
  "probe path without http": (c) => extra(c.services[0]?.probe ?? {}, { path: "/x" }),
  "unknown key of a probe": (c) => extra(c.services[0]?.probe ?? {}, { intervall: "1s" }),
  "unknown protocol": (c) => extra(c.services[2] ?? {}, { protocol: "gopher" }),
  "name taken": (c) => extra(c.services[2] ?? {}, { name: "files" }),
  "wrong time of a service": (c) => extra(c.services[2] ?? {}, { timeout: "0ms" }),
  "wrong endpoint": (c) => extra(c.services[1] ?? {}, { endpoint: "x" }),
  "prefix of the node": (c) => extra(c.services[1]?.ingress ?? {}, { prefix: "/graphql" }),
  "unknown key of a place": (c) => extra(c.services[1]?.ingress ?? {}, { prefx: "/x" }),
  "no endpoint": (c) => extra(c.services[3] ?? {}, { endpoint: undefined }),
  "no name": (c) => extra(c.services[3] ?? {}, { name: undefined }),
  "wrong label": (c) => extra(c.services[3] ?? {}, { labels: { a: 1 } }),
  "external without trust": (c) => extra(c.peers[1] ?? {}, { trust: undefined }),
  "wrong hold": (c) => extra(c.peers[1] ?? {}, { hold: "1d" }),
  "kind does not fit": (c) => extra(c.peers[0] ?? {}, { kind: "external" }),
  "unknown key of a peer": (c) => extra(c.peers[0] ?? {}, { adress: "x:1" }),
  "wrong limit": (c) => extra(c.peers[0]?.limits ?? {}, { routes: 0 }),
  "alias outside": (c) => extra(c.imports[0]?.set ?? {}, { alias: "a.other.internal" }),
  "unknown action": (c) => extra(c.imports[0] ?? {}, { action: "maybe" }),
  "unknown key of a rule": (c) => extra(c.imports[0] ?? {}, { mach: {} }),
  "wrong scope": (c) => extra(c.exports[0]?.match ?? {}, { scope: "world" }),
  "wrong community": (c) => extra(c.exports[0] ?? {}, { set: { communities: ["x"] } }),
};

const folder = mkdtempSync(join(tmpdir(), "catalyst-faults-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function problemsOf(names: readonly string[]): readonly string[] {
  const config = good();
  for (const name of names) FAULTS[name]?.(config);
  const file = join(folder, "catalyst.json");
  writeFileSync(file, JSON.stringify(config, undefined, 1));
  try {
    loadConfig({ env: {}, files: [file] });
    return [];
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error;
    const detail = error.detail as readonly { key: string; reason: string; line?: number; column?: number }[];
    for (const { key, line, column } of detail) assert.ok(line !== undefined && column !== undefined, key);
    return detail.map(({ key, reason }) => `${key}: ${reason}`);
  }
}

const NAMES = Object.keys(FAULTS);
const alone = new Map(NAMES.map((name) => [name, problemsOf([name])]));

function missing(names: readonly string[]): readonly string[] {
  const told = problemsOf(names);
  return names.flatMap((name) => (alone.get(name) ?? []).filter((problem) => !told.includes(problem)));
}

test("the good configuration is good, and each fault alone is told", () => {
  assert.deepEqual(problemsOf([]), []);
  for (const [name, problems] of alone) assert.ok(problems.length > 0, name);
});

test("all faults together are all told", () => {
  assert.deepEqual(missing(NAMES), []);
});

test("no fault hides another, whichever are chosen", () => {
  fc.assert(
    fc.property(fc.subarray(NAMES, { minLength: 2, maxLength: 6 }), (names) => {
      assert.deepEqual(missing(names), []);
    }),
    { numRuns: 300 },
  );
});
