// What the configuration says about other nodes: defaults by kind, rules as the routing room takes them, and what cannot be true
// together.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CatalystError } from "#rpc";
import { toFlags } from "./flags.ts";
import { loadConfig } from "./load.ts";
import { exportRuleOf, importRuleOf, peerOf } from "./peer-defaults.ts";

const OWN = ["--organization", "acme.catalyst.internal", "--node", "edge1"];
const load = (...flags: string[]) =>
  loadConfig({ env: { HOME: "/h" }, flags: [...OWN, ...flags], cwd: "/w" }).config;

function problems(...flags: string[]): string[] {
  try {
    load(...flags);
  } catch (error) {
    assert.ok(error instanceof CatalystError, String(error));
    const detail = error.detail as readonly { key: string; reason: string }[];
    return detail.map(({ key, reason }) => `${key}: ${reason}`);
  }
  return [];
}

const GLOBEX = "node=edge1.globex.catalyst.internal";

test("a peer of another organization is external and lateral, one of the own internal", () => {
  const { peers } = load(
    "--peer",
    `${GLOBEX},address=edge1.globex.example:7443,trust.file=globex.pem,limits.routes=1000`,
    "--peer",
    "node=edge2.acme.catalyst.internal,hold=3s",
  );
  const [external, internal] = peers.map((each) => peerOf(each, "acme.catalyst.internal"));
  assert.deepEqual(external, {
    node: "edge1.globex.catalyst.internal",
    organization: "globex.catalyst.internal",
    kind: "external",
    role: "lateral",
    address: "edge1.globex.example:7443",
    onLoss: "depreference",
    holdMs: 30_000,
    trust: "/w/globex.pem",
    limits: { routes: 1_000, rate: 20_000, bytes: 64 * 1024 ** 2, pathLength: 32 },
  });
  assert.deepEqual(
    [internal?.kind, internal?.role, internal?.holdMs, internal?.address, internal?.trust],
    ["internal", "internal", 3_000, undefined, undefined],
  );
});

test("rules keep their order and say only what was said", () => {
  const rule = {
    peer: "*.globex.catalyst.internal",
    match: { key: "reviews.globex.catalyst.internal" },
    action: "accept",
    set: { communities: ["acme:eu", "-globex:test"], alias: "their-reviews" },
    graph: { prefix: "globex", shared: ["Product"] },
  };
  const config = load(
    "--import",
    JSON.stringify(rule),
    "--import",
    "action=reject",
    "--export",
    "match.key=products.acme.catalyst.internal,to=globex.catalyst.internal,action=accept,set.localPreference=350,unsafe=true",
  );
  assert.deepEqual(config.imports.map(importRuleOf), [
    {
      match: { peer: rule.peer, key: rule.match.key },
      action: "accept",
      set: { ...rule.set, graph: rule.graph },
    },
    { match: {}, action: "reject" },
  ]);
  assert.deepEqual(config.exports.map(exportRuleOf), [
    {
      match: { organization: "globex.catalyst.internal", key: "products.acme.catalyst.internal" },
      action: "accept",
      set: { localPreference: 350 },
      unsafe: true,
    },
  ]);
  assert.deepEqual(loadConfig({ env: { HOME: "/h" }, flags: toFlags(config) }).config, config);
});

test("a peer that cannot be is refused, with the reason", () => {
  const peer = (...texts: string[]) => problems(...texts.flatMap((text) => ["--peer", text]));
  assert.deepEqual(peer(GLOBEX), [
    "peers[0]: edge1.globex.catalyst.internal cannot prove who it is: give trust, the certs/trust.pem of globex.catalyst.internal",
  ]);
  assert.deepEqual(problems("--peer", GLOBEX, "--identity-mode", "none"), []);
  assert.deepEqual(peer("node=edge2.acme.catalyst.internal,kind=external"), [
    "peers[0].kind: external does not fit: edge2.acme.catalyst.internal is a node of the own organization",
  ]);
  assert.deepEqual(peer(`${GLOBEX},kind=internal`), [
    "peers[0].kind: internal does not fit: edge1.globex.catalyst.internal is of globex.catalyst.internal, another organization",
  ]);
  assert.deepEqual(peer(`${GLOBEX},role=internal,trust.file=t`), [
    "peers[0].role: internal does not fit: the role of an external peer is provider, customer or lateral",
  ]);
  assert.deepEqual(peer("node=edge1.acme.catalyst.internal"), [
    "peers[0].node: edge1.acme.catalyst.internal is this node itself",
  ]);
  const twice = "node=edge2.acme.catalyst.internal";
  assert.deepEqual(peer(twice, twice), [
    "peers[1].node: edge2.acme.catalyst.internal is already a peer, see peers[0].node",
  ]);
  assert.match(peer("node=edge1").join(), /peers\[0\]\.node: must be a node's full name/);
});

test("aliases are own names, an export has none", () => {
  assert.deepEqual(problems("--import", "action=accept,set.alias=x.globex.example"), [
    "imports[0].set.alias: x.globex.example is outside the organization acme.catalyst.internal",
  ]);
  assert.deepEqual(problems("--export", "action=accept,set.alias=x"), [
    "exports[0].set.alias: is not a known key",
  ]);
  assert.match(problems("--export", "to=globex.example").join(), /exports\[0\]\.action: is missing/);
});

test("each listener has an address of its own, which others can find", () => {
  assert.deepEqual(problems("--peer-listen", "127.0.0.1:10000"), [
    "peer.listen: 127.0.0.1:10000 is taken by ingress.listen (127.0.0.1:10000)",
  ]);
  assert.deepEqual(
    problems(
      "--peer-listen",
      "0.0.0.0:7443",
      "--peer-advertise",
      "a.example:1",
      "--control-listen",
      "10.0.0.1:7443",
    ),
    ["control.listen: 10.0.0.1:7443 is taken by peer.listen (0.0.0.0:7443)"],
  );
  assert.deepEqual(problems("--ingress-listen", "127.0.0.1:10001"), [], "egress opens with the first peer");
  assert.match(
    problems("--ingress-listen", "127.0.0.1:10001", "--peer", "node=edge2.acme.catalyst.internal").join(),
    /egress\.listen: 127\.0\.0\.1:10001 is taken/,
  );
  assert.deepEqual(problems("--peer-listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0"), []);
  assert.deepEqual(problems("--control-listen", "0.0.0.0:7443"), [
    "control.listen: 0.0.0.0:7443 says where to listen, not where others find it: give control.advertise",
  ]);
  assert.deepEqual(problems("--control-listen", "10.0.0.1:7443", "--control-advertise", "0.0.0.0:1"), [
    "control.advertise: nobody can dial 0.0.0.0:1",
  ]);
  assert.deepEqual(problems("--control-advertise", "a.example:1"), [
    "control.advertise: leads nowhere without control.listen",
  ]);
  assert.match(problems("--egress-listen", "10.0.0.1:1").join(), /egress\.listen: .* in this node's name/);
  assert.deepEqual(problems("--egress-listen", "10.0.0.1:1", "--egress-insecure"), []);
});
