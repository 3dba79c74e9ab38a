// What the configuration says about other nodes: where they reach this one, who they are, and which services go which way. The
// values are those of the routing room (route.ts, rule.ts), in the words of a user; `peerOf` in peer-defaults.ts fills in what
// follows from the kind of a peer. What several keys must be true of together stands in check-peering.ts.

import { z } from "zod";
import { address, duration, fileOf, size } from "./codecs.ts";
import { nodeName, pattern, serviceName } from "./names.ts";

const advertise = (what: string) =>
  address().optional().describe(`how others reach it, where that is not ${what}`);

export const egress = z.strictObject({
  listen: address()
    .default("127.0.0.1:10001")
    .describe("where local programs call services of other nodes, with the service's name as host"),
  insecure: z.boolean().default(false).describe("allow an address beyond loopback"),
});

export const peerListener = z.strictObject({
  listen: address().optional().describe("where other nodes' calls come in, mTLS; absent = none do"),
  advertise: advertise("peer.listen"),
});

export const controlListener = z.strictObject({
  listen: address().optional().describe("where peers open sessions, mTLS; absent = this node dials"),
  advertise: advertise("control.listen"),
});

export const tls = z.strictObject({
  cert: fileOf("certificate chain of this node, PEM; default certs/node.pem in the data directory"),
  key: fileOf("its private key, PEM; default keys/node.key in the data directory"),
  trust: fileOf("CA certificates of the own organization; default certs/trust.pem in the data directory"),
});

export const peer = z.strictObject({
  node: nodeName.describe("its full name; what follows the first dot is its organization"),
  kind: z
    .enum(["internal", "external"])
    .optional()
    .describe("default internal for the own organization, else external"),
  role: z
    .enum(["internal", "provider", "customer", "lateral"])
    .optional()
    .describe("what it is to us (RFC 9234); default internal or lateral, by its kind"),
  address: address().optional().describe("its control listener; absent = it dials us"),
  trust: fileOf("certs/trust.pem of its organization, PEM")
    .optional()
    .describe("CA certificates of another organization"),
  onLoss: z
    .enum(["keep", "depreference", "withdraw"])
    .default("depreference")
    .describe("what becomes of its routes when the session is lost without a word"),
  hold: duration({ min: "1s", max: "5m" })
    .optional()
    .describe("silence after which it counts as lost; default 9s internal, 30s external"),
  limits: z
    .strictObject({
      routes: z.int().min(1).max(1_000_000).optional().describe("most routes; default 1000000 or 100000"),
      rate: z
        .int()
        .min(1)
        .max(1_000_000)
        .optional()
        .describe("routes a second, averaged over 10 s; default 200000 or 20000"),
      bytes: size({ min: "1KiB" }).optional().describe("of routes held; default 1GiB or 64MiB"),
      pathLength: z.int().min(1).max(32).optional().describe("most nodes on the way; default 32"),
    })
    .prefault({})
    .describe("most that is taken from it; defaults internal or external"),
});

const scope = z.enum(["node", "organization", "direct", "transitive"]);
const community = z
  .string()
  .max(256)
  .regex(
    /^-?[^\s:*-][^\s:*]*:[^\s*]+$/,
    'must be "organization:name", or with a leading "-" to take it away',
  );

/** Of the route; all that is given must hold. */
const matched = {
  role: z
    .enum(["internal", "provider", "customer", "lateral"])
    .optional()
    .describe("what the other side is to us"),
  key: pattern.optional().describe("the service's full name, or a pattern"),
  protocol: z.enum(["http", "http:graphql", "http:grpc", "tcp", "udp"]).optional().describe("its protocol"),
  community: z.string().min(1).max(256).optional().describe("a community of the route, or a pattern"),
  scope: scope.optional().describe("the route's scope"),
  origin: pattern.optional().describe("organization that offers the service, or a pattern"),
};

const changed = {
  localPreference: z
    .int()
    .min(0)
    .max(1_000_000)
    .optional()
    .describe("higher comes first; kept inside the band of the peer's role"),
  cost: z.int().min(0).max(1_000_000_000).optional().describe("lower comes first inside one organization"),
  communities: z
    .array(community)
    .min(1)
    .max(64)
    .optional()
    .describe("added to the route's, or taken away with a leading -"),
  scope: scope.optional().describe("narrows how far the route goes"),
};

const action = z
  .enum(["accept", "reject"])
  .describe("what becomes of it; the first rule that matches decides");
const unsafe = z.boolean().default(false).describe("allow a local preference outside the role's band");
const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

export const importRule = z.strictObject({
  peer: pattern.optional().describe("node that tells it, or a pattern"),
  match: z
    .strictObject({ organization: pattern.optional().describe("organization of that node"), ...matched })
    .prefault({})
    .describe("which routes; all that is given must hold"),
  action,
  set: z
    .strictObject({
      ...changed,
      alias: serviceName.optional().describe("own name under which the service is reached as well"),
    })
    .optional()
    .describe("what of the route is changed"),
  graph: z
    .strictObject({
      prefix: z
        .string()
        .max(64)
        .regex(NAME, "must be a GraphQL name")
        .optional()
        .describe("of its types and fields"),
      shared: z
        .array(z.string().max(256).regex(NAME, "must be a GraphQL name"))
        .max(1_000)
        .optional()
        .describe("types that are the same here and there"),
    })
    .optional()
    .describe("how a GraphQL service of another organization joins the graph; absent = it does not"),
  unsafe,
});

export const exportRule = z.strictObject({
  peer: pattern.optional().describe("node that is told, or a pattern"),
  to: pattern.optional().describe("organization that is told, or a pattern"),
  match: z.strictObject(matched).prefault({}).describe("which routes; all that is given must hold"),
  action,
  set: z.strictObject(changed).optional().describe("what of the route is changed"),
  unsafe,
});

export type PeerConfig = z.output<typeof peer>;
export type ImportRuleConfig = z.output<typeof importRule>;
export type ExportRuleConfig = z.output<typeof exportRule>;
