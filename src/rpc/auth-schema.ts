// Run-time check of what may be said to the auth part. Life and scope of a token are bounded here once more,
// before anything is signed; the rules themselves stay with the auth part.

import type { ApiKeyRequest, AuthControl, KeySet, SignRequest } from "./auth.ts";
import { callback } from "./callback.ts";
import type { Methods } from "./expose.ts";
import { z } from "./zod.ts";

/** A token verified anywhere is at most 8 KiB; what is longer is not worth a look. */
const token = z.string().check(z.maxLength(8_192));
/** Who sent a token: an address or the name of a connection. */
const sender = z.string().check(z.maxLength(128));
const principal = z.string().check(z.minLength(1), z.maxLength(256));
const scopes = z.array(z.string().check(z.minLength(1), z.maxLength(512))).check(z.maxLength(1_000));
const id = z.string().check(z.minLength(1), z.maxLength(128));
const millis = z.int().check(z.minimum(0), z.maximum(Number.MAX_SAFE_INTEGER));

const signRequest: z.ZodMiniType<SignRequest> = z.strictObject({
  sub: principal,
  aud: z.exactOptional(principal),
  scope: z.exactOptional(scopes),
  ttlSeconds: z.exactOptional(z.int().check(z.minimum(1), z.maximum(900))),
  clientId: z.exactOptional(principal),
});

const apiKeyRequest: z.ZodMiniType<ApiKeyRequest> = z.strictObject({
  principal,
  scopes: z.exactOptional(scopes),
  notBefore: z.exactOptional(millis),
  expiresAt: z.exactOptional(millis),
  createdBy: z.exactOptional(principal),
});

export const authMethods: Required<Methods<AuthControl>> = {
  sign: z.tuple([signRequest]),
  verify: z.tuple([token, z.exactOptional(sender)]),
  exchange: z.tuple([z.string().check(z.maxLength(256))]),
  jwks: z.tuple([]),
  watchKeys: z.tuple([callback<(keys: KeySet) => void>()]),
  keyList: z.tuple([]),
  keyRotate: z.tuple([z.strictObject({ now: z.boolean() })]),
  keyRevoke: z.tuple([id]),
  apiKeyCreate: z.tuple([apiKeyRequest]),
  apiKeyList: z.tuple([]),
  apiKeyRevoke: z.tuple([id]),
  apiKeyRotate: z.tuple([id, z.strictObject({ overlapMs: millis })]),
  status: z.tuple([]),
};
