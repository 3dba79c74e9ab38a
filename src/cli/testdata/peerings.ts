// Peers, routes and differences with every field and state in them, for the golden screens.

import type {
  AdminVerbs,
  PeerDifference,
  PeeringVerbs,
  PeerRecord,
  RouteRecord,
  RuleRecord,
  RuleTest,
  ServiceExport,
} from "#rpc";
import { EXPLANATIONS } from "./explanations.ts";

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
  certificateEnds: Date.UTC(2026, 4, 30, 12, 0, 0),
  freshness: { state: "fresh", endMarkAgoMs: 3 * HOUR, digestAgoMs: 12_000, lag: 0, behind: 0, digestRepairs: 0 },
  routes: { received: 812, accepted: 40, best: 38, advertised: 3, rejected: 1, max: 1_000, limit: { state: "near", text: "812 of 1000 routes" } },
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
  routes: { received: 12, accepted: 12, best: 9, advertised: 40, rejected: 0, max: 1_000_000 },
  freshness: {
    state: "stale",
    endMarkAgoMs: HOUR,
    digestAgoMs: 60_000,
    lag: 3,
    behind: 2,
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
  freshness: { state: "none", lag: 0, behind: 0, digestRepairs: 0 },
  routes: { received: 0, accepted: 0, best: 0, advertised: 0, rejected: 0, max: 100_000 },
};

export const PEERS: readonly PeerRecord[] = [synced, away, silent];

const { certificateEnds: ___, ...uncertified } = synced;
/** As with `identity.mode: none`. */
export const UNPROVEN: PeerRecord = { ...uncertified, unproven: true };

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

const FILE = "/etc/catalyst/catalyst.json";

const imports: readonly RuleRecord[] = [
  {
    id: "a1b2c3d4e5f6",
    place: 1,
    owner: { kind: "config", file: FILE, line: 22 },
    rule: {
      peer: "*.globex.catalyst.internal",
      match: { key: "reviews.globex.catalyst.internal" },
      action: "accept",
      graph: { prefix: "globex", shared: ["Product"] },
    },
    routes: 1,
  },
  {
    id: "0f9e8d7c6b5a",
    place: 2,
    owner: { kind: "admin" },
    rule: {
      match: { organization: "initech.catalyst.internal", role: "provider", community: "initech:beta" },
      action: "reject",
      unsafe: true,
    },
    routes: 0,
  },
];

const exports: readonly RuleRecord[] = [
  {
    id: "77aa77aa77aa",
    place: 1,
    owner: { kind: "admin" },
    rule: {
      to: "globex.catalyst.internal",
      match: { key: "books.acme.catalyst.internal" },
      action: "accept",
      set: { cost: 5, communities: ["acme:public"] },
    },
    routes: 1,
  },
];

const [firstImport, secondImport] = imports;
const [firstExport] = exports;
if (firstImport === undefined || secondImport === undefined || firstExport === undefined) throw new Error("no rules");

const importTests: readonly RuleTest[] = [
  {
    name: "reviews.globex.catalyst.internal",
    peer: synced.node,
    accept: true,
    reason: "accepted",
    rule: firstImport.id,
    at: "imports[0], catalyst.json:22",
    told: true,
  },
  { name: "reviews.globex.catalyst.internal", peer: silent.node, accept: false, reason: "import-default", told: false },
];

const exportTests: readonly RuleTest[] = [
  {
    name: "books.acme.catalyst.internal",
    peer: synced.node,
    accept: true,
    reason: "exported",
    rule: firstExport.id,
    at: "exports[0], added by hand",
    told: true,
  },
  { name: "books.acme.catalyst.internal", peer: silent.node, accept: false, reason: "export-default", told: false },
];

const exported: ServiceExport = {
  name: "books.acme.catalyst.internal",
  told: [
    { peer: synced.node, send: true, reason: "exported", rule: firstExport.id },
    { peer: silent.node, send: false, reason: "export-default" },
  ],
  rules: { [firstExport.id]: "exports[0], added by hand" },
  revision: 44,
};

const [explanation] = Object.values(EXPLANATIONS);
if (explanation === undefined) throw new Error("no explanation");

export const PEERING_RESULTS: { readonly [V in keyof PeeringVerbs]: AdminVerbs[V]["result"] } = {
  "peer.list": PEERS,
  "peer.show": away,
  "peer.add": silent,
  "peer.remove": { node: silent.node, revision: 45 },
  "peer.up": { ...away, session: { state: "connecting", flaps: 2 } },
  "peer.down": { ...away, session: { state: "idle", waits: "down", flaps: 2 } },
  "peer.refresh": synced,
  "peer.diff": DIFFERENCES,
  "route.list": ROUTES,
  "route.show": ROUTES.slice(1),
  "route.explain": explanation,
  "import.list": imports,
  "import.add": secondImport,
  "import.remove": secondImport,
  "import.test": importTests,
  "export.list": exports,
  "export.add": firstExport,
  "export.remove": firstExport,
  "export.test": exportTests,
  "service.export": exported,
  "service.unexport": { ...exported, told: [] },
};
