// Run-time check of what may be said to the gateway. Strict: an unknown field is a version mismatch, and it
// is better named than ignored. Bounds are generous for a node's own graph (10,000 services) and still
// bounds.

import { z } from "zod";
import type { Methods } from "./expose.ts";
import type { GatewayConfig, GatewayControl } from "./gateway.ts";

const name = z.string().min(1).max(253);
const url = z.string().min(1).max(2_048);
const count = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
const header = z.string().min(1).max(256);

const headers = z.strictObject({
  forward: z.array(header).max(100),
  set: z.record(header, z.string().max(8_192)),
});

const graphqlName = z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,255}$/);

const foreign = z.strictObject({
  organization: name,
  prefix: graphqlName,
  shared: z.array(graphqlName).max(1_000),
});

const service = z.strictObject({
  name,
  shortName: name,
  kind: z.enum(["federation", "graphql"]).exactOptional(),
  urls: z.array(url).max(1_000),
  sdl: z.string().max(16 * 1024 * 1024),
  via: name.exactOptional(),
  foreign: foreign.exactOptional(),
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

export const gatewayConfigSchema: z.ZodType<GatewayConfig> = z.strictObject({
  revision: z.number().int().min(0),
  hash: z.string().min(1).max(128),
  services: z.array(service).max(10_000),
  limits,
  drainMs: z.number().int().min(0),
  identity: z.enum(["token", "none"]),
});

export const gatewayMethods: Required<Methods<GatewayControl>> = {
  apply: z.tuple([gatewayConfigSchema]),
  check: z.tuple([gatewayConfigSchema]),
  status: z.tuple([]),
};
