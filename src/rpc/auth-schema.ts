// Run-time check of what may be said to the auth part. Life and scope of a token are bounded here once more,
// before anything is signed; the rules themselves stay with the auth part.

import { z } from "zod";
import type { ApiKeyRequest, AuthControl, KeySet, SignRequest } from "./auth.ts";
import { callback } from "./callback.ts";
import type { Methods } from "./expose.ts";

/** A token verified anywhere is at most 8 KiB; what is longer is not worth a look. */
const token = z.string().max(8_192);
/** Who sent a token: an address or the name of a connection. */
const sender = z.string().max(128);
const principal = z.string().min(1).max(256);
const scopes = z.array(z.string().min(1).max(512)).max(1_000);
const id = z.string().min(1).max(128);
const millis = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const signRequest: z.ZodType<SignRequest> = z.strictObject({
  sub: principal,
  aud: principal.exactOptional(),
  scope: scopes.exactOptional(),
  ttlSeconds: z.number().int().min(1).max(900).exactOptional(),
  clientId: principal.exactOptional(),
});

const apiKeyRequest: z.ZodType<ApiKeyRequest> = z.strictObject({
  principal,
  scopes: scopes.exactOptional(),
  notBefore: millis.exactOptional(),
  expiresAt: millis.exactOptional(),
  createdBy: principal.exactOptional(),
});

export const authMethods: Required<Methods<AuthControl>> = {
  sign: z.tuple([signRequest]),
  verify: z.tuple([token, sender.exactOptional()]),
  exchange: z.tuple([z.string().max(256)]),
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
