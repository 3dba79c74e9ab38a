// What the configuration says about other nodes: where they reach this one, who they are, and which services go which way. The
// values are those of the routing room (route.ts, rule.ts), in the words of a user; `peerOf` in peer-defaults.ts fills in what
// follows from the kind of a peer. What several keys must be true of together stands in check-peering.ts.

import * as z from "zod/mini";
import { about, address, duration, fileOf, size } from "./codecs.ts";
import { nodeName, pattern, serviceName } from "./names.ts";

const advertise = (what: string) =>
  about(z.optional(address()), `how others reach it, where that is not ${what}`);

export const egress = z.strictObject({
  listen: about(
    z._default(address(), "127.0.0.1:10001"),
    "where local programs call services of other nodes, with the service's name as host",
  ),
  insecure: about(z._default(z.boolean(), false), "allow an address beyond loopback"),
});

export const peerListener = z.strictObject({
  listen: about(z.optional(address()), "where other nodes' calls come in, mTLS; absent = none do"),
  advertise: advertise("peer.listen"),
});

export const controlListener = z.strictObject({
  listen: about(z.optional(address()), "where peers open sessions, mTLS; absent = this node dials"),
  advertise: advertise("control.listen"),
});

export const tls = z.strictObject({
  cert: fileOf("certificate chain of this node, PEM; default certs/node.pem in the data directory"),
  key: fileOf("its private key, PEM; default keys/node.key in the data directory"),
  trust: fileOf("CA certificates of the own organization; default certs/trust.pem in the data directory"),
});

export const peer = z.strictObject({
  node: about(nodeName, "its full name; what follows the first dot is its organization"),
  kind: about(
    z.optional(z.enum(["internal", "external"])),
    "default internal for the own organization, else external",
  ),
  role: about(
    z.optional(z.enum(["internal", "provider", "customer", "lateral"])),
    "what it is to us (RFC 9234); default internal or lateral, by its kind",
  ),
  address: about(z.optional(address()), "its control listener; absent = it dials us"),
  trust: about(
    z.optional(fileOf("certs/trust.pem of its organization, PEM")),
    "CA certificates of another organization",
  ),
  onLoss: about(
    z._default(z.enum(["keep", "depreference", "withdraw"]), "depreference"),
    "what becomes of its routes when the session is lost without a word",
  ),
  hold: about(
    z.optional(duration({ min: "1s", max: "5m" })),
    "silence after which it counts as lost; default 9s internal, 30s external",
  ),
  limits: about(
    z.prefault(
      z.strictObject({
        routes: about(
          z.optional(z.int().check(z.minimum(1), z.maximum(1_000_000))),
          "most routes; default 1000000 or 100000",
        ),
        rate: about(
          z.optional(z.int().check(z.minimum(1), z.maximum(1_000_000))),
          "routes a second, averaged over 10 s; default 200000 or 20000",
        ),
        bytes: about(z.optional(size({ min: "1KiB" })), "of routes held; default 1GiB or 64MiB"),
        pathLength: about(
          z.optional(z.int().check(z.minimum(1), z.maximum(32))),
          "most nodes on the way; default 32",
        ),
      }),
      {},
    ),
    "most that is taken from it; defaults internal or external",
  ),
});

const scope = z.enum(["node", "organization", "direct", "transitive"]);
const community = z
  .string()
  .check(
    z.maxLength(256),
    z.regex(
      /^-?[^\s:*-][^\s:*]*:[^\s*]+$/,
      'must be "organization:name", or with a leading "-" to take it away',
    ),
  );

/** Of the route; all that is given must hold. */
const matched = {
  role: about(
    z.optional(z.enum(["internal", "provider", "customer", "lateral"])),
    "what the other side is to us",
  ),
  key: about(z.optional(pattern), "the service's full name, or a pattern"),
  protocol: about(z.optional(z.enum(["http", "http:graphql", "http:grpc", "tcp", "udp"])), "its protocol"),
  community: about(
    z.optional(z.string().check(z.minLength(1), z.maxLength(256))),
    "a community of the route, or a pattern",
  ),
  scope: about(z.optional(scope), "the route's scope"),
  origin: about(z.optional(pattern), "organization that offers the service, or a pattern"),
};

const changed = {
  localPreference: about(
    z.optional(z.int().check(z.minimum(0), z.maximum(1_000_000))),
    "higher comes first; kept inside the band of the peer's role",
  ),
  cost: about(
    z.optional(z.int().check(z.minimum(0), z.maximum(1_000_000_000))),
    "lower comes first inside one organization",
  ),
  communities: about(
    z.optional(z.array(community).check(z.minLength(1), z.maxLength(64))),
    "added to the route's, or taken away with a leading -",
  ),
  scope: about(z.optional(scope), "narrows how far the route goes"),
};

const action = about(z.enum(["accept", "reject"]), "what becomes of it; the first rule that matches decides");
const unsafe = about(z._default(z.boolean(), false), "allow a local preference outside the role's band");
const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

export const importRule = z.strictObject({
  peer: about(z.optional(pattern), "node that tells it, or a pattern"),
  match: about(
    z.prefault(
      z.strictObject({ organization: about(z.optional(pattern), "organization of that node"), ...matched }),
      {},
    ),
    "which routes; all that is given must hold",
  ),
  action,
  set: about(
    z.optional(
      z.strictObject({
        ...changed,
        alias: about(z.optional(serviceName), "own name under which the service is reached as well"),
      }),
    ),
    "what of the route is changed",
  ),
  graph: about(
    z.optional(
      z.strictObject({
        prefix: about(
          z.optional(z.string().check(z.maxLength(64), z.regex(NAME, "must be a GraphQL name"))),
          "of its types and fields",
        ),
        shared: about(
          z.optional(
            z
              .array(z.string().check(z.maxLength(256), z.regex(NAME, "must be a GraphQL name")))
              .check(z.maxLength(1_000)),
          ),
          "types that are the same here and there",
        ),
      }),
    ),
    "how a GraphQL service of another organization joins the graph; absent = it does not",
  ),
  unsafe,
});

export const exportRule = z.strictObject({
  peer: about(z.optional(pattern), "node that is told, or a pattern"),
  to: about(z.optional(pattern), "organization that is told, or a pattern"),
  match: about(z.prefault(z.strictObject(matched), {}), "which routes; all that is given must hold"),
  action,
  set: about(z.optional(z.strictObject(changed)), "what of the route is changed"),
  unsafe,
});

export type PeerConfig = z.output<typeof peer>;
export type ImportRuleConfig = z.output<typeof importRule>;
export type ExportRuleConfig = z.output<typeof exportRule>;
