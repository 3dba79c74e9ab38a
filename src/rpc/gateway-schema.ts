// Run-time check of what may be said to the gateway. Strict: an unknown field is a version mismatch, and it
// is better named than ignored. Bounds are generous for a node's own graph (10,000 services) and still
// bounds.

import type { Methods } from "./expose.ts";
import type { GatewayConfig, GatewayControl } from "./gateway.ts";
import { z } from "./zod.ts";

const name = z.string().check(z.minLength(1), z.maxLength(253));
const url = z.string().check(z.minLength(1), z.maxLength(2_048));
const count = z.int().check(z.minimum(1), z.maximum(Number.MAX_SAFE_INTEGER));
const header = z.string().check(z.minLength(1), z.maxLength(256));

const headers = z.strictObject({
  forward: z.array(header).check(z.maxLength(100)),
  set: z.record(header, z.string().check(z.maxLength(8_192))),
});

const graphqlName = z.string().check(z.regex(/^[A-Za-z][A-Za-z0-9_]{0,255}$/));

const foreign = z.strictObject({
  organization: name,
  prefix: graphqlName,
  shared: z.array(graphqlName).check(z.maxLength(1_000)),
});

const service = z.strictObject({
  name,
  shortName: name,
  kind: z.exactOptional(z.enum(["federation", "graphql"])),
  urls: z.array(url).check(z.maxLength(1_000)),
  sdl: z.string().check(z.maxLength(16 * 1024 * 1024)),
  via: z.exactOptional(name),
  foreign: z.exactOptional(foreign),
  headers,
  timeoutMs: count,
});

const limits = z.strictObject({
  documentBytes: count,
  tokens: count,
  depth: count,
  aliases: count,
  rootFields: count,
  batch: count,
  answerBytes: count,
  requestMs: count,
  documents: count,
  documentsBytes: count,
  introspection: z.boolean(),
});

export const gatewayConfigSchema: z.ZodMiniType<GatewayConfig> = z.strictObject({
  revision: z.int().check(z.minimum(0)),
  hash: z.string().check(z.minLength(1), z.maxLength(128)),
  services: z.array(service).check(z.maxLength(10_000)),
  limits,
  drainMs: z.int().check(z.minimum(0)),
  identity: z.enum(["token", "none"]),
});

export const gatewayMethods: Required<Methods<GatewayControl>> = {
  apply: z.tuple([gatewayConfigSchema]),
  check: z.tuple([gatewayConfigSchema]),
  status: z.tuple([]),
};
