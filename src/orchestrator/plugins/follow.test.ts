// What follows from a service: its schema reading, its place in the graph and in Envoy, what is kept, and the
// verdicts on it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Input } from "#kernel";
import type { Event, TrustKeys } from "#routing";
import { full, inFile, intent, nodeLoop, PROBE, probed } from "../../../test/kit/node-loop.ts";
import { persist } from "./persist.ts";

const A = "http://127.0.0.1:5001/graphql";
const B = "http://127.0.0.1:5002/graphql";

const read = (hash: string): Input<Event> => ({
  kind: "schema.read",
  service: full("reviews"),
  result: { ok: true, hash, kind: "federation" },
});
const unread = (code: string): Input<Event> => ({
  kind: "schema.read",
  service: full("reviews"),
  result: { ok: false, code, text: "no" },
});

function graphql() {
  const node = nodeLoop();
  const probe = { ...PROBE, down: 1 };
  const services = [
    intent("reviews", { protocol: "http:graphql", endpoints: [B, A], owner: inFile(1), probe }),
  ];
  node.step({ kind: "config.services", services });
  const graph = () => node.wants("graph")[full("reviews")];
  const schema = () => node.wants("schema")[full("reviews")];
  return { ...node, graph, schema };
}

describe("a GraphQL service", () => {
  test("has its schema read while it is up, from healthy endpoints", () => {
    const { step, schema } = graphql();
    assert.equal(schema(), undefined);
    step(probed("reviews", B, true));
    assert.deepEqual(schema(), { service: full("reviews"), urls: [B], timeoutMs: 5_000 });
    step(probed("reviews", B, false));
    assert.equal(schema(), undefined);
  });

  test("is in the graph while up with a usable schema, and comes back by itself", () => {
    const { step, graph } = graphql();
    step(probed("reviews", A, true), probed("reviews", B, true));
    assert.equal(graph(), undefined);
    step(read("one"));
    const want = { service: full("reviews"), kind: "federation", sdl: "one", urls: [A, B], timeoutMs: 5_000 };
    assert.deepEqual(graph(), want);
    step(probed("reviews", A, false));
    assert.deepEqual(graph(), { ...want, urls: [B] });
    step(probed("reviews", B, false));
    assert.equal(graph(), undefined);
    step(probed("reviews", A, true));
    assert.deepEqual(graph(), { ...want, urls: [A] });
    step(read("two"));
    assert.deepEqual(graph(), { ...want, urls: [A], sdl: "two" });
    assert.equal(step(read("two")).commit, undefined);
  });

  test("is left out with a reason when its schema cannot be used", () => {
    const { step, graph, service } = graphql();
    step(probed("reviews", A, true), read("one"), unread("ERR_SCHEMA_INVALID"));
    assert.equal(graph(), undefined);
    assert.deepEqual(service("reviews")?.quarantine, [
      { by: "schema", code: "ERR_SCHEMA_INVALID", text: "no" },
    ]);
    assert.equal(step(unread("ERR_SCHEMA_INVALID")).commit, undefined);
    step(read("one"));
    assert.notEqual(graph(), undefined);
    assert.equal(service("reviews")?.quarantine, undefined);
  });

  test("keeps a known schema when a later reading does not reach it", () => {
    const { step, graph, service } = graphql();
    step(probed("reviews", A, true), unread("ERR_SCHEMA_UNREACHABLE"));
    assert.equal(service("reviews")?.quarantine?.[0]?.code, "ERR_SCHEMA_UNREACHABLE");
    step(read("one"), unread("ERR_SCHEMA_UNREACHABLE"));
    assert.notEqual(graph(), undefined);
    assert.equal(service("reviews")?.quarantine, undefined);
  });

  test("is the same want whatever order its replicas came in", () => {
    const { step, wants, up } = nodeLoop();
    for (const url of [B, A]) {
      const replica = intent("books", { protocol: "http:graphql", endpoints: [url] });
      step({ kind: "lease.register", lease: url, notAfter: 90_000, intent: replica });
    }
    up("books");
    assert.deepEqual(wants("schema")[full("books")], {
      service: full("books"),
      urls: [A, B],
      timeoutMs: 5_000,
    });
  });

  test("has no place of its own in Envoy", () => {
    const { step, wants } = graphql();
    step(probed("reviews", A, true), read("one"));
    assert.deepEqual(wants("envoy.service"), {});
  });
});

describe("an http service", () => {
  test("is in Envoy with its healthy endpoints and its places", () => {
    const { step, wants } = nodeLoop();
    const endpoints = ["http://b:5002/v1", "http://a/v1", "http://[::1]/v1"];
    const ingress = { prefix: "/files", stripPrefix: true, host: "files.example" };
    step({ kind: "service.add", intent: intent("files", { endpoints, ingress }) });
    assert.deepEqual(wants("envoy.service"), {});
    for (const url of endpoints) step(probed("files", url, true));
    assert.deepEqual(wants("envoy.service")[full("files")], {
      service: full("files"),
      protocol: "http",
      endpoints: ["[::1]:80", "a:80", "b:5002"],
      path: "/v1",
      ingress: { prefix: "/files", stripPrefix: true, hosts: [full("files"), "files.example"] },
      timeoutMs: 5_000,
    });
    for (let i = 0; i < 3; i++) for (const url of endpoints) step(probed("files", url, false));
    assert.deepEqual(wants("envoy.service"), {});
  });
});

test("only what the admin API added is kept, and health does not write", () => {
  const written: string[] = [];
  const node = nodeLoop();
  const push = ({ key }: { readonly key: string }) => void written.push(key);
  node.loop.watch(({ commit }) => commit && persist().react?.(commit, node.loop.view, { push }));
  node.step({ kind: "config.services", services: [intent("file", { owner: inFile(1) })] });
  node.step({ kind: "lease.register", lease: "l", notAfter: 9_000, intent: intent("sdk") });
  node.step({ kind: "service.add", intent: intent("admin", { labels: { a: "b" } }) });
  node.up("admin");
  node.step({ kind: "service.add", intent: intent("admin", { labels: { a: "b" } }) });
  assert.deepEqual(node.wants("persist"), { [full("admin")]: intent(full("admin"), { labels: { a: "b" } }) });
  assert.deepEqual(written, [full("admin")]);
});

describe("a verdict", () => {
  const verdict = (by: "gateway" | "envoy", ...names: string[]): Input<Event> => ({
    kind: "verdict",
    by,
    quarantined: names.map((name) => ({ service: full(name), code: "ERR_SCHEMA_CONFLICT", text: name })),
  });

  test("replaces the earlier one of the same part, and leaves the wants", () => {
    const { step, service, loop, graph } = graphql();
    step(probed("reviews", A, true), read("one"));
    step({ kind: "service.add", intent: intent("files") });
    const before = graph();
    step(verdict("gateway", "reviews", "gone"), verdict("envoy", "reviews", "files"));
    assert.deepEqual(
      service("reviews")?.quarantine?.map(({ by }) => by),
      ["envoy", "gateway"],
    );
    assert.equal(graph(), before);
    assert.equal(step(verdict("gateway", "reviews")).commit, undefined);
    step(verdict("envoy"));
    assert.deepEqual(
      service("reviews")?.quarantine?.map(({ by }) => by),
      ["gateway"],
    );
    assert.equal(service("files")?.quarantine, undefined);
    assert.deepEqual([...loop.view.quarantined("gateway")], [full("reviews")]);
    step(verdict("gateway"));
    assert.equal(service("reviews")?.quarantine, undefined);
  });
});

test("keys go to Envoy; the same ones told again do not", () => {
  const { step, wants, loop } = nodeLoop();
  const keys: TrustKeys = { revision: 1, issuer: "edge1", audience: "acme", jwks: "{}" };
  step({ kind: "keys.changed", keys });
  assert.deepEqual(wants("envoy.keys"), { keys });
  step({ kind: "keys.changed", keys: { ...keys, revision: 7 } });
  assert.equal(loop.revision, 1);
  const { commit } = step({ kind: "keys.changed", keys: { ...keys, jwks: '{"keys":[]}' } });
  assert.deepEqual(commit?.changes.keys?.before, keys);
});
