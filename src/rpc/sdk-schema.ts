// Run-time check of a registration's form. What a service may look like (names, protocols, durations) is
// checked by the configuration's schema afterwards; here only that nothing is unbounded and no field is
// unknown.

import type { SdkRegistering } from "./sdk.ts";
import { z } from "./zod.ts";

const short = z.string().check(z.minLength(1), z.maxLength(64));
const url = z.string().check(z.minLength(1), z.maxLength(2_048));
const path = z.string().check(z.minLength(1), z.maxLength(1_024));

export const sdkRegistering: z.ZodMiniType<SdkRegistering> = z.strictObject({
  name: z.string().check(z.minLength(1), z.maxLength(253)),
  protocol: short,
  endpoint: z.exactOptional(url),
  endpoints: z.exactOptional(z.array(url).check(z.minLength(1), z.maxLength(64))),
  ingress: z.exactOptional(
    z.strictObject({
      prefix: z.exactOptional(path),
      stripPrefix: z.exactOptional(z.boolean()),
      host: z.exactOptional(z.string().check(z.minLength(1), z.maxLength(253))),
    }),
  ),
  probe: z.exactOptional(
    z.strictObject({
      kind: z.exactOptional(z.enum(["http", "tcp", "graphql", "none"])),
      path: z.exactOptional(path),
      interval: z.exactOptional(short),
      timeout: z.exactOptional(short),
      up: z.exactOptional(z.int().check(z.minimum(1), z.maximum(100))),
      down: z.exactOptional(z.int().check(z.minimum(1), z.maximum(100))),
    }),
  ),
  timeout: z.exactOptional(short),
  labels: z.exactOptional(
    z.record(z.string().check(z.minLength(1), z.maxLength(63)), z.string().check(z.maxLength(253))),
  ),
  lease: z.exactOptional(z.string().check(z.regex(/^[A-Za-z0-9_-]{1,64}$/))),
});
