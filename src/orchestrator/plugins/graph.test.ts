import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { GraphWant, PeerIntent, Rule } from "#routing";
import { full, intent, NODE, nodeLoop } from "../../../test/kit/node-loop.ts";
import { routeOf, type SomeRoute } from "../../../test/kit/routes.ts";

const GLOBEX = "edge1.globex.test";
const INSIDE = "edge2.acme.catalyst.internal";
const ALSO_INSIDE = "edge3.acme.catalyst.internal";
const FAR = "reviews.globex.test";
const NEAR = full("stock");
const [H1, H2] = ["1", "2"].map((one) => one.repeat(43)) as [string, string];
const LIMITS = { routes: 1_000, rate: 1_000, bytes: 1 << 20, pathLength: 16 };

function peer(node: string): PeerIntent {
  const inside = node !== GLOBEX;
  const organization = node.slice(node.indexOf(".") + 1);
  const kind = inside ? ("internal" as const) : ("external" as const);
  const role = inside ? ("internal" as const) : ("lateral" as const);
  return { node, organization, kind, role, onLoss: "keep", limits: LIMITS };
}

const accept = (graph?: object): Rule => ({
  match: { key: "*.globex.test" },
  action: "accept",
  ...(graph === undefined ? {} : { set: { graph } }),
});

function node(rules: readonly Rule[]) {
  const { step, wants, up } = nodeLoop();
  const imports = (list: readonly Rule[]) =>
    step({ kind: "rules.set", rules: { imports: list, exports: [] } });
  imports(rules);
  for (const name of [GLOBEX, INSIDE, ALSO_INSIDE]) step({ kind: "peer.set", peering: peer(name) });
  const tell = (by: string, key: string, some: Partial<SomeRoute> = {}, schema: string | undefined = H1) =>
    step({
      kind: "peer.told",
      peer: by,
      told: {
        kind: "update",
        withdraw: [],
        rejected: [],
        advertise: [
          routeOf(by, {
            key,
            protocol: "http:graphql",
            attributes: { health: "up", ...(schema === undefined ? {} : { schema }) },
            ...some,
          }),
        ],
      },
    });
  const withdraw = (by: string, key: string) =>
    step({
      kind: "peer.told",
      peer: by,
      told: {
        kind: "update",
        advertise: [],
        rejected: [],
        withdraw: [{ key, version: { epoch: 1, seq: 9 } }],
      },
    });
  const walk = () => {
    for (let slices = 0; slices < 10; slices++) step({ kind: "peer.walk", peer: GLOBEX });
  };
  const want = (key: string) => wants("graph")[key] as GraphWant | undefined;
  return { step, up, imports, tell, withdraw, walk, want };
}

describe("a learned GraphQL service", () => {
  test("of an internal peer joins plainly, through egress, and goes with its route", () => {
    const { tell, want, withdraw } = node([]);
    tell(INSIDE, NEAR);
    assert.deepEqual(want(NEAR), {
      service: NEAR,
      sdl: H1,
      urls: [`http://${NEAR}/`],
      timeoutMs: 5_000,
      learnedFrom: [INSIDE],
    });
    withdraw(INSIDE, NEAR);
    assert.equal(want(NEAR), undefined);
  });

  test("of another organization joins only where a rule says how", () => {
    const { tell, want, imports, walk } = node([accept()]);
    tell(GLOBEX, FAR);
    assert.equal(want(FAR), undefined);
    const expected = { organization: "globex.test", prefix: "globex", shared: [] as string[] };
    imports([accept({})]);
    walk();
    assert.deepEqual(want(FAR)?.foreign, expected);
    imports([accept({ prefix: "gx", shared: ["Product"] })]);
    walk();
    assert.deepEqual(want(FAR)?.foreign, { ...expected, prefix: "gx", shared: ["Product"] });
    imports([]);
    walk();
    assert.equal(want(FAR), undefined);
  });

  test("that an own node passes on stays foreign", () => {
    const passed = {
      origin: GLOBEX,
      orgPath: ["acme.catalyst.internal", "globex.test"],
      nodePath: [INSIDE, GLOBEX],
    };
    const { tell, want, imports } = node([]);
    tell(INSIDE, FAR, passed);
    assert.equal(want(FAR), undefined);
    imports([accept({})]);
    tell(INSIDE, FAR, { ...passed, version: { epoch: 1, seq: 5 } });
    assert.equal(want(FAR)?.foreign?.prefix, "globex");
  });

  test("without schema, down, or of another protocol is not in the graph", () => {
    const { tell, want } = node([]);
    tell(INSIDE, NEAR, { attributes: { health: "up" } });
    tell(INSIDE, full("down"), { attributes: { health: "down", schema: H1 } });
    tell(INSIDE, full("files"), { protocol: "http" });
    for (const key of [NEAR, full("down"), full("files")]) assert.equal(want(key), undefined);
  });

  test("names everyone who told of that schema, best first", () => {
    const { tell, want } = node([]);
    tell(ALSO_INSIDE, NEAR, { cost: 5 });
    tell(INSIDE, NEAR);
    assert.deepEqual(want(NEAR)?.learnedFrom, [INSIDE, ALSO_INSIDE]);
    tell(ALSO_INSIDE, NEAR, { cost: 5, version: { epoch: 1, seq: 2 } }, H2);
    assert.deepEqual(want(NEAR)?.learnedFrom, [INSIDE]);
  });

  test("yields to a healthy own one of that name, and takes its place when it is down", () => {
    const { step, up, tell, want } = node([]);
    tell(INSIDE, NEAR);
    step({
      kind: "service.add",
      intent: intent("stock", { protocol: "http:graphql", endpoints: ["http://127.0.0.1:5001/q"] }),
    });
    assert.deepEqual(want(NEAR)?.learnedFrom, [INSIDE]);
    up("stock");
    step({ kind: "schema.read", service: NEAR, result: { ok: true, hash: "own", kind: "federation" } });
    assert.deepEqual(want(NEAR), {
      service: NEAR,
      kind: "federation",
      sdl: "own",
      urls: ["http://127.0.0.1:5001/q"],
      timeoutMs: 5_000,
    });
    for (let i = 0; i < 3; i++)
      step({
        kind: "probe.result",
        service: NEAR,
        endpoint: "http://127.0.0.1:5001/q",
        ok: false,
        reason: "no",
      });
    assert.deepEqual(want(NEAR)?.learnedFrom, [INSIDE]);
  });

  test("the own route carries the hash of the own schema", () => {
    const { loop, step, up } = nodeLoop();
    step({ kind: "service.add", intent: intent("stock", { protocol: "http:graphql" }) });
    up("stock");
    step({ kind: "schema.read", service: NEAR, result: { ok: true, hash: "own", kind: "federation" } });
    assert.equal(loop.view.routes.path(NODE, NEAR)?.attributes.schema, "own");
  });
});
