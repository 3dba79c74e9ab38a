import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { routeOf, SELF, termsOf } from "../../test/kit/routes.ts";
import { communitiesOf } from "./details.ts";
import { ExportPolicy } from "./export-policy.ts";
import { ImportPolicy, OWN, OWN_OFFERED } from "./import-policy.ts";
import type { PeerTerms } from "./received.ts";
import { rejudge } from "./rejudge.ts";
import type { Route } from "./route.ts";
import { type Rule, ruleId } from "./rule.ts";
import { RouteTable } from "./table.ts";

const GLOBEX = termsOf("edge1.globex.test");
const INSIDE = termsOf("edge2.acme.test");
const REVIEWS = routeOf(GLOBEX.node, { key: "reviews.globex.test" });
const accept = (match: Rule["match"], set?: Rule["set"]): Rule => ({
  match,
  action: "accept",
  ...(set === undefined ? {} : { set }),
});
const reject = (match: Rule["match"]): Rule => ({ match, action: "reject" });

describe("import", () => {
  const judge = (rules: readonly Rule[], route: Route = REVIEWS, peer: PeerTerms = GLOBEX) =>
    new ImportPolicy(rules, peer).judge(route);

  test("without a rule an external peer's routes stay out, an internal one's come in", () => {
    assert.deepEqual(judge([]), { accept: false, reason: "import-default" });
    assert.deepEqual(judge([], routeOf(INSIDE.node, { key: "a.acme.test" }), INSIDE), {
      accept: true,
      reason: "accepted",
    });
  });

  test("the first rule that matches decides, and its name does not depend on what stands before it", () => {
    const no = reject({ key: "reviews.globex.test" });
    const yes = accept({ key: "*.globex.test" });
    assert.deepEqual(judge([no, yes]), { accept: false, reason: "import-denied", rule: ruleId(no) });
    assert.deepEqual(judge([yes, no]), { accept: true, reason: "accepted", rule: ruleId(yes) });
    assert.deepEqual(judge([reject({ key: "other.test" }), yes]), judge([yes]));
  });

  test("names of a third organization come in only by a rule that speaks of that one", () => {
    const transit = routeOf(GLOBEX.node, { key: "billing.hooli.test", origin: "edge1.hooli.test" });
    const refused = { accept: false, reason: "transit" };
    const said = (rule: Rule) => {
      const { accept: accepted, reason } = judge([rule], transit);
      return accepted ? true : { accept: accepted, reason };
    };
    assert.deepEqual(said(accept({})), refused);
    assert.deepEqual(said(accept({ key: "billing.*" })), refused);
    assert.deepEqual(said(accept({ key: "*hooli.test" })), refused);
    assert.equal(said(accept({ key: "*.hooli.test" })), true);
    assert.equal(said(accept({ key: "billing.hooli.test" })), true);
    assert.equal(said(accept({ origin: "hooli.*" })), true);
    assert.deepEqual(said(accept({ key: "*.hooli.test", origin: "globex.test" })), {
      accept: false,
      reason: "import-default",
    });
  });

  test("each condition must hold", () => {
    const route = routeOf(GLOBEX.node, {
      key: "reviews.globex.test",
      communities: ["globex:gold"],
      protocol: "http:graphql",
    });
    const holds: Rule["match"] = {
      peer: "edge*.globex.test",
      organization: "globex.test",
      role: "lateral",
      key: "re*.globex.test",
      protocol: "http:graphql",
      community: "globex:*",
      scope: "transitive",
      origin: "*",
    };
    assert.equal(judge([accept(holds)], route).accept, true);
    const fails: Required<Rule["match"]> = {
      peer: "edge2.globex.test",
      organization: "hooli.test",
      role: "customer",
      key: "*.hooli.test",
      protocol: "http",
      community: "globex:silver",
      scope: "direct",
      origin: "hooli.test",
    };
    for (const name of Object.keys(fails) as (keyof typeof fails)[]) {
      assert.equal(judge([accept({ ...holds, [name]: fails[name] })], route).accept, false, name);
    }
  });

  test("a leak is refused before any rule, and so is a scope that ended", () => {
    const all = [accept({})];
    assert.equal(judge(all, { ...REVIEWS, onlyToCustomer: "hooli.test" }).reason, "leak");
    assert.equal(judge(all, { ...REVIEWS, scope: "organization" }).reason, "scope");
    assert.equal(judge(all, { ...REVIEWS, scope: "direct" }).reason, "accepted");
    const inside = routeOf(INSIDE.node, { key: "a.acme.test", scope: "organization" });
    assert.equal(judge([], inside, INSIDE).reason, "accepted");
  });

  test("local preference stays in the role's band unless the rule is unsafe", () => {
    const high = accept({}, { localPreference: 999 });
    assert.equal(judge([high]).localPreference, 299);
    assert.equal(judge([{ ...high, unsafe: true }]).localPreference, 999);
    const [problem] = new ImportPolicy([high], GLOBEX).problems;
    assert.match(problem?.text ?? "", /999 is outside 200 to 299/);
    assert.deepEqual(new ImportPolicy([{ ...high, unsafe: true }], GLOBEX).problems, []);
  });

  test("ten thousand rules are found like one, and in the order of the list", () => {
    const many = Array.from({ length: 10_000 }, (_, i) => reject({ key: `s${i}.globex.test` }));
    const policy = new ImportPolicy(
      [...many, accept({ key: "*.globex.test" }), reject({ key: "s*" })],
      GLOBEX,
    );
    assert.equal(policy.judge({ ...REVIEWS, key: "s9999.globex.test" }).reason, "import-denied");
    assert.equal(policy.judge({ ...REVIEWS, key: "s10000.globex.test" }).reason, "accepted");
  });
});

test("a way that is about to end comes after all others, whatever a rule says, and no rule takes the mark away", () => {
  const table = new RouteTable(SELF.organization);
  const own: PeerTerms = { ...INSIDE, node: SELF.node, local: true };
  table.apply({ kind: "peer.set", terms: own });
  const mine = routeOf(SELF.node, { key: "a.acme.test", communities: ["acme:gold"] });
  table.apply({ kind: "route.learn", peer: SELF.node, route: mine, verdict: OWN });
  const path = table.path(SELF.node, mine.key) ?? assert.fail();
  const rules = [accept({ origin: "*" }, { communities: ["-catalyst:leaving"], localPreference: 290 })];
  const [stays, leaves] = [false, true].map((leaving) => new ExportPolicy(rules, GLOBEX, SELF, leaving));
  assert.notEqual(stays?.hash, leaves?.hash);
  for (const [policy, preferences] of [
    [stays, [290, undefined]],
    [leaves, [0, 0]],
  ] as const) {
    const told = policy?.decide(path);
    assert.ok(told?.send === true);
    const us: PeerTerms = { ...GLOBEX, node: SELF.node, organization: SELF.organization };
    const heard = [new ImportPolicy(rules, us), new ImportPolicy([], INSIDE)];
    assert.deepEqual(
      heard.map((one) => one.judge(told.route).localPreference),
      preferences,
    );
    assert.deepEqual(
      heard.map((one) => one.judge(told.route).accept),
      [true, true],
    );
  }
  assert.equal(new ImportPolicy([reject({})], INSIDE).judge(mine).accept, false);
});

describe("export", () => {
  const table = new RouteTable(SELF.organization);
  const own: PeerTerms = { ...INSIDE, node: SELF.node, local: true };
  for (const terms of [own, GLOBEX, INSIDE]) table.apply({ kind: "peer.set", terms });
  const pathOf = (peer: PeerTerms, route: Route, verdict = OWN) => {
    table.apply({ kind: "route.learn", peer: peer.node, route, verdict });
    const path = table.path(peer.node, route.key);
    assert.ok(path);
    return path;
  };
  const products = pathOf(own, routeOf(SELF.node, { key: "products.acme.test", cost: 3 }));
  const reviews = pathOf(
    GLOBEX,
    routeOf(GLOBEX.node, { key: "reviews.globex.test", cost: 7, communities: ["globex:gold"] }),
  );
  const offered = pathOf(own, routeOf(SELF.node, { key: "offered.acme.test", cost: 3 }), OWN_OFFERED);
  const toHooli = termsOf("edge1.hooli.test", { role: "customer" });
  const decide = (path: typeof products, peer: PeerTerms, rules: readonly Rule[] = []) =>
    new ExportPolicy(rules, peer, SELF).decide(path);

  test("without a rule an external peer is told nothing, an internal one everything", () => {
    assert.equal(decide(products, GLOBEX).reason, "export-default");
    assert.equal(decide(products, INSIDE).reason, "exported");
    assert.equal(decide(reviews, INSIDE).reason, "exported");
  });

  test("an own service goes to direct peers only, with this node as its next hop", () => {
    const told = decide(offered, GLOBEX);
    assert.ok(told.send);
    const { scope, orgPath, nodePath, nextHop, nextHopAddress, onlyToCustomer, cost } = told.route;
    assert.deepEqual(
      [scope, orgPath, nodePath, nextHop, nextHopAddress],
      ["direct", ["acme.test"], [SELF.node], SELF.node, SELF.address],
    );
    assert.deepEqual([onlyToCustomer, cost, "localPreference" in told.route], ["acme.test", 3, false]);
    const far = decide(products, GLOBEX, [accept({}, { scope: "transitive" })]);
    assert.ok(far.send && far.route.scope === "transitive");
    assert.equal(
      decide(products, GLOBEX, [reject({ key: "products.*" }), accept({})]).reason,
      "export-denied",
    );
  });

  test("what a service itself offers, a rule can still refuse", () => {
    assert.equal(decide(offered, GLOBEX).reason, "exported");
    assert.equal(decide(offered, GLOBEX, [reject({ key: "offered.*" })]).reason, "export-denied");
    assert.equal(decide(offered, GLOBEX, [accept({ key: "other.*" })]).reason, "exported");
  });

  test("what another organization told goes on with its path, without its cost, our preference stays at home", () => {
    const told = decide(reviews, toHooli, [accept({}, { communities: ["acme:seen", "-globex:gold"] })]);
    assert.ok(told.send);
    assert.deepEqual(told.route.orgPath, ["acme.test", "globex.test"]);
    assert.deepEqual(told.route.nodePath, [SELF.node, GLOBEX.node]);
    assert.deepEqual(
      [told.route.cost, told.route.onlyToCustomer, communitiesOf(told.route.details)],
      [0, "globex.test", ["acme:seen"]],
    );
    assert.equal("localPreference" in told.route, false);
    const inside = decide(reviews, INSIDE);
    assert.ok(inside.send);
    assert.deepEqual([inside.route.cost, inside.route.localPreference], [7, 200]);
  });

  test("roles stand above rules: what a lateral peer told goes to customers only", () => {
    for (const role of ["lateral", "provider"] as const) {
      assert.equal(decide(reviews, termsOf("edge1.hooli.test", { role }), [accept({})]).reason, "role");
    }
  });

  test("no rule widens a scope", () => {
    const direct = pathOf(GLOBEX, routeOf(GLOBEX.node, { key: "near.globex.test", scope: "direct" }));
    assert.equal(decide(direct, toHooli, [accept({}, { scope: "transitive" })]).reason, "scope");
    assert.equal(decide(direct, INSIDE).reason, "exported");
    const kept = pathOf(GLOBEX, routeOf(GLOBEX.node, { key: "kept.globex.test" }), {
      accept: true,
      reason: "accepted",
      scope: "node",
    });
    assert.equal(decide(kept, INSIDE).reason, "scope");
  });

  test("peers for whom the same rules are left share a group", () => {
    const rules = [
      accept({ organization: "globex.test", key: "a.acme.test" }),
      accept({ key: "b.acme.test" }),
    ];
    const hash = (peer: PeerTerms) => new ExportPolicy(rules, peer, SELF).hash;
    const lateral = termsOf("edge1.hooli.test");
    assert.equal(hash(lateral), hash(termsOf("edge1.initech.test")));
    assert.notEqual(hash(lateral), hash(GLOBEX));
    assert.notEqual(hash(lateral), hash(toHooli));
  });
});

test("other rules are brought to what was received, slice by slice, and back, without asking the peer", () => {
  const table = new RouteTable(SELF.organization);
  table.apply({ kind: "peer.set", terms: GLOBEX });
  const keys = Array.from({ length: 25 }, (_, i) => `s${i}.globex.test`);
  const open = new ImportPolicy([accept({ key: "*.globex.test" })], GLOBEX);
  for (const key of keys) {
    const route = routeOf(GLOBEX.node, { key });
    table.apply({ kind: "route.learn", peer: GLOBEX.node, route, verdict: open.judge(route) });
  }
  table.seal();
  const change = (policy: ImportPolicy) => {
    table.apply({ kind: "peer.set", terms: { ...GLOBEX, policy: policy.hash } });
    const received = table.received(GLOBEX.node);
    assert.ok(received);
    let slices = 0;
    for (
      let deltas = rejudge(received, policy, 10);
      deltas.length > 0;
      deltas = rejudge(received, policy, 10)
    ) {
      for (const delta of deltas) table.apply(delta);
      slices += 1;
    }
    return [slices, table.seal().routes.size];
  };
  const some = new ImportPolicy([accept({ key: "s1*" }), reject({})], GLOBEX);
  assert.deepEqual(change(some)[0], 3);
  assert.deepEqual(
    keys.filter((key) => table.best(key) !== undefined),
    keys.filter((key) => key.startsWith("s1")),
  );
  assert.deepEqual(change(open), [3, 25]);
  assert.deepEqual(change(new ImportPolicy([accept({ key: "*.globex.test" })], GLOBEX)), [0, 0]);
});
