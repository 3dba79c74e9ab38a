// Run-time check of what may be said to the admin interface: one schema per verb. Whoever opens the socket is the operator, but
// a mistyped argument must be named, never half obeyed. What a service may look like is checked by the configuration's schema.

import type { AdminApi, AdminVerb, AdminVerbs, EventRecord } from "./admin.ts";
import { callback } from "./callback.ts";
import type { Methods } from "./expose.ts";
import { z } from "./zod.ts";

const none = z.strictObject({});
const name = z.string().check(z.minLength(1), z.maxLength(253));
const id = z.string().check(z.minLength(1), z.maxLength(128));
const text = z.string().check(z.minLength(1), z.maxLength(512));
const scopes = z.array(z.string().check(z.minLength(1), z.maxLength(512))).check(z.maxLength(1_000));
const millis = z.int().check(z.minimum(0), z.maximum(Number.MAX_SAFE_INTEGER));
const short = z.string().check(z.minLength(1), z.maxLength(64));

const serviceAdd = z.strictObject({
  name,
  protocol: short,
  endpoints: z
    .array(z.string().check(z.minLength(1), z.maxLength(2_048)))
    .check(z.minLength(1), z.maxLength(64)),
  probe: z.exactOptional(
    z.strictObject({
      kind: z.exactOptional(short),
      path: z.exactOptional(z.string().check(z.maxLength(1_024))),
      interval: z.exactOptional(short),
      timeout: z.exactOptional(short),
      up: z.exactOptional(z.number()),
      down: z.exactOptional(z.number()),
    }),
  ),
  ingress: z.exactOptional(
    z.strictObject({
      prefix: z.exactOptional(z.string().check(z.maxLength(256))),
      stripPrefix: z.exactOptional(z.boolean()),
      host: z.exactOptional(z.string().check(z.maxLength(253))),
    }),
  ),
  timeout: z.exactOptional(short),
  labels: z.exactOptional(z.record(z.string().check(z.maxLength(64)), z.string().check(z.maxLength(256)))),
  waitMs: z.exactOptional(millis.check(z.maximum(300_000))),
});

const address = z.string().check(z.minLength(3), z.maxLength(300));
const role = z.enum(["internal", "provider", "customer", "lateral"]);
const count = z.int().check(z.minimum(1), z.maximum(100_000_000_000));
/** As many as the configuration may have. */
const rules = z.array(z.unknown()).check(z.maxLength(10_000));
const ruleAdd = z.strictObject({ rule: z.unknown(), before: z.exactOptional(id) });
const ruleTest = z.strictObject({
  name: z.exactOptional(name),
  peer: z.exactOptional(name),
  limit: z.exactOptional(z.int().check(z.minimum(1), z.maximum(100_000))),
});
const exported = z.strictObject({ name, to: z.exactOptional(name) });

const peerAdd = z.strictObject({
  node: name,
  address: z.exactOptional(address),
  kind: z.exactOptional(z.enum(["internal", "external"])),
  role: z.exactOptional(role),
  trust: z.exactOptional(z.string().check(z.maxLength(256 * 1024))),
  onLoss: z.exactOptional(z.enum(["keep", "depreference", "withdraw"])),
  hold: z.exactOptional(short),
  limits: z.exactOptional(
    z.strictObject({
      routes: z.exactOptional(count),
      rate: z.exactOptional(count),
      bytes: z.exactOptional(count),
      pathLength: z.exactOptional(count),
    }),
  ),
});

type Schemas = { readonly [V in AdminVerb]: z.ZodMiniType<AdminVerbs[V]["args"]> };

const SCHEMAS: Schemas = {
  identity: none,
  status: none,
  check: none,
  "service.list": none,
  "service.show": z.strictObject({ name }),
  "service.add": serviceAdd,
  "service.remove": z.strictObject({ name }),
  "apikey.create": z.strictObject({
    principal: z.string().check(z.minLength(1), z.maxLength(256)),
    scopes: z.exactOptional(scopes),
    expiresInMs: z.exactOptional(millis.check(z.minimum(1))),
  }),
  "apikey.list": none,
  "apikey.revoke": z.strictObject({ id }),
  "apikey.rotate": z.strictObject({ id, overlapMs: z.exactOptional(millis) }),
  "token.mint": z.strictObject({
    sub: z.string().check(z.minLength(1), z.maxLength(256)),
    aud: z.exactOptional(text),
    scope: z.exactOptional(scopes),
    ttlSeconds: z.exactOptional(z.int().check(z.minimum(1), z.maximum(900))),
  }),
  "token.verify": z.strictObject({ token: z.string().check(z.maxLength(8_192)) }),
  "key.list": none,
  "key.rotate": z.strictObject({ now: z.exactOptional(z.boolean()) }),
  "key.revoke": z.strictObject({ kid: id }),
  "key.jwks": none,
  "envoy.status": none,
  "envoy.config": z.strictObject({ type: z.exactOptional(text), name: z.exactOptional(text) }),
  "config.show": none,
  "peer.list": none,
  "peer.show": z.strictObject({ node: name }),
  "peer.add": peerAdd,
  "peer.remove": z.strictObject({ node: name }),
  "peer.up": z.strictObject({ node: name }),
  "peer.down": z.strictObject({
    node: name,
    reason: z.exactOptional(z.string().check(z.minLength(1), z.maxLength(200))),
  }),
  "peer.refresh": z.strictObject({ node: name }),
  "peer.diff": z.strictObject({ imports: z.exactOptional(rules), exports: z.exactOptional(rules) }),
  "route.list": z.strictObject({
    table: z.exactOptional(z.enum(["internal", "external", "local"])),
    in: z.exactOptional(name),
    out: z.exactOptional(name),
    rejected: z.exactOptional(z.boolean()),
    limit: z.exactOptional(z.int().check(z.minimum(1), z.maximum(100_000))),
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
    after: z.exactOptional(millis),
    limit: z.exactOptional(z.int().check(z.minimum(1), z.maximum(4_096))),
  }),
};

export const ADMIN_VERBS = Object.keys(SCHEMAS) as readonly AdminVerb[];

/** What an API that dispatches by verb may be called with: the verb exists and its arguments fit. */
const verbCall = z.pipe(
  z.tuple([z.enum(ADMIN_VERBS as [AdminVerb, ...AdminVerb[]]), z.unknown()]),
  z.transform((words, context) => {
    const [verb, args] = words;
    const parsed = SCHEMAS[verb].safeParse(args ?? {});
    if (parsed.success) return [verb, parsed.data] as const;
    for (const { message, path } of parsed.error.issues)
      context.issues.push({ code: "custom", message, path: [...path], input: args });
    return z.NEVER;
  }),
);

export const adminMethods: Required<Methods<AdminApi>> = {
  // Which arguments belong to which verb is what the schema checks; the type of a generic method cannot say it.
  call: verbCall as unknown as Required<Methods<AdminApi>>["call"],
  follow: z.tuple([
    z.strictObject({ after: z.exactOptional(millis) }),
    callback<(events: readonly EventRecord[]) => void>(),
  ]),
};
