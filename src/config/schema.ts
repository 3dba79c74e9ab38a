// The one schema of a node's configuration: files, environment and flags all end here. Each leaf has a description; `meta`
// says how flag and environment variable are called where not by rule (`flag`, `env`), whether the value is secret (`secret`)
// and whether it needs a restart (`reload`: "boot", the default) or becomes an event ("live"). tools/generate.ts derives the
// JSON Schema, the flag table and docs/reference/configuration.md from it. What concerns several keys stands in check.ts.
// A new subject is a new key here, and nothing else: flags, environment, documents and the parity test follow.

import { z } from "zod";
import { address, duration, fileOf, module, path, size } from "./codecs.ts";
import { domain, nodeLabel, serviceName } from "./names.ts";
import { controlListener, egress, exportRule, importRule, peer, peerListener, tls } from "./peering.ts";

declare module "zod" {
  interface GlobalMeta {
    flag?: string;
    env?: string;
    secret?: boolean;
    reload?: "boot" | "live";
  }
}

const live = { reload: "live" } as const;

const file = fileOf("a file, read at start");
const secret = z
  .union([file, z.strictObject({ env: z.string().min(1).describe("name of an environment variable") })])
  .meta({ secret: true });

/** Whatever shows a configuration shows its addresses. */
const outside = z
  .url({ protocol: /^https?$/ })
  .refine((text) => !/\/\/[^/?#]*@/.test(text), "must hold no user and no password");

const httpUrl = z
  .string()
  .max(2048)
  .regex(/^http:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/, {
    error: "must be an http:// URL without user, query or fragment",
    abort: true,
  })
  .refine((text) => URL.canParse(text), "must be a URL");

export const PROTOCOLS = ["http", "http:graphql", "http:gql", "graphql", "graphql-http"] as const;

export const probe = z.strictObject({
  kind: z
    .enum(["http", "tcp", "graphql", "none"])
    .optional()
    .describe("how to ask; default graphql for http:graphql, else tcp"),
  path: z.string().startsWith("/").max(1024).optional().describe("path asked by an http probe"),
  interval: duration({ min: "100ms", max: "1h" }).prefault("2s").describe("time between two probes"),
  timeout: duration({ min: "10ms", max: "1m" }).prefault("1s").describe("time an answer may take"),
  up: z.int().min(1).max(100).default(1).describe("good answers in a row until it is up"),
  down: z.int().min(1).max(100).default(3).describe("bad answers in a row until it is down"),
});

export const ingress = z.strictObject({
  prefix: z
    .string()
    .regex(/^\/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-]$/, "must start with / and not end with /")
    .max(256)
    .optional()
    .describe("path prefix at ingress"),
  stripPrefix: z.boolean().default(false).describe("take the prefix off before the service sees the path"),
  host: domain.optional().describe("further host name; the service's full name always works"),
});

export const service = z.strictObject({
  name: serviceName.describe("short name, or full name inside the organization"),
  protocol: z.enum(PROTOCOLS).describe("what it speaks"),
  endpoint: httpUrl.optional().describe("its URL"),
  endpoints: z.array(httpUrl).min(1).max(64).optional().describe("its URLs, when it has several"),
  probe: probe.prefault({}).describe("how its health is found out"),
  ingress: ingress.optional().describe("where an http service appears at ingress"),
  timeout: duration({ min: "10ms", max: "1h" }).prefault("5s").describe("time one call may take"),
  export: z.boolean().default(false).describe("offer it to direct peers"),
  labels: z.record(z.string().max(64), z.string().max(256)).optional().describe("free labels"),
});

export const schema = z.strictObject({
  organization: domain
    .default("local.catalyst.internal")
    .describe("trust domain; names of own services end in it"),
  // CATALYST_NODE is the Node binary of the launcher script (./catalyst).
  node: nodeLabel
    .optional()
    .meta({ env: "CATALYST_NODE_NAME" })
    .describe("name of this node inside the organization; default: the host name"),
  dataDir: path()
    .optional()
    .describe("where state, keys and sockets live; default ~/.local/share/catalyst/<node>"),
  processes: z.enum(["split", "one"]).default("split").describe("parts as processes of their own, or in one"),
  drain: duration({ max: "10m" }).prefault("3s").describe("time given to clients on stop"),
  ingress: z
    .strictObject({
      listen: address().default("127.0.0.1:10000").describe("where clients come in"),
      tls: z
        .strictObject({
          cert: fileOf("certificate chain, PEM"),
          key: fileOf("private key, PEM, readable by the owner only"),
        })
        .optional()
        .describe("certificate of the ingress listener"),
      insecure: z.boolean().default(false).describe("allow an address beyond loopback without TLS"),
      bodyLimit: size({ min: "1KiB" }).prefault("1MiB").describe("largest request body"),
    })
    .prefault({})
    .describe("listener for clients"),
  egress: egress.prefault({}).describe("listener for calls to other nodes"),
  peer: peerListener.prefault({}).describe("listener for calls from other nodes"),
  control: controlListener.prefault({}).describe("listener for sessions of peers"),
  tls: tls.optional().describe("by what this node is known to peers"),
  identity: z
    .strictObject({
      mode: z
        .enum(["own", "jwks", "none"])
        .default("own")
        .describe(
          "whose tokens are accepted; none = no authentication, of clients and of peers, for connectivity tests",
        ),
      jwks: z
        .union([
          file,
          z.strictObject({
            url: outside.describe("where the key set is fetched"),
            issuer: z.string().min(1).max(512).describe("expected iss"),
            insecure: z.boolean().default(false).describe("allow http and private addresses"),
          }),
        ])
        .optional()
        .describe("keys of another issuer, for mode jwks"),
      issuer: z
        .string()
        .min(1)
        .max(512)
        .optional()
        .describe("expected iss of tokens when the keys come from a file"),
      audience: z.string().min(1).max(512).optional().describe("expected aud; default: the organization"),
    })
    .prefault({})
    .describe("who is asking"),
  envoy: z
    .strictObject({
      path: path()
        .optional()
        .meta({ flag: "envoy-path" })
        .describe("Envoy binary to use instead of the pinned one"),
      concurrency: z
        .int()
        .min(1)
        .max(256)
        .optional()
        .describe("worker threads; default: one per processor, at most 4"),
      disabled: z
        .boolean()
        .default(false)
        .describe("run without Envoy: the gateway listens at ingress itself"),
    })
    .prefault({})
    .describe("data plane"),
  gateway: z
    .strictObject({
      requestTimeout: duration({ min: "10ms", max: "1h" })
        .prefault("15s")
        .describe("deadline of a whole GraphQL request"),
      introspection: z.boolean().default(true).describe("answer introspection queries"),
      depth: z.int().min(1).max(1000).default(20).describe("deepest selection"),
      aliases: z.int().min(0).max(10_000).default(100).describe("most aliases in a document"),
      tokens: z.int().min(10).max(100_000).default(4000).describe("most tokens in a document"),
      documentLimit: size({ min: "256B", max: "16MiB" }).prefault("64KiB").describe("largest document"),
      batch: z.int().min(1).max(100).default(10).describe("most operations in one request"),
    })
    .prefault({})
    .describe("GraphQL gateway"),
  services: z
    .array(service)
    .max(10_000)
    .prefault([])
    .meta({ flag: "service", ...live })
    .describe("services this file owns"),
  peers: z
    .array(peer)
    .max(1_000)
    .prefault([])
    .meta({ flag: "peer", ...live })
    .describe("nodes to exchange services with"),
  imports: z
    .array(importRule)
    .max(10_000)
    .prefault([])
    .meta({ flag: "import", ...live })
    .describe("rules for what peers offer; without one an external peer's services stay out"),
  exports: z
    .array(exportRule)
    .max(10_000)
    .prefault([])
    .meta({ flag: "export", ...live })
    .describe("rules for what peers are told; without one an external peer is told nothing"),
  plugins: z
    .array(
      z.strictObject({
        use: module().describe("package name, or path relative to the file"),
        with: z.unknown().optional().describe("the plugin's own settings"),
      }),
    )
    .max(100)
    .default([])
    .meta({ flag: "plugin" })
    .describe("plugins from outside"),
  telemetry: z
    .strictObject({
      otlp: z
        .strictObject({
          endpoint: outside
            .optional()
            .describe("OTLP over http/protobuf; absent = no telemetry leaves the node"),
          headers: z
            .record(z.string(), secret)
            .optional()
            .meta({ secret: true })
            .describe("headers of each export"),
          interval: duration({ min: "100ms", max: "1h" })
            .prefault("10s")
            .describe("time between two exports of metrics"),
        })
        .prefault({}),
      sampling: z
        .number()
        .min(0)
        .max(1)
        .default(0.01)
        .describe("share of requests traced when the caller did not decide"),
    })
    .prefault({})
    .describe("metrics and traces"),
  log: z
    .strictObject({
      level: z
        .enum(["debug", "info", "warn", "error"])
        .default("info")
        .describe("least severe lines written"),
    })
    .prefault({})
    .describe("logs"),
});

/** The configuration after defaults; durations are milliseconds, sizes bytes. */
export type Config = z.output<typeof schema>;
/** As a user writes it. */
export type ConfigInput = z.input<typeof schema>;
