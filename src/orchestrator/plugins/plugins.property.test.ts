// Random histories of a node. After every commit: each name, prefix and host has one owner, and the owner is
// the only one who changed it; health is what the endpoints say; indexes are what the table says; and the
// wants in force are exactly those that a fresh look at the state would compute (the oracle). A record of the
// history replays to the same hashes, and neither the order of a list nor that of file and store changes what
// comes out.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Input, record, replay } from "#kernel";
import { type Event, healthOf, type Owner, type Service, type ServiceIntent, type StateView } from "#routing";
import { full, inFile, nodeLoop } from "../../../test/kit/node-loop.ts";
import { envoyWant } from "./envoy.ts";
import { graphWant } from "./graph.ts";
import { probesOf } from "./health.ts";
import { persistWant } from "./persist.ts";
import { schemaWant } from "./schema.ts";

const NAMES = ["a", "b", "c", "d"];
const URLS = ["http://h1:1", "http://h1:1/p", "http://h2", "http://h3:3/p"];
const LEASES = ["l1", "l2", "l3", "l4"];

const name = fc.constantFrom(...NAMES);
const url = fc.constantFrom(...URLS);
const owner = fc.constantFrom<Owner>({ kind: "admin" }, { kind: "plugin", plugin: "p" });
const ingress = fc.constantFrom<ServiceIntent["ingress"]>(
  undefined,
  undefined,
  { prefix: "/x" },
  { prefix: "/y", host: "x.example" },
  { host: full("a") },
  { host: "x.example" },
);

const intents = (by: fc.Arbitrary<Owner>): fc.Arbitrary<ServiceIntent> =>
  fc
    .record({
      name,
      protocol: fc.constantFrom("http" as const, "http" as const, "http:graphql" as const),
      owner: by,
      endpoints: fc.uniqueArray(url, { minLength: 1, maxLength: 3 }),
      kind: fc.constantFrom("tcp" as const, "none" as const, "graphql" as const),
      counts: fc.record({ up: fc.integer({ min: 1, max: 2 }), down: fc.integer({ min: 1, max: 2 }) }),
      ingress,
      timeoutMs: fc.constantFrom(1_000, 2_000),
    })
    .map(({ kind, counts, ingress: place, ...rest }) => ({
      ...rest,
      probe: { kind, intervalMs: 2_000, timeoutMs: 1_000, ...counts },
      export: false,
      ...(place === undefined ? {} : { ingress: place }),
    }));

const configured = fc.array(intents(fc.constantFrom(inFile(1), inFile(2), inFile(3))), { maxLength: 5 });
const stored = fc.uniqueArray(intents(fc.constant<Owner>({ kind: "admin" })), {
  maxLength: 3,
  selector: (i) => i.name,
});

type Step = Input<Event>;
const service = name.map(full);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: configured.map((services): Step => ({ kind: "config.services", services })) },
  { weight: 1, arbitrary: stored.map((services): Step => ({ kind: "store.services", services })) },
  { weight: 4, arbitrary: intents(owner).map((intent): Step => ({ kind: "service.add", intent })) },
  {
    weight: 2,
    arbitrary: fc
      .record({ name, owner: fc.constantFrom("admin", "config", "sdk", "plugin") })
      .map((rest): Step => ({ kind: "service.remove", ...rest })),
  },
  {
    weight: 4,
    arbitrary: fc
      .record({
        lease: fc.constantFrom(...LEASES),
        notAfter: fc.integer({ min: 1_000, max: 1_400 }),
        one: url,
        intent: intents(owner),
      })
      .map(({ lease, notAfter, one, intent }): Step => {
        return { kind: "lease.register", lease, notAfter, intent: { ...intent, endpoints: [one] } };
      }),
  },
  { weight: 1, arbitrary: fc.constantFrom(...LEASES).map((lease): Step => ({ kind: "lease.end", lease })) },
  {
    weight: 12,
    arbitrary: fc
      .record({ service, endpoint: url, ok: fc.boolean(), reason: fc.constantFrom("refused", "timeout") })
      .map((rest): Step => ({ kind: "probe.result", ...rest })),
  },
  {
    weight: 4,
    arbitrary: fc
      .record({
        service,
        hash: fc.constantFrom("h1", "h2"),
        code: fc.constantFrom("", "ERR_SCHEMA_INVALID", "ERR_SCHEMA_UNREACHABLE"),
      })
      .map(({ service, hash, code }): Step => {
        if (code !== "") return { kind: "schema.read", service, result: { ok: false, code, text: "no" } };
        return { kind: "schema.read", service, result: { ok: true, hash, kind: "federation" } };
      }),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ by: fc.constantFrom("gateway" as const, "envoy" as const), names: fc.uniqueArray(service) })
      .map(({ by, names }): Step => {
        return {
          kind: "verdict",
          by,
          quarantined: names.map((one) => ({ service: one, code: "C", text: "t" })),
        };
      }),
  },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: "tick" }) },
);

/** Events in commits of one to five. */
const history = fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { maxLength: 40 });

/** The wants of a state, computed from nothing. */
function oracle(view: StateView): Map<string, unknown> {
  const wants = new Map<string, unknown>();
  const add = (kind: string, key: string, want: unknown) =>
    void (want === undefined || wants.set(`${kind} ${key}`, want));
  for (const one of view.services.values()) {
    for (const want of probesOf(one)) add("probe", `${one.name} ${want.url}`, want);
    add("schema", one.name, schemaWant(one));
    add("graph", one.name, graphWant(one));
    add("envoy.service", one.name, envoyWant(one));
    add("persist", one.name, persistWant(one));
  }
  return wants;
}

function checkState(view: StateView): void {
  const places = new Map<string, string>();
  const leases = new Map<string, string>();
  for (const one of view.services.values()) {
    assert.equal(one.health, healthOf(one.endpoints));
    assert.ok(one.endpoints.length > 0);
    assert.equal(new Set(one.endpoints.map((e) => e.url)).size, one.endpoints.length);
    const { prefix, host } = one.ingress ?? {};
    for (const [kind, value] of [
      ["host", one.name],
      ["host", host],
      ["prefix", prefix],
    ] as const) {
      if (value === undefined) continue;
      const before = places.get(`${kind} ${value}`);
      assert.ok(before === undefined || before === one.name, `${kind} ${value} of ${before} and ${one.name}`);
      places.set(`${kind} ${value}`, one.name);
      assert.equal(view.ingressOwner(kind, value), one.name);
    }
    for (const { url: at, lease } of one.endpoints) {
      assert.equal(lease !== undefined, one.owner.kind === "sdk");
      if (lease === undefined) continue;
      assert.ok(!leases.has(lease.id), `lease ${lease.id} twice`);
      leases.set(lease.id, at);
      assert.deepEqual([view.lease(lease.id)?.service, view.lease(lease.id)?.url], [one.name, at]);
    }
    for (const { by } of one.quarantine ?? []) assert.ok([...view.quarantined(by)].includes(one.name));
  }
  const known = new Set([...view.leasesEnding(Infinity)].map(({ id }) => id));
  assert.deepEqual([...known].sort(), [...leases.keys()].sort());
  for (const kind of ["x.example", full("zz")])
    assert.equal(view.ingressOwner("host", kind), places.get(`host ${kind}`));
  for (const prefix of ["/x", "/y"])
    assert.equal(view.ingressOwner("prefix", prefix), places.get(`prefix ${prefix}`));
}

const KIND_OF: Readonly<Record<string, Owner["kind"]>> = {
  "store.services": "admin",
  "lease.register": "sdk",
  "lease.end": "sdk",
  tick: "sdk",
};

/** Only its owner changes what a service is declared as; the file may take over. */
function checkOwnership(event: Step, before: Service | undefined, after: Service | undefined): void {
  const observed = ["probe.result", "schema.read", "verdict"].includes(event.kind);
  if (observed) {
    assert.deepEqual(after && { ...after.owner }, before && { ...before.owner });
    assert.deepEqual(
      after?.endpoints.map((e) => e.url),
      before?.endpoints.map((e) => e.url),
    );
    return;
  }
  if (event.kind === "config.services" || before === undefined) return;
  const by =
    event.kind === "service.add"
      ? event.intent.owner.kind
      : event.kind === "service.remove"
        ? event.owner
        : KIND_OF[event.kind];
  assert.equal(before.owner.kind, by, `${event.kind} changed a service of ${before.owner.kind}`);
}

describe("random histories", () => {
  test("keep every invariant, and the wants are those of the oracle", () => {
    fc.assert(
      fc.property(history, (commits) => {
        const { loop, step: take } = nodeLoop();
        for (const events of commits) {
          take(...events);
          const wants = new Map(
            [...loop.effects.desired()].map(({ kind, key, want }) => [`${kind} ${key}`, want]),
          );
          assert.deepEqual(wants, oracle(loop.view));
          checkState(loop.view);
        }
        assert.deepEqual(
          loop.status().plugins.filter(({ failures }) => failures > 0),
          [],
        );
      }),
      { numRuns: 300 },
    );
  });

  test("change a service by its owner only", () => {
    fc.assert(
      fc.property(history, (commits) => {
        const { loop, step: take } = nodeLoop();
        for (const event of commits.flat()) {
          const { commit, outcomes } = take(event);
          assert.ok(outcomes[0]?.outcome.refused === undefined || commit === undefined);
          for (const { before, after } of commit?.changes.services.values() ?? [])
            checkOwnership(event, before, after);
        }
        assert.equal(
          loop.status().plugins.some(({ state }) => state !== "ok"),
          false,
        );
      }),
      { numRuns: 200 },
    );
  });

  test("do not depend on where commits end", () => {
    const content = ({ view }: ReturnType<typeof nodeLoop>["loop"]) =>
      [...view.services.values()].map((one) => ({ ...one, revision: 0 }));
    fc.assert(
      fc.property(history, (commits) => {
        const [whole, single] = [nodeLoop(), nodeLoop()];
        for (const events of commits) whole.step(...events);
        for (const event of commits.flat()) single.step(event);
        assert.deepEqual(content(whole.loop), content(single.loop));
      }),
      { numRuns: 100 },
    );
  });

  test("replay from their record to the same state, through the text", async () => {
    await fc.assert(
      fc.asyncProperty(history, async (commits) => {
        const { loop, step: take } = nodeLoop();
        const lines: string[] = [];
        const append = (text: string) => void lines.push(text.trimEnd());
        const end = record(loop, { node: "n", program: "0", at: 0, append, hashEvery: 1 });
        for (const events of commits) take(...events);
        end();
        const replayed = await replay(lines, { open: () => nodeLoop().loop });
        assert.equal(replayed.hash, loop.hash());
      }),
      { numRuns: 100 },
    );
  });
});

describe("order", () => {
  const shuffled = configured.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
  );

  test("of the file's list does not matter", () => {
    fc.assert(
      fc.property(shuffled, stored, ([one, other], services) => {
        const hashes = [one, other].map((list) => {
          const { loop, step: take } = nodeLoop();
          take(
            { kind: "store.services", at: 1, services },
            { kind: "config.services", at: 1, services: list },
          );
          return loop.hash();
        });
        assert.equal(hashes[0], hashes[1]);
      }),
      { numRuns: 300 },
    );
  });

  test("of file and store does not matter", () => {
    const owners = (node: ReturnType<typeof nodeLoop>) =>
      [...node.loop.view.services.values()]
        .map((one) => ({ ...one, revision: 0 }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    // One admitted service only: with several, one that the file pushes out may have pushed out another
    // before.
    fc.assert(
      fc.property(configured, intents(fc.constant<Owner>({ kind: "admin" })), (services, intent) => {
        const [fileFirst, storeFirst] = [nodeLoop(), nodeLoop()];
        fileFirst.step({ kind: "config.services", services }, { kind: "store.services", services: [intent] });
        storeFirst.step(
          { kind: "store.services", services: [intent] },
          { kind: "config.services", services },
        );
        assert.deepEqual(owners(fileFirst), owners(storeFirst));
      }),
      { numRuns: 300 },
    );
  });
});
