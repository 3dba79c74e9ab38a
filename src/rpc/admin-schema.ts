// Run-time check of what may be said to the admin interface: one schema per verb. Whoever opens the socket is the operator, but
// a mistyped argument must be named, never half obeyed. What a service may look like is checked by the configuration's schema.

import { z } from "zod";
import type { AdminApi, AdminVerb, AdminVerbs, EventRecord } from "./admin.ts";
import { callback } from "./callback.ts";
import type { Methods } from "./expose.ts";

const none = z.strictObject({});
const name = z.string().min(1).max(253);
const id = z.string().min(1).max(128);
const text = z.string().min(1).max(512);
const scopes = z.array(z.string().min(1).max(512)).max(1_000);
const millis = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const short = z.string().min(1).max(64);

const serviceAdd = z.strictObject({
  name,
  protocol: short,
  endpoints: z.array(z.string().min(1).max(2_048)).min(1).max(64),
  probe: z
    .strictObject({
      kind: short.exactOptional(),
      path: z.string().max(1_024).exactOptional(),
      interval: short.exactOptional(),
      timeout: short.exactOptional(),
      up: z.number().exactOptional(),
      down: z.number().exactOptional(),
    })
    .exactOptional(),
  ingress: z
    .strictObject({
      prefix: z.string().max(256).exactOptional(),
      stripPrefix: z.boolean().exactOptional(),
      host: z.string().max(253).exactOptional(),
    })
    .exactOptional(),
  timeout: short.exactOptional(),
  labels: z.record(z.string().max(64), z.string().max(256)).exactOptional(),
  waitMs: millis.max(300_000).exactOptional(),
});

const address = z.string().min(3).max(300);
const role = z.enum(["internal", "provider", "customer", "lateral"]);
const count = z.number().int().min(1).max(100_000_000_000);
/** As many as the configuration may have. */
const rules = z.array(z.unknown()).max(10_000);
const ruleAdd = z.strictObject({ rule: z.unknown(), before: id.exactOptional() });
const ruleTest = z.strictObject({
  name: name.exactOptional(),
  peer: name.exactOptional(),
  limit: z.number().int().min(1).max(100_000).exactOptional(),
});
const exported = z.strictObject({ name, to: name.exactOptional() });

const peerAdd = z.strictObject({
  node: name,
  address: address.exactOptional(),
  kind: z.enum(["internal", "external"]).exactOptional(),
  role: role.exactOptional(),
  trust: z
    .string()
    .max(256 * 1024)
    .exactOptional(),
  onLoss: z.enum(["keep", "depreference", "withdraw"]).exactOptional(),
  hold: short.exactOptional(),
  limits: z
    .strictObject({
      routes: count.exactOptional(),
      rate: count.exactOptional(),
      bytes: count.exactOptional(),
      pathLength: count.exactOptional(),
    })
    .exactOptional(),
});

type Schemas = { readonly [V in AdminVerb]: z.ZodType<AdminVerbs[V]["args"]> };

const SCHEMAS: Schemas = {
  identity: none,
  status: none,
  check: none,
  "service.list": none,
  "service.show": z.strictObject({ name }),
  "service.add": serviceAdd,
  "service.remove": z.strictObject({ name }),
  "apikey.create": z.strictObject({
    principal: z.string().min(1).max(256),
    scopes: scopes.exactOptional(),
    expiresInMs: millis.min(1).exactOptional(),
  }),
  "apikey.list": none,
  "apikey.revoke": z.strictObject({ id }),
  "apikey.rotate": z.strictObject({ id, overlapMs: millis.exactOptional() }),
  "token.mint": z.strictObject({
    sub: z.string().min(1).max(256),
    aud: text.exactOptional(),
    scope: scopes.exactOptional(),
    ttlSeconds: z.number().int().min(1).max(900).exactOptional(),
  }),
  "token.verify": z.strictObject({ token: z.string().max(8_192) }),
  "key.list": none,
  "key.rotate": z.strictObject({ now: z.boolean().exactOptional() }),
  "key.revoke": z.strictObject({ kid: id }),
  "key.jwks": none,
  "envoy.status": none,
  "envoy.config": z.strictObject({ type: text.exactOptional(), name: text.exactOptional() }),
  "config.show": none,
  "peer.list": none,
  "peer.show": z.strictObject({ node: name }),
  "peer.add": peerAdd,
  "peer.remove": z.strictObject({ node: name }),
  "peer.up": z.strictObject({ node: name }),
  "peer.down": z.strictObject({ node: name, reason: z.string().min(1).max(200).exactOptional() }),
  "peer.refresh": z.strictObject({ node: name }),
  "peer.diff": z.strictObject({ imports: rules.exactOptional(), exports: rules.exactOptional() }),
  "route.list": z.strictObject({
    table: z.enum(["internal", "external", "local"]).exactOptional(),
    in: name.exactOptional(),
    out: name.exactOptional(),
    rejected: z.boolean().exactOptional(),
    limit: z.number().int().min(1).max(100_000).exactOptional(),
  }),
  "route.show": z.strictObject({ name }),
  "route.explain": z.strictObject({ name }),
  "import.list": none,
  "import.add": ruleAdd,
  "import.remove": z.strictObject({ id }),
  "import.test": ruleTest,
  "export.list": none,
  "export.add": ruleAdd,
  "export.remove": z.strictObject({ id }),
  "export.test": ruleTest,
  "service.export": exported,
  "service.unexport": exported,
  events: z.strictObject({
    after: millis.exactOptional(),
    limit: z.number().int().min(1).max(4_096).exactOptional(),
  }),
};

export const ADMIN_VERBS = Object.keys(SCHEMAS) as readonly AdminVerb[];

/** What an API that dispatches by verb may be called with: the verb exists and its arguments fit. */
const verbCall = z
  .tuple([z.enum(ADMIN_VERBS as [AdminVerb, ...AdminVerb[]]), z.unknown()])
  .transform((words, context) => {
    const [verb, args] = words;
    const parsed = SCHEMAS[verb].safeParse(args ?? {});
    if (parsed.success) return [verb, parsed.data] as const;
    for (const issue of parsed.error.issues)
      context.addIssue({ code: "custom", message: issue.message, path: [...issue.path] });
    return z.NEVER;
  });

export const adminMethods: Required<Methods<AdminApi>> = {
  // Which arguments belong to which verb is what the schema checks; the type of a generic method cannot say it.
  call: verbCall as unknown as Required<Methods<AdminApi>>["call"],
  follow: z.tuple([
    z.strictObject({ after: millis.exactOptional() }),
    callback<(events: readonly EventRecord[]) => void>(),
  ]),
};
