// The state behind the kernel's port: what a commit lists, what an undo takes back, and the indexes with it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { routeOf, termsOf } from "../../test/kit/routes.ts";
import type { Delta, Service } from "./index.ts";
import { LeaseIndex } from "./lease-index.ts";
import { fullName, shortName, State } from "./index.ts";

const NODE = "edge1.acme.catalyst.internal";
const A = "http://a";

function service(name: string, rest: Partial<Service> = {}): Service {
  return {
    name,
    protocol: "http",
    owner: { kind: "admin" },
    endpoints: [{ url: A, health: "unknown", streak: 0 }],
    probe: { kind: "tcp", intervalMs: 1, timeoutMs: 1, up: 1, down: 1 },
    timeoutMs: 1,
    export: false,
    health: "unknown",
    revision: 0,
    ...rest,
  };
}

const set = (name: string, rest: Partial<Service> = {}): Delta => ({
  kind: "service.set",
  service: service(name, rest),
});
const remove = (name: string): Delta => ({ kind: "service.delete", name });
const lease = (id: string, notAfter: number) =>
  ({ url: A, health: "up", streak: 0, lease: { id, notAfter } }) as const;

describe("a commit", () => {
  test("lists the first value before and the last one after, by key", () => {
    const state = new State(NODE);
    const first = state.commit([set("a"), set("b"), set("a", { timeoutMs: 2 })], 7);
    assert.deepEqual([first.revision, first.at], [1, 7]);
    const a = state.view().services.get("a");
    assert.deepEqual(first.changes.services.get("a"), { after: a });
    assert.deepEqual([a?.timeoutMs, a?.revision], [2, 1]);
    const second = state.commit(
      [set("a", { timeoutMs: 3 }), remove("a"), set("a", { timeoutMs: 4 }), remove("b")],
      8,
    );
    assert.deepEqual([...second.changes.services.keys()], ["a", "b"]);
    assert.equal(second.changes.services.get("a")?.before, a);
    assert.equal(second.changes.services.get("a")?.after?.timeoutMs, 4);
    assert.equal("after" in (second.changes.services.get("b") ?? {}), false);
  });

  test("does not list what came and went inside it", () => {
    const state = new State(NODE);
    assert.equal(state.commit([set("a"), remove("a")], 1).changes.services.size, 0);
  });

  test("what is staged is seen at once", () => {
    const state = new State(NODE);
    state.stage([set("a")]);
    assert.ok(state.view().services.has("a"));
    assert.equal(state.view().revision, 0);
    assert.equal(state.commit([], 1).changes.services.size, 1);
  });
});

test("health is any endpoint up, whatever a plugin says", () => {
  const state = new State(NODE);
  const health = () => state.view().services.get("a")?.health;
  const endpoint = (url: string, health: "up" | "down" | "unknown"): Delta => ({
    kind: "service.endpoint",
    name: "a",
    endpoint: { url, health, streak: 0 },
  });
  state.stage([set("a", { health: "up" })]);
  assert.equal(health(), "unknown");
  state.stage([endpoint(A, "down")]);
  assert.equal(health(), "down");
  state.stage([endpoint("http://b", "unknown")]);
  assert.equal(health(), "unknown");
  state.stage([endpoint("http://b", "up")]);
  assert.equal(health(), "up");
  state.stage([{ kind: "service.endpoint.delete", name: "a", url: "http://b" }]);
  assert.equal(health(), "down");
});

describe("an undo", () => {
  test("takes table, indexes and keys back", () => {
    const state = new State(NODE);
    const view = state.view();
    const keys = { revision: 1, issuer: "i", audience: "a", jwks: "{}" };
    state.commit([set("a", { ingress: { prefix: "/x" }, endpoints: [lease("l", 5)] })], 1);
    const before = view.services.get("a");
    const hash = state.hash();
    const mark = state.mark();
    state.stage([
      remove("a"),
      set("b", { ingress: { prefix: "/x" }, quarantine: [{ by: "envoy", code: "c", text: "t" }] }),
      { kind: "keys.set", keys },
    ]);
    assert.equal(view.ingressOwner("prefix", "/x"), "b");
    assert.equal(view.lease("l"), undefined);
    state.undo(mark);
    assert.equal(view.services.get("a"), before);
    assert.equal(view.services.size, 1);
    assert.equal(view.ingressOwner("prefix", "/x"), "a");
    assert.equal(view.ingressOwner("host", "b"), undefined);
    assert.equal(view.lease("l")?.service, "a");
    assert.deepEqual(
      [...view.leasesEnding(5)].map(({ id }) => id),
      ["l"],
    );
    assert.deepEqual([...view.quarantined("envoy")], []);
    assert.equal(view.keys, undefined);
    assert.equal(state.hash(), hash);
    assert.equal(state.commit([], 2).changes.services.size, 0);
  });
});

test("an undone swap of places gives each back its own", () => {
  const state = new State(NODE);
  const at = (name: string, prefix: string) => set(name, { ingress: { prefix } });
  state.commit([at("a", "/x"), at("b", "/y")], 1);
  const mark = state.mark();
  state.stage([at("a", "/y"), at("b", "/x")]);
  state.undo(mark);
  assert.equal(state.view().ingressOwner("prefix", "/x"), "a");
  assert.equal(state.view().ingressOwner("prefix", "/y"), "b");
});

describe("routes", () => {
  test("of peers stand beside the services: committed, undone and hashed with them", () => {
    const [state, other] = [new State(NODE), new State(NODE)];
    const terms = termsOf("edge1.globex.test");
    const rules: Delta = {
      kind: "rules.set",
      rules: { imports: [{ match: {}, action: "accept" }], exports: [] },
    };
    const learn = (key: string): Delta => ({
      kind: "route.learn",
      peer: terms.node,
      route: routeOf(terms.node, { key }),
      verdict: { accept: true, reason: "accepted" },
    });
    const key = "reviews.globex.test";
    const { changes } = state.commit([{ kind: "peer.set", terms }, learn(key), set("a")], 1);
    assert.deepEqual([...changes.routes.keys()], [key, "a"]);
    assert.deepEqual([...changes.peers.keys()], [terms.node]);
    const hash = state.hash();
    const mark = state.mark();
    state.stage([learn("b.globex.test"), rules, { kind: "peer.delete", node: terms.node }]);
    assert.deepEqual([state.view().routes.names, state.view().rules.imports.length], [1, 1]);
    assert.notEqual(state.hash(), hash);
    state.undo(mark);
    assert.deepEqual([state.view().routes.names, state.view().rules.imports.length], [2, 0]);
    assert.equal(state.hash(), hash);
    other.commit([set("a"), { kind: "peer.set", terms }, learn(key)], 1);
    assert.equal(other.hash(), hash);
  });
});

describe("ingress", () => {
  test("two owners of one place are an error, a swap is none", () => {
    const state = new State(NODE);
    const at = (name: string, prefix: string) => set(name, { ingress: { prefix } });
    state.stage([at("a", "/x"), at("b", "/y")]);
    state.stage([at("a", "/y"), at("b", "/x")]);
    assert.equal(state.view().ingressOwner("prefix", "/x"), "b");
    assert.equal(state.view().ingressOwner("prefix", "/y"), "a");
    const mark = state.mark();
    assert.throws(() => state.stage([at("c", "/x")]), /"b" and "c" both claim the ingress prefix "\/x"/);
    state.undo(mark);
    assert.equal(state.view().ingressOwner("prefix", "/x"), "b");
    assert.throws(
      () => state.stage([set("d", { ingress: { host: "a" } })]),
      /both claim the ingress host "a"/,
    );
  });
});

test("a delta that nobody knows is an error, one about a service that is gone is nothing", () => {
  const state = new State(NODE);
  assert.throws(
    () => state.stage([{ kind: "service.paint" } as unknown as Delta]),
    /unknown delta "service.paint"/,
  );
  state.stage([{ kind: "service.schema", name: "gone", schema: undefined }, remove("gone")]);
  assert.equal(state.commit([], 1).changes.services.size, 0);
});

describe("the hash", () => {
  test("is equal for equal states, whatever the order, and differs otherwise", () => {
    const [one, two, three] = [new State(NODE), new State(NODE), new State(NODE)];
    const labels = { a: "1", b: "2" };
    one.commit([set("a", { labels }), set("b")], 1);
    two.commit([set("b"), set("a", { labels: { b: "2", a: "1" } })], 1);
    three.commit([set("b"), set("a", { labels: { b: "2", a: "2" } })], 1);
    assert.equal(one.hash(), two.hash());
    assert.notEqual(one.hash(), three.hash());
    assert.match(one.hash(), /^[0-9a-f]{16}$/);
  });

  test("asked often or once gives the same", () => {
    const [often, once] = [new State(NODE), new State(NODE)];
    for (let i = 0; i < 50; i++) {
      const delta = i % 7 === 3 ? remove(`s${i % 5}`) : set(`s${i % 5}`, { timeoutMs: i });
      often.commit([delta], i);
      often.hash();
      once.commit([delta], i);
    }
    assert.equal(often.hash(), once.hash());
  });
});

describe("leases", () => {
  test("are found by their end, also after many renewals far ahead", () => {
    const state = new State(NODE);
    for (let i = 0; i < 5_000; i++) state.commit([set("a", { endpoints: [lease("l", 1_000_000 + i)] })], i);
    assert.deepEqual([...state.view().leasesEnding(1_004_998)], []);
    assert.equal([...state.view().leasesEnding(1_004_999)].length, 1);
  });
});

test("renewals far ahead of their end do not pile up", () => {
  const index = new LeaseIndex();
  // A lease that ends soon keeps the top of the heap, so that nothing below it is dropped one by one.
  index.change("soon", [], [lease("soon", 5)]);
  let before: Service["endpoints"] = [];
  for (let i = 0; i < 5_000; i++) {
    const after = [lease("l", 1_000_000 + i)];
    index.change("a", before, after);
    index.prune();
    before = after;
  }
  assert.ok(index.remembered <= 1_029, `${index.remembered} entries for two leases`);
});

test("names are full inside, short for people, and never another organization's", () => {
  assert.equal(fullName("reviews", NODE), "reviews.acme.catalyst.internal");
  assert.equal(fullName("reviews.acme.catalyst.internal", NODE), "reviews.acme.catalyst.internal");
  for (const name of ["reviews.globex.catalyst.internal", "Reviews", "a_b", "-a", "", ".", "x".repeat(300)]) {
    assert.equal(fullName(name, NODE), undefined, name);
  }
  assert.equal(shortName("reviews.acme.catalyst.internal", NODE), "reviews");
  assert.equal(shortName("reviews.globex.catalyst.internal", NODE), "reviews.globex.catalyst.internal");
});
