// The shapes of `--json`, one schema a verb, for docs/reference/json. The compiler holds each against the admin contract
// (src/rpc/admin.ts), a test holds them against the fixed results of the command line's golden files.
// Fields may be added, never renamed: whoever reads them must ignore what they do not know, so objects are open.

import { z } from "zod";
import type { AdminVerb, AdminVerbs, PeeringVerbs } from "../src/rpc/index.ts";
import { peeringShape, peeringShapes } from "./json-shapes-peering.ts";

const millis = z.number().describe("milliseconds");
const moment = z.number().describe("milliseconds since 1970-01-01 UTC");
const health = z.enum(["up", "down", "unknown"]);
const state = z.enum(["starting", "ready", "degraded", "stopped", "backoff", "absent"]);
const quarantine = z.object({ by: z.string(), code: z.string(), text: z.string() });

const service = z.object({
  name: z.string().describe("full name"),
  protocol: z.string(),
  health,
  owner: z.object({
    kind: z.string().describe("config, admin, sdk or plugin"),
    file: z.string().exactOptional(),
    line: z.number().exactOptional(),
    plugin: z.string().exactOptional(),
  }),
  endpoints: z.array(
    z.object({
      url: z.string(),
      health,
      reason: z.string().exactOptional().describe("why it is not up"),
      lease: z.object({ id: z.string(), expiresInMs: millis }).exactOptional(),
    }),
  ),
  ingress: z
    .object({
      prefix: z.string().exactOptional(),
      host: z.string().exactOptional(),
      stripPrefix: z.boolean().exactOptional(),
    })
    .exactOptional(),
  schema: z.string().exactOptional().describe("hash of its GraphQL schema"),
  reach: z.array(z.string()).describe("URLs at which a client reaches it"),
  quarantine: z.array(quarantine).describe("why it is left out, by the part that refused it"),
  revision: z.number().describe("revision of its last change"),
});

const part = z.object({
  name: z.enum(["orchestrator", "auth", "gateway", "envoy"]),
  state,
  pid: z.number().exactOptional(),
  restarts: z.number(),
  uptimeMs: millis.exactOptional(),
  reason: z.string().exactOptional(),
});

const gateway = z.object({
  serving: z.number().describe("revision of the graph in force"),
  hash: z.string(),
  services: z.array(z.string()),
  quarantined: z.array(z.object({ service: z.string(), code: z.string(), text: z.string() })),
  generationsAlive: z.number(),
  requestsActive: z.number(),
  documents: z.number(),
  swaps: z.number(),
  uptimeMs: millis,
});

const auth = z.object({
  issuer: z.string(),
  audience: z.string(),
  mode: z.enum(["own", "jwks", "none"]),
  activeKid: z.string().exactOptional(),
  keys: z.number(),
  apiKeys: z.number(),
  jwksAgeMs: millis.exactOptional(),
  problem: z.string().exactOptional(),
});

const status = z.object({
  node: z.string(),
  organization: z.string(),
  version: z.string(),
  pid: z.number(),
  uptimeMs: millis,
  processes: z.enum(["split", "one"]),
  dataDir: z.string(),
  health: z.enum(["ok", "degraded", "down"]),
  problems: z.array(z.object({ code: z.string(), text: z.string(), hint: z.string().exactOptional() })),
  identity: z.enum(["own", "jwks", "none"]),
  envoy: z.enum(["on", "absent"]),
  ingress: z.string(),
  parts: z.array(part),
  revision: z.number(),
  services: z.object({ total: z.number(), up: z.number(), down: z.number(), quarantined: z.number() }),
  plugins: z.array(
    z.object({
      name: z.string(),
      builtIn: z.boolean(),
      state: z.enum(["ok", "degraded", "disabled"]),
      failures: z.number(),
      lastError: z.string().exactOptional(),
    }),
  ),
  effects: z.object({
    pending: z.number(),
    failing: z.array(z.object({ key: z.string(), code: z.string(), text: z.string() })),
  }),
  peering: peeringShape.exactOptional(),
  gateway: gateway.exactOptional(),
  auth: auth.exactOptional(),
  record: z.string().exactOptional(),
});

const key = z.object({
  kid: z.string(),
  alg: z.string(),
  state: z.enum(["prepared", "published", "active", "retiring", "removed"]),
  createdAt: moment,
  activeAt: moment.exactOptional(),
  removeAt: moment.exactOptional().describe("when it stops verifying"),
});

const apiKey = z.object({
  id: z.string(),
  principal: z.string(),
  scopes: z.array(z.string()),
  createdBy: z.string(),
  createdAt: moment,
  notBefore: moment,
  expiresAt: moment.exactOptional(),
  lastUsedDay: z.string().exactOptional(),
  revokedAt: moment.exactOptional(),
  state: z.enum(["active", "expired", "revoked"]),
});
const apiKeyCreated = apiKey.extend({ key: z.string().describe("the key itself, shown this once") });

const verified = z.union([
  z.object({
    ok: z.literal(true),
    kid: z.string(),
    claims: z.object({
      iss: z.string(),
      sub: z.string(),
      aud: z.string(),
      iat: z.number(),
      exp: z.number(),
      jti: z.string(),
      client_id: z.string().exactOptional(),
      scope: z.string().exactOptional(),
    }),
  }),
  z.object({
    ok: z.literal(false),
    code: z.enum(["ERR_TOKEN_MISSING", "ERR_TOKEN_INVALID", "ERR_TOKEN_EXPIRED"]),
    reason: z.string(),
  }),
]);

const jwk = z.object({
  kty: z.string(),
  kid: z.string(),
  alg: z.string(),
  use: z.literal("sig"),
  crv: z.string().exactOptional(),
  x: z.string().exactOptional(),
  y: z.string().exactOptional(),
  n: z.string().exactOptional(),
  e: z.string().exactOptional(),
});

const envoyStatus = z.object({
  state,
  version: z.string().exactOptional(),
  connected: z.boolean(),
  connectedForMs: millis.exactOptional(),
  types: z.array(
    z.object({
      type: z.string(),
      resources: z.number(),
      acknowledged: z.number(),
      refused: z.array(z.object({ name: z.string(), text: z.string() })),
      lastAckMs: millis.exactOptional(),
      nacks: z.number(),
    }),
  ),
});

type Shapes = {
  readonly [V in Exclude<AdminVerb, "identity" | "key.jwks" | "config.show" | keyof PeeringVerbs>]: z.ZodType<
    AdminVerbs[V]["result"]
  >;
};

const shapes: Shapes = {
  status,
  check: z.array(
    z.object({
      name: z.string(),
      description: z.string(),
      ok: z.boolean(),
      severity: z.enum(["fatal", "warning"]),
      text: z.string(),
      hint: z.string().exactOptional(),
    }),
  ),
  "service.list": z.array(service),
  "service.show": service,
  "service.add": service,
  "service.remove": z.object({ name: z.string(), revision: z.number() }),
  "apikey.create": apiKeyCreated,
  "apikey.list": z.array(apiKey),
  "apikey.revoke": apiKey,
  "apikey.rotate": apiKeyCreated,
  "token.mint": z.object({
    token: z.string(),
    kid: z.string(),
    expiresAt: z.number().describe("Unix seconds"),
  }),
  "token.verify": verified,
  "key.list": z.array(key),
  "key.rotate": key,
  "key.revoke": key,
  "envoy.status": envoyStatus,
  "envoy.config": z.array(
    z.object({
      type: z.string(),
      name: z.string(),
      version: z.string(),
      acknowledged: z.boolean(),
      resource: z.unknown(),
    }),
  ),
  events: z.array(
    z.object({
      sequence: z.number(),
      at: moment,
      revision: z.number(),
      kind: z.string(),
      text: z.string(),
      subject: z.string().exactOptional(),
    }),
  ),
};

/** By the name of the verb as it is typed. */
export const JSON_SHAPES: Readonly<Record<string, z.ZodType>> = {
  ...Object.fromEntries(
    Object.entries({ ...shapes, ...peeringShapes }).map(([verb, shape]) => [verb.replace(".", " "), shape]),
  ),
  "key jwks": z.object({ keys: z.array(jwk) }),
  "token show": z.object({
    header: z.record(z.string(), z.unknown()),
    claims: z.record(z.string(), z.unknown()),
    verified: z.literal(false),
  }),
  init: z.object({
    file: z.string(),
    node: z.string(),
    dataDir: z.string(),
    config: z.unknown(),
    made: z.array(z.string()).describe("files in the data directory"),
    kept: z.array(z.string()).describe("those that were there already"),
    trust: z.string().describe("what each peer is given"),
    certificate: z.object({ spiffeId: z.string(), notAfter: z.number() }).optional(),
  }),
  "config validate": z.object({
    ok: z.literal(true),
    sources: z.array(z.object({ kind: z.enum(["file", "env", "flags"]), names: z.array(z.string()) })),
    services: z.number(),
  }),
  "config flags": z.array(z.string()).describe("arguments of run; with --env an object of variables instead"),
  version: z.object({ catalyst: z.string(), node: z.string(), envoy: z.string(), platform: z.string() }),
  completion: z.object({ shell: z.string(), script: z.string() }),
  error: z
    .object({
      error: z.object({
        code: z.string().describe("one of docs/reference/errors.md"),
        message: z.string(),
        cause: z.string().optional(),
        hint: z.string().optional(),
        see: z.string(),
        detail: z
          .unknown()
          .optional()
          .describe("further facts, by code; ERR_CONFIG_INVALID: the list of problems"),
      }),
    })
    .describe("what any verb writes to standard error when it fails"),
};
