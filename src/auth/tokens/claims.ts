// The access profile: which claims a token inside the organization carries, and what each must be. The same rules serve
// minting and verifying, so that this node never mints what it would refuse. Follows docs/internals/identity.md section 6 and RFC
// 9068. Invariants: only known claims come out, with checked types; the life of a token is bounded by its own two times, whatever
// its issuer says.

import { CatalystError, type Claims, type SignRequest } from "#rpc";
import {
  CLAIM_CHARS_MAX,
  SCOPE_CHARS_MAX,
  SCOPES_MAX,
  SKEW_S,
  SUBJECT_CHARS_MAX,
  TOKEN_LIFE_DEFAULT_S,
  TOKEN_LIFE_MAX_S,
} from "../limits.ts";

/** `typ` of the access profile (RFC 9068). Every other profile has its own. */
export const ACCESS_TYP = "at+jwt";

export interface Expected {
  readonly issuer: string;
  readonly audience: string;
}

export type ClaimsVerdict =
  | { readonly ok: true; readonly claims: Claims }
  | { readonly ok: false; readonly step: string; readonly expired?: true; readonly reason: string };

const no = (step: string, reason: string): ClaimsVerdict => ({ ok: false, step, reason });

/** Checks the claims of a token against the profile; says nothing about its signature. */
export function checkClaims(payload: object, expected: Expected, nowMs: number): ClaimsVerdict {
  const claim: { [K in keyof Claims | "nbf"]?: unknown } = payload;
  const now = nowMs / 1_000;
  if (claim.iss !== expected.issuer) return no("iss", "iss is not the expected issuer");
  const aud = Array.isArray(claim.aud) && claim.aud.length === 1 ? claim.aud[0] : claim.aud;
  if (aud !== expected.audience) return no("aud", "aud is not this organization, or not it alone");
  const { iat, exp, sub, jti, nbf, client_id: client, scope } = claim;
  if (!isSeconds(exp)) return no("exp", "exp is missing or no time");
  if (!isSeconds(iat)) return no("iat", "iat is missing or no time");
  if (exp <= now - SKEW_S) return { ok: false, step: "expired", expired: true, reason: "exp has passed" };
  if (iat > now + SKEW_S) return no("iat", "iat lies in the future");
  if (nbf !== undefined && !(isSeconds(nbf) && nbf <= now + SKEW_S)) return no("nbf", "not valid yet");
  if (exp <= iat || exp - iat > TOKEN_LIFE_MAX_S)
    return no("life", `lives longer than ${TOKEN_LIFE_MAX_S} s`);
  if (!isText(sub)) return no("sub", "sub is missing or too long");
  if (!isText(jti)) return no("jti", "jti is missing or too long");
  if (client !== undefined && !isText(client)) return no("client_id", "client_id is no short text");
  if (scope !== undefined && !isText(scope, SCOPE_CHARS_MAX)) return no("scope", "scope is no short text");
  return {
    ok: true,
    claims: {
      iss: expected.issuer,
      sub,
      aud: expected.audience,
      iat,
      exp,
      jti,
      ...(client === undefined ? {} : { client_id: client }),
      ...(scope === undefined ? {} : { scope }),
    },
  };
}

/** The claims for a request to sign; throws when the request is not one. */
export function newClaims(request: SignRequest, expected: Expected, jti: string, nowMs: number): Claims {
  const {
    sub,
    aud = expected.audience,
    scope = ["*"],
    ttlSeconds = TOKEN_LIFE_DEFAULT_S,
    clientId,
  } = request;
  checkSubject(sub);
  if (!isText(aud, SUBJECT_CHARS_MAX)) throw wrong("aud must be a short text");
  checkScopes(scope);
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > TOKEN_LIFE_MAX_S) {
    throw wrong(`the life of a token is 1 to ${TOKEN_LIFE_MAX_S} seconds`);
  }
  if (clientId !== undefined && !isText(clientId, SUBJECT_CHARS_MAX))
    throw wrong("clientId must be a short text");
  const iat = Math.floor(nowMs / 1_000);
  return {
    iss: expected.issuer,
    sub,
    aud,
    iat,
    exp: iat + ttlSeconds,
    jti,
    client_id: clientId ?? sub,
    scope: scope.join(" "),
  };
}

export function checkSubject(sub: unknown): asserts sub is string {
  if (!isText(sub, SUBJECT_CHARS_MAX)) {
    throw wrong(`a principal is 1 to ${SUBJECT_CHARS_MAX} characters without control characters`);
  }
}

export function checkScopes(scopes: unknown): asserts scopes is readonly string[] {
  if (!Array.isArray(scopes) || scopes.length === 0 || scopes.length > SCOPES_MAX) {
    throw wrong(`1 to ${SCOPES_MAX} scopes are possible`);
  }
  for (const scope of scopes) {
    // RFC 6749 section 3.3: the separator and quotes cannot be part of a scope.
    if (typeof scope !== "string" || !/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/.test(scope)) {
      throw wrong("a scope is a service name or *, without spaces");
    }
  }
  if (scopes.join(" ").length > SCOPE_CHARS_MAX)
    throw wrong(`scopes together exceed ${SCOPE_CHARS_MAX} characters`);
}

const wrong = (message: string): CatalystError => new CatalystError("ERR_INVALID_ARGUMENT", message);

const isSeconds = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value) && value >= 0;

const isText = (value: unknown, charsMax = CLAIM_CHARS_MAX): value is string =>
  typeof value === "string" &&
  value !== "" &&
  value.length <= charsMax &&
  // Control characters, also the invisible ones of C1 and the line separators: they forge log lines.
  !/[\p{Cc}\u2028\u2029]/u.test(value);
