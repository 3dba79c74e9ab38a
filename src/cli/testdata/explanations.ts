// Explanations of `route explain`, with every kind of candidate and gate in them.

import type { ExplainedPath, RouteExplanation } from "#rpc";

const NOON = Date.UTC(2026, 2, 1, 12, 0, 0);
const NODE = "edge1.acme.catalyst.internal";
const KEY = "reviews.globex.catalyst.internal";

const path: ExplainedPath = {
  use: "best",
  peer: "edge1.globex.catalyst.internal",
  kind: "external",
  role: "lateral",
  origin: "edge1.globex.catalyst.internal",
  protocol: "http:graphql",
  version: { epoch: 3, seq: 17 },
  orgPath: ["globex.catalyst.internal"],
  nodePath: ["edge1.globex.catalyst.internal"],
  nextHop: "edge1.globex.catalyst.internal",
  nextHopAddress: "edge1.globex.example:10443",
  notAfter: NOON + 86_000_000,
  verdict: { accept: true, reason: "accepted", rule: "a1" },
  freshness: "fresh",
  health: "up",
  reach: "up",
  localPreference: 200,
  organizations: 1,
  cost: 0,
  scope: "direct",
  communities: [],
};

const EDGE2 = "edge2.globex.catalyst.internal";
const second: ExplainedPath = {
  ...path,
  use: "alternate",
  peer: EDGE2,
  nodePath: [EDGE2, "edge1.globex.catalyst.internal"],
  nextHop: EDGE2,
  lost: { to: path.peer, step: "fewer nodes" },
};
const stale: ExplainedPath = {
  ...path,
  use: "alternate",
  peer: "edge3.acme.catalyst.internal",
  kind: "internal",
  role: "internal",
  freshness: "stale",
  verdict: { accept: true, reason: "accepted" },
  lost: { to: path.peer, step: "fresh before stale" },
};
const hidden: ExplainedPath = {
  ...path,
  use: "hidden",
  peer: "hub.initech.catalyst.internal",
  role: "provider",
  organizations: 2,
  localPreference: 100,
  verdict: { accept: false, reason: "import-denied", rule: "r9" },
  lost: { to: path.peer, step: "accepted" },
};
const rejected = [
  {
    peer: "hub.initech.catalyst.internal",
    key: KEY,
    at: NOON - 12_000,
    reason: "origin-forged",
    text: "origin is edge1.initech.catalyst.internal",
  },
] as const;
const rules = { a1: "imports[0], catalyst.json:12", r9: "imports[4], catalyst.json:30", e1: "exports[0]" };
const nothing = { key: KEY, node: NODE, at: NOON, rules, rejected: [], tombstones: [], told: [], away: [] };

export const EXPLANATIONS: Readonly<Record<string, RouteExplanation>> = {
  "four candidates": {
    ...nothing,
    candidates: [path, second, stale, hidden],
    rejected,
    told: [
      { peer: "edge3.acme.catalyst.internal", send: true, reason: "exported", rule: "e1" },
      { peer: "hub.initech.catalyst.internal", send: false, reason: "role" },
    ],
  },
  "left out of the graph": {
    ...nothing,
    candidates: [path],
    leftOut: { code: "ERR_SCHEMA_CONFLICT", text: 'prefix "globex" is taken by initech.catalyst.internal' },
  },
  "hidden by a rule": {
    ...nothing,
    candidates: [{ ...hidden, verdict: { accept: false, reason: "import-default" } }],
  },
  "dropped and taken back": {
    ...nothing,
    candidates: [],
    rejected,
    tombstones: [{ key: KEY, origin: path.origin, version: { epoch: 3, seq: 18 }, at: NOON - 4_000 }],
  },
  "nobody offers it": { ...nothing, candidates: [], away: ["edge1.globex.catalyst.internal"] },
};
