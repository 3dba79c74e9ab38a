// The one schema of a node's configuration: files, environment and flags all end here. Each leaf has a description; `meta`
// says how flag and environment variable are called where not by rule (`flag`, `env`), whether the value is secret (`secret`)
// and whether it needs a restart (`reload`: "boot", the default) or becomes an event ("live"). tools/generate.ts derives the
// JSON Schema, the flag table and docs/reference/configuration.md from it. What concerns several keys stands in check.ts.
// A new subject is a new key here, and nothing else: flags, environment, documents and the parity test follow.

import * as z from "zod/mini";
import { about, address, duration, fileOf, module, path, size } from "./codecs.ts";
import { domain, nodeLabel, serviceName } from "./names.ts";
import { controlListener, egress, exportRule, importRule, peer, peerListener, tls } from "./peering.ts";

declare module "zod/v4/core" {
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
  .union([
    file,
    z.strictObject({ env: about(z.string().check(z.minLength(1)), "name of an environment variable") }),
  ])
  .register(z.globalRegistry, { secret: true });

/** Whatever shows a configuration shows its addresses. */
const outside = z
  .url({ protocol: /^https?$/ })
  .check(z.refine((text) => !/\/\/[^/?#]*@/.test(text), "must hold no user and no password"));

const httpUrl = z.string().check(
  z.maxLength(2048),
  z.regex(/^http:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/, {
    error: "must be an http:// URL without user, query or fragment",
    abort: true,
  }),
  z.refine((text) => URL.canParse(text), "must be a URL"),
);

export const PROTOCOLS = ["http", "http:graphql", "http:gql", "graphql", "graphql-http"] as const;

export const probe = z.strictObject({
  kind: about(
    z.optional(z.enum(["http", "tcp", "graphql", "none"])),
    "how to ask; default graphql for http:graphql, else tcp",
  ),
  path: about(
    z.optional(z.string().check(z.startsWith("/"), z.maxLength(1024))),
    "path asked by an http probe",
  ),
  interval: about(z.prefault(duration({ min: "100ms", max: "1h" }), "2s"), "time between two probes"),
  timeout: about(z.prefault(duration({ min: "10ms", max: "1m" }), "1s"), "time an answer may take"),
  up: about(
    z._default(z.int().check(z.minimum(1), z.maximum(100)), 1),
    "good answers in a row until it is up",
  ),
  down: about(
    z._default(z.int().check(z.minimum(1), z.maximum(100)), 3),
    "bad answers in a row until it is down",
  ),
});

export const ingress = z.strictObject({
  prefix: about(
    z.optional(
      z
        .string()
        .check(
          z.regex(/^\/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-]$/, "must start with / and not end with /"),
          z.maxLength(256),
        ),
    ),
    "path prefix at ingress",
  ),
  stripPrefix: about(z._default(z.boolean(), false), "take the prefix off before the service sees the path"),
  host: about(z.optional(domain), "further host name; the service's full name always works"),
});

export const service = z.strictObject({
  name: about(serviceName, "short name, or full name inside the organization"),
  protocol: about(z.enum(PROTOCOLS), "what it speaks"),
  endpoint: about(z.optional(httpUrl), "its URL"),
  endpoints: about(
    z.optional(z.array(httpUrl).check(z.minLength(1), z.maxLength(64))),
    "its URLs, when it has several",
  ),
  probe: about(z.prefault(probe, {}), "how its health is found out"),
  ingress: about(z.optional(ingress), "where an http service appears at ingress"),
  timeout: about(z.prefault(duration({ min: "10ms", max: "1h" }), "5s"), "time one call may take"),
  export: about(z._default(z.boolean(), false), "offer it to direct peers"),
  labels: about(
    z.optional(z.record(z.string().check(z.maxLength(64)), z.string().check(z.maxLength(256)))),
    "free labels",
  ),
});

export const schema = z.strictObject({
  organization: about(
    z._default(domain, "local.catalyst.internal"),
    "trust domain; names of own services end in it",
  ),
  // CATALYST_NODE is the Node binary of the launcher script (./catalyst).
  node: about(z.optional(nodeLabel), "name of this node inside the organization; default: the host name", {
    env: "CATALYST_NODE_NAME",
  }),
  dataDir: about(
    z.optional(path()),
    "where state, keys and sockets live; default ~/.local/share/catalyst/<node>",
  ),
  processes: about(
    z._default(z.enum(["split", "one"]), "split"),
    "parts as processes of their own, or in one",
  ),
  drain: about(z.prefault(duration({ max: "10m" }), "3s"), "time given to clients on stop"),
  ingress: about(
    z.prefault(
      z.strictObject({
        listen: about(z._default(address(), "127.0.0.1:10000"), "where clients come in"),
        tls: about(
          z.optional(
            z.strictObject({
              cert: fileOf("certificate chain, PEM"),
              key: fileOf("private key, PEM, readable by the owner only"),
            }),
          ),
          "certificate of the ingress listener",
        ),
        insecure: about(z._default(z.boolean(), false), "allow an address beyond loopback without TLS"),
        bodyLimit: about(z.prefault(size({ min: "1KiB" }), "1MiB"), "largest request body"),
      }),
      {},
    ),
    "listener for clients",
  ),
  egress: about(z.prefault(egress, {}), "listener for calls to other nodes"),
  peer: about(z.prefault(peerListener, {}), "listener for calls from other nodes"),
  control: about(z.prefault(controlListener, {}), "listener for sessions of peers"),
  tls: about(z.optional(tls), "by what this node is known to peers"),
  identity: about(
    z.prefault(
      z.strictObject({
        mode: about(
          z._default(z.enum(["own", "jwks", "none"]), "own"),
          "whose tokens are accepted; none = no authentication, of clients and of peers, for connectivity tests",
        ),
        jwks: about(
          z.optional(
            z.union([
              file,
              z.strictObject({
                url: about(outside, "where the key set is fetched"),
                issuer: about(z.string().check(z.minLength(1), z.maxLength(512)), "expected iss"),
                insecure: about(z._default(z.boolean(), false), "allow http and private addresses"),
              }),
            ]),
          ),
          "keys of another issuer, for mode jwks",
        ),
        issuer: about(
          z.optional(z.string().check(z.minLength(1), z.maxLength(512))),
          "expected iss of tokens when the keys come from a file",
        ),
        audience: about(
          z.optional(z.string().check(z.minLength(1), z.maxLength(512))),
          "expected aud; default: the organization",
        ),
      }),
      {},
    ),
    "who is asking",
  ),
  envoy: about(
    z.prefault(
      z.strictObject({
        path: about(z.optional(path()), "Envoy binary to use instead of the pinned one", {
          flag: "envoy-path",
        }),
        concurrency: about(
          z.optional(z.int().check(z.minimum(1), z.maximum(256))),
          "worker threads; default: one per processor, at most 4",
        ),
        disabled: about(
          z._default(z.boolean(), false),
          "run without Envoy: the gateway listens at ingress itself",
        ),
      }),
      {},
    ),
    "data plane",
  ),
  gateway: about(
    z.prefault(
      z.strictObject({
        requestTimeout: about(
          z.prefault(duration({ min: "10ms", max: "1h" }), "15s"),
          "deadline of a whole GraphQL request",
        ),
        introspection: about(z._default(z.boolean(), true), "answer introspection queries"),
        depth: about(z._default(z.int().check(z.minimum(1), z.maximum(1000)), 20), "deepest selection"),
        aliases: about(
          z._default(z.int().check(z.minimum(0), z.maximum(10_000)), 100),
          "most aliases in a document",
        ),
        tokens: about(
          z._default(z.int().check(z.minimum(10), z.maximum(100_000)), 4000),
          "most tokens in a document",
        ),
        documentLimit: about(z.prefault(size({ min: "256B", max: "16MiB" }), "64KiB"), "largest document"),
        batch: about(
          z._default(z.int().check(z.minimum(1), z.maximum(100)), 10),
          "most operations in one request",
        ),
      }),
      {},
    ),
    "GraphQL gateway",
  ),
  services: about(z.prefault(z.array(service).check(z.maxLength(10_000)), []), "services this file owns", {
    flag: "service",
    ...live,
  }),
  peers: about(z.prefault(z.array(peer).check(z.maxLength(1_000)), []), "nodes to exchange services with", {
    flag: "peer",
    ...live,
  }),
  imports: about(
    z.prefault(z.array(importRule).check(z.maxLength(10_000)), []),
    "rules for what peers offer; without one an external peer's services stay out",
    { flag: "import", ...live },
  ),
  exports: about(
    z.prefault(z.array(exportRule).check(z.maxLength(10_000)), []),
    "rules for what peers are told; without one an external peer is told nothing",
    { flag: "export", ...live },
  ),
  plugins: about(
    z._default(
      z
        .array(
          z.strictObject({
            use: about(module(), "package name, or path relative to the file"),
            with: about(z.optional(z.unknown()), "the plugin's own settings"),
          }),
        )
        .check(z.maxLength(100)),
      [],
    ),
    "plugins from outside",
    { flag: "plugin" },
  ),
  telemetry: about(
    z.prefault(
      z.strictObject({
        otlp: z.prefault(
          z.strictObject({
            endpoint: about(
              z.optional(outside),
              "OTLP over http/protobuf; absent = no telemetry leaves the node",
            ),
            headers: about(z.optional(z.record(z.string(), secret)), "headers of each export", {
              secret: true,
            }),
            interval: about(
              z.prefault(duration({ min: "100ms", max: "1h" }), "10s"),
              "time between two exports of metrics",
            ),
          }),
          {},
        ),
        sampling: about(
          z._default(z.number().check(z.minimum(0), z.maximum(1)), 0.01),
          "share of requests traced when the caller did not decide",
        ),
      }),
      {},
    ),
    "metrics and traces",
  ),
  log: about(
    z.prefault(
      z.strictObject({
        level: about(
          z._default(z.enum(["debug", "info", "warn", "error"]), "info"),
          "least severe lines written",
        ),
      }),
      {},
    ),
    "logs",
  ),
});

/** The configuration after defaults; durations are milliseconds, sizes bytes. */
export type Config = z.output<typeof schema>;
/** As a user writes it. */
export type ConfigInput = z.input<typeof schema>;
