// The contract of the auth part: keys, signing, verifying, API keys. Served on `run/auth.sock`. Private keys and API key
// secrets never cross it, but for a new API key, once, to its creator.

export interface AuthControl {
  sign(request: SignRequest): Promise<Signed>;
  /** `from` names who sent it (an address, a connection): bad signatures are limited per sender. */
  verify(token: string, from?: string): Promise<Verified>;
  /** An API key for a token; the RPC form of `POST /auth/token`. */
  exchange(apiKey: string): Promise<Signed>;
  jwks(): Promise<KeySet>;
  /** Calls back at once, after every change of the key set and when an API key is revoked, until the session ends. */
  watchKeys(onChange: (keys: KeySet) => void): Promise<void>;

  keyList(): Promise<readonly KeyRecord[]>;
  /** New key signs; the old one goes on verifying until its overlap ends. `now` skips the announcement time. */
  keyRotate(options: { readonly now: boolean }): Promise<KeyRecord>;
  /** Takes a key out at once: its tokens are refused from now on. */
  keyRevoke(kid: string): Promise<KeyRecord>;

  apiKeyCreate(request: ApiKeyRequest): Promise<ApiKeyCreated>;
  apiKeyList(): Promise<readonly ApiKeyRecord[]>;
  apiKeyRevoke(id: string): Promise<ApiKeyRecord>;
  /** A new secret under the same name; the old one goes on for `overlapMs`. */
  apiKeyRotate(id: string, options: { readonly overlapMs: number }): Promise<ApiKeyCreated>;
  status(): Promise<AuthStatus>;
}

export interface SignRequest {
  readonly sub: string;
  /** Default: the organization. */
  readonly aud?: string;
  /** Service names, or "*". Default "*". */
  readonly scope?: readonly string[];
  /** Seconds, at most 900. Default 300. */
  readonly ttlSeconds?: number;
  readonly clientId?: string;
}

export interface Signed {
  readonly token: string;
  readonly kid: string;
  /** Unix seconds. */
  readonly expiresAt: number;
}

export interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string;
  readonly iat: number;
  readonly exp: number;
  readonly jti: string;
  readonly client_id?: string;
  /** Space-separated service names, or "*". */
  readonly scope?: string;
}

export type Verified =
  | { readonly ok: true; readonly claims: Claims; readonly kid: string }
  | {
      readonly ok: false;
      readonly code: "ERR_TOKEN_MISSING" | "ERR_TOKEN_INVALID" | "ERR_TOKEN_EXPIRED";
      readonly reason: string;
    };

export interface Jwk {
  readonly kty: string;
  readonly kid: string;
  readonly alg: string;
  readonly use: "sig";
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly n?: string;
  readonly e?: string;
}

export interface KeySet {
  /** Grows with every change. */
  readonly revision: number;
  readonly issuer: string;
  readonly audience: string;
  readonly keys: readonly Jwk[];
}

export type KeyState = "prepared" | "published" | "active" | "retiring" | "removed";

export interface KeyRecord {
  readonly kid: string;
  readonly alg: string;
  readonly state: KeyState;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly activeAt?: number;
  /** When it stops verifying; absent while it signs. */
  readonly removeAt?: number;
}

export interface ApiKeyRequest {
  /** Who the tokens speak for (`sub`). */
  readonly principal: string;
  /** Service names, or "*". Default "*". */
  readonly scopes?: readonly string[];
  /** Milliseconds since the epoch; absent = at once. */
  readonly notBefore?: number;
  /** Milliseconds since the epoch; absent = never. */
  readonly expiresAt?: number;
  readonly createdBy?: string;
}

export interface ApiKeyRecord {
  readonly id: string;
  readonly principal: string;
  readonly scopes: readonly string[];
  readonly createdBy: string;
  readonly createdAt: number;
  readonly notBefore: number;
  readonly expiresAt?: number;
  /** Day of last use, YYYY-MM-DD. */
  readonly lastUsedDay?: string;
  readonly revokedAt?: number;
  readonly state: "active" | "expired" | "revoked";
}

export interface ApiKeyCreated extends ApiKeyRecord {
  /** `cat_live_…`; shown this once. */
  readonly key: string;
}

export interface AuthStatus {
  readonly issuer: string;
  readonly audience: string;
  readonly mode: "own" | "jwks" | "none";
  readonly activeKid?: string;
  readonly keys: number;
  readonly apiKeys: number;
  /** Age of a fetched key set, when the keys come from a URL. */
  readonly jwksAgeMs?: number;
  readonly problem?: string;
}
