// An API key for a five-minute token. The token is kept until shortly before its end, so that a client that sends its key
// with every request costs one signature in four minutes. Follows docs/internals/identity.md section 7 and
// docs/internals/contracts.md section 4. Invariants: the key itself is checked each time, so a revoked one dies at once; a kept
// token is given out only while the key that signed it is still good, and never outlives the API key.

import { type ApiKeyRecord, CatalystError, type Signed } from "#rpc";
import { API_KEYS_MAX, TOKEN_LIFE_DEFAULT_S } from "../limits.ts";
import type { Clock } from "../ports.ts";
import type { KeyTable } from "../sources/key-source.ts";
import type { Issuer } from "../tokens/issuer.ts";
import type { ApiKeyStore } from "./store.ts";

export interface Exchange {
  exchange(apiKey: string): Promise<Signed>;
}

export interface ExchangeOptions {
  readonly store: Pick<ApiKeyStore, "authenticate">;
  readonly issuer: Issuer;
  readonly keys: () => KeyTable;
  readonly clock: Clock;
}

/** A token with less life than this is not given out again, so that it survives the way to its user. */
const LEFT_MIN_S = 60;

export function createExchange({ store, issuer, keys, clock }: ExchangeOptions): Exchange {
  /** By id of the API key; bounded, because only ids that are in the store get in. */
  const kept = new Map<string, Signed>();
  const signing = new Map<string, Promise<Signed>>();

  const sign = async (record: ApiKeyRecord): Promise<Signed> => {
    const signed = await issuer.sign({
      sub: record.principal,
      clientId: record.id,
      scope: record.scopes,
      ttlSeconds: lifeOf(record, clock.now()),
    });
    if (kept.size >= API_KEYS_MAX) kept.clear();
    kept.set(record.id, signed);
    return signed;
  };

  return {
    async exchange(apiKey) {
      const now = clock.now();
      const record = store.authenticate(apiKey, now);
      const known = kept.get(record.id);
      if (known !== undefined && isFresh(known, record, now) && keys().byKid.has(known.kid)) return known;
      let fresh = signing.get(record.id);
      if (fresh === undefined) {
        fresh = sign(record).finally(() => signing.delete(record.id));
        signing.set(record.id, fresh);
      }
      return fresh;
    },
  };
}

function lifeOf({ id, expiresAt }: ApiKeyRecord, now: number): number {
  if (expiresAt === undefined) return TOKEN_LIFE_DEFAULT_S;
  const left = Math.floor((expiresAt - now) / 1_000);
  if (left < 1) throw new CatalystError("ERR_APIKEY_INVALID", `the API key ${id} is expired`);
  return Math.min(TOKEN_LIFE_DEFAULT_S, left);
}

/** In the last minute of the API key itself there is no longer token to be had: then any that still lives is good. */
function isFresh(signed: Signed, { expiresAt }: ApiKeyRecord, now: number): boolean {
  const end = expiresAt === undefined ? Number.POSITIVE_INFINITY : expiresAt / 1_000;
  const leftMin = end - signed.expiresAt < 2 ? 1 : LEFT_MIN_S;
  return signed.expiresAt - now / 1_000 >= leftMin;
}
