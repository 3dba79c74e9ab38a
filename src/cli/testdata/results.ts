// One fixed result of each admin verb, with every field in it: golden outputs and the examples of docs/reference/json are made
// from these.

import type { AdminVerb, AdminVerbs, KeyRecord, ServiceRecord } from "#rpc";
import { PEERING_RESULTS, PEERS } from "./peerings.ts";

const NOON = Date.UTC(2026, 2, 1, 12, 0, 0);
const KID = "0vPm3n2QeS4hYb7tJcW1kRxZ8aLd5fGu9oTiNwVqE6I";

const books: ServiceRecord = {
  name: "books.acme.catalyst.internal",
  protocol: "http:graphql",
  health: "up",
  owner: { kind: "config", file: "/etc/catalyst/catalyst.json", line: 12 },
  endpoints: [
    { url: "http://127.0.0.1:5001/graphql", health: "up" },
    { url: "http://127.0.0.1:5002/graphql", health: "down", reason: "connection refused by 127.0.0.1:5002" },
  ],
  schema: "bqN6LMAbqJpTo-r9H1_XMUxaB_LjMEMK7s0FC3F24jQ",
  reach: ["http://127.0.0.1:10000/graphql"],
  quarantine: [],
  revision: 7,
};

const files: ServiceRecord = {
  name: "files.acme.catalyst.internal",
  protocol: "http",
  health: "down",
  owner: { kind: "admin" },
  endpoints: [{ url: "http://127.0.0.1:5003", health: "down", reason: "no answer within 1 s" }],
  ingress: { prefix: "/files", host: "files.example.org", stripPrefix: true },
  reach: ["http://127.0.0.1:10000/files", "http://files.example.org:10000/"],
  quarantine: [],
  revision: 9,
};

const reviews: ServiceRecord = {
  name: "reviews.acme.catalyst.internal",
  protocol: "http:graphql",
  health: "up",
  owner: { kind: "sdk" },
  endpoints: [{ url: "http://127.0.0.1:5004/graphql", health: "up", lease: { id: "l1", expiresInMs: 12_400 } }],
  reach: ["http://127.0.0.1:10000/graphql"],
  quarantine: [
    { by: "gateway", code: "ERR_SCHEMA_CONFLICT", text: "Book.title is a String here and an Int in books" },
  ],
  revision: 11,
};

const active: KeyRecord = { kid: KID, alg: "ES384", state: "active", createdAt: NOON, activeAt: NOON + 60_000 };
const retiring: KeyRecord = {
  kid: "x9QwErTyUiOpAsDfGhJkLzXcVbNm1234567890abcde",
  alg: "ES384",
  state: "retiring",
  createdAt: NOON - 86_400_000,
  activeAt: NOON - 86_000_000,
  removeAt: NOON + 9_000_000,
};

const ci = {
  id: "4f7kQ2mZp0Ab",
  principal: "ci",
  scopes: ["books", "reviews"],
  createdBy: "admin",
  createdAt: NOON,
  notBefore: NOON,
  expiresAt: NOON + 7 * 86_400_000,
  lastUsedDay: "2026-03-01",
  state: "active",
} as const;

const created = { ...ci, key: `cat_live_${ci.id}_${"s".repeat(43)}c0ffee` } as const;

export const RESULTS: { readonly [V in AdminVerb]: AdminVerbs[V]["result"] } = {
  identity: {
    node: "edge1.acme.catalyst.internal",
    organization: "acme.catalyst.internal",
    identity: "own",
    version: "1.2.3",
  },
  status: {
    node: "edge1.acme.catalyst.internal",
    organization: "acme.catalyst.internal",
    version: "1.2.3",
    pid: 4_200,
    uptimeMs: 11_045_000,
    processes: "split",
    dataDir: "/var/lib/catalyst",
    health: "degraded",
    problems: [
      {
        code: "ERR_SCHEMA_CONFLICT",
        text: "reviews.acme.catalyst.internal is left out by gateway: Book.title is a String here and an Int in books",
        hint: "catalyst service show reviews",
      },
      { code: "ERR_PROBE_FAILED", text: "files.acme.catalyst.internal is down: no answer within 1 s" },
    ],
    identity: "own",
    envoy: "on",
    ingress: "http://127.0.0.1:10000",
    parts: [
      { name: "auth", state: "ready", pid: 4_201, restarts: 0, uptimeMs: 11_044_000 },
      { name: "orchestrator", state: "ready", pid: 4_202, restarts: 1, uptimeMs: 61_000 },
      { name: "gateway", state: "starting", pid: 4_203, restarts: 3, uptimeMs: 150, reason: "waits for its graph" },
      { name: "envoy", state: "ready", pid: 4_204, restarts: 0, uptimeMs: 11_040_000 },
    ],
    revision: 42,
    services: { total: 3, up: 2, down: 1, quarantined: 1 },
    plugins: [
      { name: "registry", builtIn: true, state: "ok", failures: 0 },
      { name: "tags", builtIn: false, state: "disabled", failures: 5, lastError: "no tag of this name" },
    ],
    effects: { pending: 1, failing: [{ key: "graph graph", code: "ERR_COMPOSE_TIMEOUT", text: "took over 5 s" }] },
    peering: { peers: 3, synced: 1, stale: 1, listens: "0.0.0.0:7443", between: "certificate", shown: PEERS },
    gateway: {
      serving: 41,
      hash: "h41",
      services: ["books.acme.catalyst.internal"],
      quarantined: [],
      generationsAlive: 1,
      requestsActive: 2,
      documents: 17,
      swaps: 3,
      uptimeMs: 11_000_000,
    },
    auth: {
      issuer: "edge1.acme.catalyst.internal",
      audience: "acme.catalyst.internal",
      mode: "own",
      activeKid: KID,
      keys: 2,
      apiKeys: 1,
    },
    record: "/tmp/events.rec",
  },
  check: [
    { name: "gateway", description: "the gateway part is ready", ok: true, severity: "fatal", text: "ready" },
    {
      name: "services",
      description: "every service is up and served",
      ok: false,
      severity: "warning",
      text: "files",
      hint: "catalyst service list",
    },
    {
      name: "ingress",
      description: "clients get an answer at ingress",
      ok: false,
      severity: "fatal",
      text: "GET http://127.0.0.1:10000/healthz: 503",
      hint: "catalyst status",
    },
  ],
  ...PEERING_RESULTS,
  "service.list": [books, files, reviews],
  "service.show": reviews,
  "service.add": files,
  "service.remove": { name: "files.acme.catalyst.internal", revision: 43 },
  "apikey.create": created,
  "apikey.list": [ci, { ...ci, id: "9zYxWvUtSrQp", principal: "old", scopes: ["*"], revokedAt: NOON, state: "revoked" }],
  "apikey.revoke": { ...ci, revokedAt: NOON, state: "revoked" },
  "apikey.rotate": created,
  "token.mint": { token: `eyJhbGciOiJFUzM4NCJ9.eyJzdWIiOiJhZGEifQ.${"s".repeat(128)}`, kid: KID, expiresAt: NOON / 1_000 + 300 },
  "token.verify": {
    ok: true,
    kid: KID,
    claims: {
      iss: "edge1.acme.catalyst.internal",
      sub: "ada",
      aud: "acme.catalyst.internal",
      iat: NOON / 1_000,
      exp: NOON / 1_000 + 300,
      jti: "j1",
      client_id: "ada",
      scope: "*",
    },
  },
  "key.list": [active, retiring],
  "key.rotate": active,
  "key.revoke": { ...retiring, state: "removed" },
  "key.jwks": {
    revision: 3,
    issuer: "edge1.acme.catalyst.internal",
    audience: "acme.catalyst.internal",
    keys: [{ kty: "EC", kid: KID, alg: "ES384", use: "sig", crv: "P-384", x: "x", y: "y" }],
  },
  "envoy.status": {
    state: "ready",
    version: "1.40.0",
    connected: true,
    connectedForMs: 11_040_000,
    types: [
      { type: "type.googleapis.com/envoy.config.cluster.v3.Cluster", resources: 4, acknowledged: 4, refused: [], lastAckMs: 2, nacks: 0 },
      {
        type: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        resources: 2,
        acknowledged: 1,
        refused: [{ name: "ingress", text: "Only unique values for domains are permitted" }],
        nacks: 1,
      },
    ],
  },
  "envoy.config": [
    {
      type: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
      name: "gateway",
      version: "3f2a9c0b1d4e5f60",
      acknowledged: true,
      resource: { name: "gateway", connect_timeout: "1s" },
    },
  ],
  "config.show": {
    config: {
      organization: "acme.catalyst.internal",
      node: "edge1",
      drain: 3_000,
      identity: { mode: "own" },
      services: [{ name: "books", protocol: "http:graphql", probe: { interval: 2_000 } }],
    },
    origin: {
      organization: "/etc/catalyst/catalyst.json:1:20",
      node: "--node",
      drain: "CATALYST_DRAIN",
      services: "/etc/catalyst/catalyst.json:11:15",
      "services[0]": "/etc/catalyst/catalyst.json:12:5",
    },
  },
  events: [
    { sequence: 40, at: NOON, revision: 41, kind: "service.added", text: "files added (http, admin)", subject: "files" },
    { sequence: 41, at: NOON + 125, revision: 42, kind: "service.down", text: "files is down: no answer within 1 s" },
  ],
};
