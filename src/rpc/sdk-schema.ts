// Run-time check of a registration's form. What a service may look like (names, protocols, durations) is
// checked by the configuration's schema afterwards; here only that nothing is unbounded and no field is
// unknown.

import { z } from "zod";
import type { SdkRegistering } from "./sdk.ts";

const short = z.string().min(1).max(64);
const url = z.string().min(1).max(2_048);
const path = z.string().min(1).max(1_024);

export const sdkRegistering: z.ZodType<SdkRegistering> = z.strictObject({
  name: z.string().min(1).max(253),
  protocol: short,
  endpoint: url.exactOptional(),
  endpoints: z.array(url).min(1).max(64).exactOptional(),
  ingress: z
    .strictObject({
      prefix: path.exactOptional(),
      stripPrefix: z.boolean().exactOptional(),
      host: z.string().min(1).max(253).exactOptional(),
    })
    .exactOptional(),
  probe: z
    .strictObject({
      kind: z.enum(["http", "tcp", "graphql", "none"]).exactOptional(),
      path: path.exactOptional(),
      interval: short.exactOptional(),
      timeout: short.exactOptional(),
      up: z.number().int().min(1).max(100).exactOptional(),
      down: z.number().int().min(1).max(100).exactOptional(),
    })
    .exactOptional(),
  timeout: short.exactOptional(),
  labels: z.record(z.string().min(1).max(63), z.string().max(253)).exactOptional(),
  lease: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/)
    .exactOptional(),
});
