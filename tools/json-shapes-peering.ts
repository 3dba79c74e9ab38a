// The shapes of `--json` of the verbs about other nodes; a part of json-shapes.ts, which says what holds for all of them.

import { z } from "zod";
import type { AdminVerbs, PeeringVerbs } from "../src/rpc/index.ts";

const millis = z.number().describe("milliseconds");
const health = z.enum(["up", "down", "unknown"]);
const kind = z.enum(["internal", "external"]);
const role = z.enum(["internal", "provider", "customer", "lateral"]);
const scope = z.enum(["node", "organization", "direct", "transitive"]);
const freshness = z.enum(["fresh", "stale", "long-stale"]);
const owner = z.object({
  kind: z.string().describe("config or admin"),
  file: z.string().exactOptional(),
  line: z.number().exactOptional(),
});

export const peerShape = z.object({
  node: z.string(),
  organization: z.string(),
  kind,
  role: role.describe("what it is to us"),
  owner,
  address: z.string().exactOptional().describe("where it is dialled; absent = it dials this node"),
  onLoss: z.enum(["keep", "depreference", "withdraw"]),
  session: z.object({
    state: z.enum(["idle", "connecting", "opening", "syncing", "synced", "closing"]),
    forMs: millis.exactOptional(),
    dialled: z.boolean().exactOptional().describe("by this node"),
    waits: z.enum(["retry", "operator", "down", "peer"]).exactOptional(),
    retryInMs: millis.exactOptional(),
    flaps: z.number(),
    last: z
      .object({ agoMs: millis, code: z.number().exactOptional(), text: z.string() })
      .exactOptional()
      .describe("why the last session or attempt ended"),
  }),
  reach: health.describe("whether its Envoy answers"),
  freshness: z.object({
    state: z.enum(["fresh", "stale", "long-stale", "none"]),
    endMarkAgoMs: millis.exactOptional().describe("since it last told everything"),
    digestAgoMs: millis.exactOptional().describe("since the sums were last found equal"),
    lag: z.number().describe("frames told to it that it has not confirmed"),
    oldestUnackedMs: millis.exactOptional(),
    behind: z.number().describe("changes that wait to be told to it"),
    digestRepairs: z.number(),
  }),
  certificateEnds: z.number().exactOptional().describe("milliseconds since 1970-01-01 UTC"),
  routes: z.object({
    received: z.number(),
    accepted: z.number().describe("in use: best, or one of the three behind it"),
    best: z.number(),
    advertised: z.number(),
    rejected: z.number().describe("dropped when they came; the last ones"),
    max: z.number(),
    limit: z.object({ state: z.enum(["near", "over"]), text: z.string() }).exactOptional(),
  }),
});

const difference = z.object({
  gained: z.array(z.string()),
  lost: z.array(z.string()),
  changed: z.array(z.string()).describe("there before and after, with other values"),
});

const route = z.object({
  name: z.string(),
  protocol: z.string(),
  table: z.enum(["local", "internal", "external"]),
  use: z.enum(["best", "alternate", "spare", "hidden", "sent", "rejected"]),
  peer: z.string().exactOptional(),
  origin: z.string(),
  path: z.array(z.string()).describe("nodes on the way, nearest first"),
  health,
  freshness,
  scope,
  reason: z.string().exactOptional().describe("why it is not used"),
});

const told = z.array(
  z.object({ peer: z.string(), send: z.boolean(), reason: z.string(), rule: z.string().exactOptional() }),
);
const places = z.record(z.string(), z.string()).describe("where each rule stands, by its id");
const version = z.object({ epoch: z.number(), seq: z.number() });
const graph = z.object({
  prefix: z.string().exactOptional(),
  shared: z.array(z.string()).exactOptional(),
});

const verdict = z.object({
  accept: z.boolean(),
  reason: z.enum(["accepted", "import-denied", "import-default", "leak", "scope", "transit", "lost"]),
  rule: z.string().exactOptional(),
  localPreference: z.number().exactOptional(),
  cost: z.number().exactOptional(),
  communities: z.array(z.string()).exactOptional(),
  scope: scope.exactOptional(),
  alias: z.string().exactOptional(),
  graph: graph.exactOptional(),
  offered: z.literal(true).exactOptional(),
});

const path = z.object({
  use: z.enum(["best", "alternate", "spare", "hidden"]),
  peer: z.string(),
  kind,
  role,
  origin: z.string(),
  protocol: z.enum(["http", "http:graphql", "http:grpc", "tcp", "udp"]),
  version,
  orgPath: z.array(z.string()),
  nodePath: z.array(z.string()),
  nextHop: z.string(),
  nextHopAddress: z.string(),
  notAfter: z.number(),
  verdict,
  freshness,
  health,
  reach: health,
  localPreference: z.number(),
  organizations: z.number(),
  cost: z.number(),
  scope,
  communities: z.array(z.string()),
  onlyToCustomer: z.string().exactOptional(),
  lost: z.object({ to: z.string(), step: z.string() }).exactOptional().describe("to whom, and at which step"),
});

const explanation = z.object({
  key: z.string(),
  candidates: z.array(path).describe("in the order of use; hidden ones last"),
  rejected: z
    .array(
      z.object({ key: z.string(), at: z.number(), reason: z.string(), text: z.string(), peer: z.string() }),
    )
    .describe("dropped when they came"),
  tombstones: z.array(z.object({ key: z.string(), origin: z.string(), version, at: z.number() })),
  node: z.string(),
  at: z.number(),
  told,
  rules: places,
  away: z.array(z.string()).describe("peers without a session"),
  leftOut: z
    .object({ code: z.string(), text: z.string() })
    .exactOptional()
    .describe("why it does not stand in the graph"),
});

const rule = z.object({
  id: z.string().describe("made of its content"),
  place: z.number().describe("from 1, in the order they are asked"),
  owner,
  rule: z
    .object({
      peer: z.string().exactOptional(),
      to: z.string().exactOptional(),
      match: z.record(z.string(), z.string()).exactOptional(),
      action: z.enum(["accept", "reject"]),
      set: z.record(z.string(), z.unknown()).exactOptional(),
      graph: graph.exactOptional(),
      unsafe: z.boolean().exactOptional(),
    })
    .describe("as the configuration has it"),
  routes: z.number().describe("what it decides now"),
});

const ruleTest = z.object({
  name: z.string(),
  peer: z.string(),
  accept: z.boolean(),
  reason: z.string(),
  rule: z.string().exactOptional(),
  at: z.string().exactOptional(),
  told: z.boolean().describe("import: the peer tells it now; export: the peer is told"),
});

const exported = z.object({ name: z.string(), told, rules: places, revision: z.number() });

export const peeringShape = z.object({
  peers: z.number(),
  synced: z.number(),
  stale: z.number().describe("peers whose data is old"),
  listens: z.string().exactOptional(),
  between: z.enum(["certificate", "none"]).describe("how one node proves itself to another one's Envoy"),
  shown: z.array(peerShape).describe("at most 50, those in trouble first"),
});

export const peeringShapes: { readonly [V in keyof PeeringVerbs]: z.ZodType<AdminVerbs[V]["result"]> } = {
  "peer.list": z.array(peerShape),
  "peer.show": peerShape,
  "peer.add": peerShape,
  "peer.remove": z.object({ node: z.string(), revision: z.number() }),
  "peer.up": peerShape,
  "peer.down": peerShape,
  "peer.refresh": peerShape,
  "peer.diff": z.array(z.object({ peer: z.string(), imports: difference, exports: difference })),
  "route.list": z.array(route),
  "route.show": z.array(route),
  // The steps and reasons are words of the decision; the list of them is no contract.
  "route.explain": explanation as unknown as z.ZodType<AdminVerbs["route.explain"]["result"]>,
  "import.list": z.array(rule),
  "import.add": rule,
  "import.remove": rule,
  "import.test": z.array(ruleTest),
  "export.list": z.array(rule),
  "export.add": rule,
  "export.remove": rule,
  "export.test": z.array(ruleTest),
  "service.export": exported,
  "service.unexport": exported,
};
