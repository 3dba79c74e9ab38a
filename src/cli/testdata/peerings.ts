// Peers, routes and differences with every field and state in them, for the golden screens.

import type { PeerDifference, PeerRecord, RouteRecord } from "#rpc";

const HOUR = 3_600_000;

const synced: PeerRecord = {
  node: "edge1.globex.catalyst.internal",
  organization: "globex.catalyst.internal",
  kind: "external",
  role: "lateral",
  owner: { kind: "config", file: "/etc/catalyst/catalyst.json", line: 20 },
  address: "edge1.globex.example:7443",
  onLoss: "depreference",
  session: { state: "synced", forMs: 3 * HOUR, dialled: true, flaps: 0 },
  reach: "up",
  freshness: { state: "fresh", endMarkAgoMs: 3 * HOUR, digestAgoMs: 12_000, lag: 0, digestRepairs: 0 },
  routes: { received: 812, accepted: 40, best: 38, advertised: 3, rejected: 1, max: 1_000 },
};

const away: PeerRecord = {
  ...synced,
  node: "edge2.acme.catalyst.internal",
  organization: "acme.catalyst.internal",
  kind: "internal",
  role: "internal",
  owner: { kind: "admin" },
  onLoss: "keep",
  session: {
    state: "idle",
    forMs: 42_000,
    waits: "retry",
    retryInMs: 2_400,
    flaps: 2,
    last: { agoMs: 42_000, code: 5, text: "hold: nothing heard for 9 s" },
  },
  reach: "down",
  freshness: {
    state: "stale",
    endMarkAgoMs: HOUR,
    digestAgoMs: 60_000,
    lag: 3,
    oldestUnackedMs: 9_000,
    digestRepairs: 1,
  },
};

const { address: _, ...unaddressed } = synced;
const silent: PeerRecord = {
  ...unaddressed,
  node: "hub.initech.catalyst.internal",
  organization: "initech.catalyst.internal",
  role: "provider",
  session: { state: "idle", waits: "peer", flaps: 0 },
  reach: "unknown",
  freshness: { state: "none", lag: 0, digestRepairs: 0 },
  routes: { received: 0, accepted: 0, best: 0, advertised: 0, rejected: 0, max: 100_000 },
};

export const PEERS: readonly PeerRecord[] = [synced, away, silent];

const route: RouteRecord = {
  name: "reviews.globex.catalyst.internal",
  protocol: "http:graphql",
  table: "external",
  use: "best",
  peer: synced.node,
  origin: synced.node,
  path: [synced.node],
  health: "up",
  freshness: "fresh",
  scope: "direct",
};

const { peer: __, ...own } = route;
export const ROUTES: readonly RouteRecord[] = [
  { ...own, name: "books.acme.catalyst.internal", table: "local", path: [] },
  route,
  { ...route, table: "internal", use: "alternate", peer: away.node, path: [away.node, synced.node], freshness: "stale" },
  { ...route, name: "pay.globex.catalyst.internal", use: "hidden", health: "down", reason: "import-default" },
];

export const DIFFERENCES: readonly PeerDifference[] = [
  {
    peer: synced.node,
    imports: {
      gained: ["pay.globex.catalyst.internal"],
      lost: Array.from({ length: 22 }, (_each, at) => `s${at}.globex.catalyst.internal`),
      changed: [],
    },
    exports: { gained: [], lost: [], changed: ["books.acme.catalyst.internal"] },
  },
  {
    peer: away.node,
    imports: { gained: [], lost: [], changed: [] },
    exports: { gained: [], lost: [], changed: [] },
  },
];
