// What commits make of learned and own services for Envoy: imports, exports with exactly the nodes that are told, trust. The loop is the
// node's own; effects are only kept.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EnvoyExportWant, EnvoyImportWant, Event, PeerIntent, Rule } from "#routing";
import { full, intent, nodeLoop, probed } from "../../../test/kit/node-loop.ts";
import { routeOf, type SomeRoute } from "../../../test/kit/routes.ts";

const GLOBEX = "edge1.globex.test";
const HOOLI = "edge1.hooli.test";
const INSIDE = "edge2.acme.catalyst.internal";
const KEY = "reviews.globex.test";
const TRUST = { file: "/certs/trust.pem", hash: "h1" };
const ALL: Rule = { match: {}, action: "accept", set: { scope: "transitive" } };
const IMPORTS: Rule = { match: { origin: "*" }, action: "accept" };

function peer(node: string, some: Partial<PeerIntent> = {}): PeerIntent {
  const organization = node.slice(node.indexOf(".") + 1);
  const inside = organization === "acme.catalyst.internal";
  return {
    node,
    organization,
    kind: inside ? "internal" : "external",
    role: inside ? "internal" : "lateral",
    onLoss: "depreference",
    limits: { routes: 100_000, rate: 100_000, bytes: 1 << 30, pathLength: 16 },
    trust: TRUST,
    ...some,
  };
}

function world(exports: readonly Rule[] = [ALL]) {
  const kit = nodeLoop();
  const { step, wants } = kit;
  step({ kind: "rules.set", rules: { imports: [IMPORTS], exports } });
  const tell = (told: Extract<Event, { kind: "peer.told" }>["told"], from = GLOBEX) =>
    step({ kind: "peer.told", peer: from, told });
  const advertise = (from: string, ...list: SomeRoute[]) =>
    tell(
      { kind: "update", withdraw: [], rejected: [], advertise: list.map((one) => routeOf(from, one)) },
      from,
    );
  const withdraw = (from: string, key: string) =>
    tell(
      { kind: "update", withdraw: [{ key, version: { epoch: 1, seq: 9 } }], rejected: [], advertise: [] },
      from,
    );
  const imported = (key = KEY) => wants("envoy.import")[key] as EnvoyImportWant | undefined;
  const exported = (key = KEY) => wants("envoy.export")[key] as EnvoyExportWant | undefined;
  const over = (key = KEY) => imported(key)?.paths.map(({ node }) => node);
  const set = (...nodes: readonly string[]) =>
    step(...nodes.map((node) => ({ kind: "peer.set" as const, peering: peer(node) })));
  return { ...kit, advertise, withdraw, imported, exported, over, set };
}

describe("imports", () => {
  test("the best paths, one a next hop, each with the address it told", () => {
    const { advertise, imported, over, set, withdraw } = world();
    set(GLOBEX, INSIDE);
    advertise(GLOBEX, { key: KEY, nextHopAddress: "10.0.0.1:7001" });
    assert.deepEqual(imported(), {
      service: KEY,
      protocol: "http",
      paths: [{ node: GLOBEX, organization: "globex.test", address: "10.0.0.1:7001" }],
    });
    advertise(INSIDE, { key: KEY, via: ["edge2.globex.test"], origin: "edge2.globex.test" });
    assert.deepEqual(over(), [INSIDE, GLOBEX]);
    withdraw(INSIDE, KEY);
    assert.deepEqual(over(), [GLOBEX]);
    withdraw(GLOBEX, KEY);
    assert.equal(imported(), undefined);
  });

  test("dead-endpoints-kept: a path whose origin is down is none, a peer that does not answer comes last", () => {
    const { advertise, over, set, step } = world();
    set(GLOBEX, INSIDE);
    const other = { key: KEY, via: ["edge2.globex.test"], origin: "edge2.globex.test" };
    advertise(GLOBEX, { key: KEY });
    advertise(INSIDE, other);
    step({ kind: "peer.reach", peer: INSIDE, reach: "up" }, { kind: "peer.walk", peer: INSIDE });
    assert.deepEqual(over(), [INSIDE, GLOBEX]);
    step({ kind: "peer.reach", peer: INSIDE, reach: "down" }, { kind: "peer.walk", peer: INSIDE });
    assert.deepEqual(over(), [GLOBEX, INSIDE]);
    advertise(GLOBEX, { key: KEY, attributes: { health: "down" }, version: { epoch: 1, seq: 2 } });
    assert.deepEqual(over(), [INSIDE]);
    advertise(INSIDE, { ...other, attributes: { health: "down" }, version: { epoch: 1, seq: 2 } });
    assert.equal(over(), undefined);
  });

  test("none while the own service is well, none of what Envoy does not carry yet", () => {
    const { advertise, over, set, step, up } = world();
    set(INSIDE);
    advertise(INSIDE, { key: full("a") }, { key: full("db"), protocol: "tcp" });
    assert.deepEqual([over(full("a")), over(full("db"))], [[INSIDE], undefined]);
    step({ kind: "service.add", intent: intent("a") });
    assert.deepEqual(over(full("a")), [INSIDE]);
    up("a");
    assert.equal(over(full("a")), undefined);
    for (let i = 0; i < 3; i++) step(probed("a", "http://127.0.0.1:5001", false));
    assert.deepEqual(over(full("a")), [INSIDE]);
  });
});

test("an import rule gives a service a name of ours as well, and no name of others", () => {
  const { advertise, imported, set, step } = world();
  set(GLOBEX);
  advertise(GLOBEX, { key: KEY });
  assert.equal(imported()?.aliases, undefined);
  const named = (alias: string) => {
    const rule: Rule = { match: { key: KEY }, action: "accept", set: { alias } };
    step({ kind: "rules.set", rules: { imports: [rule], exports: [] } }, { kind: "peer.walk", peer: GLOBEX });
    return imported()?.aliases;
  };
  assert.deepEqual(named("critics"), [full("critics")]);
  assert.deepEqual(named(full("critics")), [full("critics")]);
  assert.equal(named("critics.hooli.test"), undefined);
});

describe("exports", () => {
  test("an own service, while it is well, to whom the rules tell it", () => {
    const { exported, set, step, up } = world([{ match: { organization: "globex.test" }, action: "accept" }]);
    set(GLOBEX, HOOLI, INSIDE);
    step({ kind: "service.add", intent: intent("a", { endpoints: ["http://127.0.0.1:5001/base"] }) });
    assert.equal(exported(full("a")), undefined);
    up("a");
    assert.deepEqual(exported(full("a")), {
      service: full("a"),
      protocol: "http",
      to: [GLOBEX, INSIDE].toSorted(),
      target: { kind: "own", endpoints: ["127.0.0.1:5001"], basePath: "/base", timeoutMs: 5_000 },
    });
    for (let i = 0; i < 3; i++) step(probed("a", "http://127.0.0.1:5001/base", false));
    assert.equal(exported(full("a")), undefined);
    up("a");
    step({ kind: "service.remove", name: "a", owner: "admin" });
    assert.equal(exported(full("a")), undefined);
  });

  test("a learned one is passed on, but not to whom it comes from, nor over a path that may not be told", () => {
    const hooli: Rule = {
      match: { organization: "hooli.test" },
      action: "accept",
      set: { scope: "transitive" },
    };
    const { advertise, exported, set, step } = world([
      { match: { organization: "hooli.test", community: "globex.test:secret" }, action: "reject" },
      hooli,
    ]);
    const second = "edge2.globex.test";
    set(GLOBEX, second, INSIDE);
    step({ kind: "peer.set", peering: peer(HOOLI, { role: "customer" }) });
    const paths = () => {
      const target = exported()?.target;
      return target?.kind === "paths" ? target.paths.map(({ node }) => node) : target;
    };
    advertise(GLOBEX, { key: KEY, onlyToCustomer: "globex.test" });
    assert.deepEqual([paths(), exported()?.to], [[GLOBEX], [HOOLI, INSIDE].toSorted()]);
    advertise(second, { key: KEY, onlyToCustomer: "globex.test" });
    assert.deepEqual([paths(), exported()?.to], [[GLOBEX, second], [HOOLI, INSIDE].toSorted()]);
    const secret = { communities: ["globex.test:secret"], version: { epoch: 1, seq: 2 } };
    advertise(second, { key: KEY, ...secret, onlyToCustomer: "globex.test" });
    assert.deepEqual(paths(), [GLOBEX]);
  });

  test("other peers and rules are brought to all names in slices", () => {
    const { exported, loop, set, step } = world();
    const names = Array.from({ length: 4_500 }, (_, i) => `s${i}`);
    step({ kind: "config.services", services: names.map((name) => intent(name)) });
    for (const name of names) step(probed(name, "http://127.0.0.1:5001", true));
    const told = () => names.filter((name) => to(name)?.includes(GLOBEX) === true).length;
    const to = (name: string) =>
      (loop.effects.wanted("envoy.export", full(name)) as EnvoyExportWant | undefined)?.to;
    const walk = () => {
      let slices = 0;
      for (; loop.effects.wanted("export.walk", "exports") !== undefined; slices++)
        step({ kind: "export.walk" });
      return slices;
    };
    assert.equal(walk(), 0);
    set(GLOBEX);
    assert.equal(told(), 2_000);
    // What comes while the walk is on its way is not forgotten.
    set(HOOLI);
    assert.equal(walk(), 3);
    assert.equal(told(), 4_500);
    assert.deepEqual(exported(full("s0"))?.to, [GLOBEX, HOOLI]);
    step({ kind: "rules.set", rules: { imports: [], exports: [] } });
    walk();
    assert.equal(told(), 0);
    const { revision } = loop;
    step({ kind: "export.walk" });
    assert.equal(loop.revision, revision, "nothing is due");
  });
});

test("trust names the nodes of an organization and its file; the own certificate is told by its hash", () => {
  const { set, step, wants } = world();
  set(GLOBEX, "edge2.globex.test");
  step({ kind: "peer.set", peering: peer(HOOLI, { trust: { file: "/hooli.pem", hash: "h2" } }) });
  const nodes = [GLOBEX, "edge2.globex.test"];
  const hooli = { organization: "hooli.test", nodes: [HOOLI], file: "/hooli.pem", hash: "h2" };
  assert.deepEqual(wants("envoy.trust"), {
    "globex.test": { organization: "globex.test", nodes, ...TRUST },
    "hooli.test": hooli,
  });
  step({ kind: "peer.remove", peer: GLOBEX }, { kind: "peer.remove", peer: HOOLI });
  assert.deepEqual(wants("envoy.trust"), {
    "globex.test": { organization: "globex.test", nodes: nodes.slice(1), ...TRUST },
  });
  const certificate = { certificateFile: "/c.pem", keyFile: "/k.pem", hash: "c1" };
  step({ kind: "node.certificate", certificate });
  assert.deepEqual(wants("envoy.node-cert"), { node: certificate });
  assert.equal(step({ kind: "node.certificate", certificate }).commit, undefined);
  step({ kind: "node.certificate", certificate: { ...certificate, hash: "c2" } });
  assert.deepEqual(wants("envoy.node-cert"), { node: { ...certificate, hash: "c2" } });
});
