// Who is asking. Behind our own Envoy the token was verified there and its claims come in a header, on a unix socket that only
// Envoy can open. Without Envoy the gateway verifies the bearer itself; the client's `x-catalyst-*` headers are then never
// read. Successes are cached by the token's hash until it expires, or until the keys change. Invariant: in identity mode
// "token" nothing is executed without verified claims; before the first configuration the mode is "token".

import { hash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Claims, ErrorCode, Signed, Verified } from "#rpc";
import { CatalystError } from "#rpc";
import { parseScope, type Scope } from "../execute/scope.ts";

export type Identified =
  | { readonly ok: true; readonly scope: Scope | undefined }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

export interface Identity {
  identify(headers: IncomingHttpHeaders, mode: "token" | "none"): Identified | Promise<Identified>;
}

const EVERYTHING: Identified = { ok: true, scope: undefined };
const MISSING: Identified = { ok: false, code: "ERR_TOKEN_MISSING", message: "the request carries no token" };

const CLAIMS_MAX = 1_000;
const CLAIMS_BYTES_MAX = 16 * 1024;

/** Claims from our own Envoy. The same header comes with every request of a client, so its reading is remembered. */
export class EnvoyIdentity implements Identity {
  readonly #known = new Map<string, Identified>();

  identify(headers: IncomingHttpHeaders, mode: "token" | "none"): Identified {
    if (mode === "none") return EVERYTHING;
    const header = headers["x-catalyst-claims"];
    if (typeof header !== "string" || header === "") return MISSING;
    const known = this.#known.get(header);
    if (known !== undefined) return known;
    const identified = readClaims(header);
    if (this.#known.size >= CLAIMS_MAX) this.#known.clear();
    if (identified.ok) this.#known.set(header, identified);
    return identified;
  }
}

function readClaims(header: string): Identified {
  const bad: Identified = { ok: false, code: "ERR_TOKEN_INVALID", message: "the claims cannot be read" };
  if (header.length > CLAIMS_BYTES_MAX) return bad;
  try {
    const claims: unknown = JSON.parse(Buffer.from(header, "base64url").toString("utf8"));
    if (typeof claims !== "object" || claims === null || Array.isArray(claims)) return bad;
    const { scope } = claims as Partial<Claims>;
    if (scope !== undefined && typeof scope !== "string") return bad;
    return { ok: true, scope: parseScope(scope) };
  } catch {
    return bad;
  }
}

export interface DirectIdentityOptions {
  readonly verify: (token: string) => Promise<Verified>;
  /** An API key for a token. */
  readonly exchange: (apiKey: string) => Promise<Signed>;
  /** Calls back whenever keys or API keys changed: nothing known is believed any longer. */
  readonly onKeysChanged?: (forget: () => void) => void;
  /** Wall clock, Unix milliseconds. */
  readonly wallNow: () => number;
}

const TOKENS_MAX = 10_000;
/** However long a token lives, it is looked at again after this. */
const TRUST_MAX_MS = 300_000;
/** A revoked API key dies after this at the latest. */
const API_KEY_TRUST_MAX_MS = 10_000;
const TOKEN_BYTES_MAX = 8 * 1024;

interface Trusted {
  readonly identified: Identified;
  readonly until: number;
}

export class DirectIdentity implements Identity {
  readonly #options: DirectIdentityOptions;
  readonly #known = new Map<string, Trusted>();
  /** Grows with every change of the keys: a verification that began before must not be remembered. */
  #epoch = 0;

  constructor(options: DirectIdentityOptions) {
    this.#options = options;
    options.onKeysChanged?.(() => {
      this.#epoch += 1;
      this.#known.clear();
    });
  }

  identify(headers: IncomingHttpHeaders, mode: "token" | "none"): Identified | Promise<Identified> {
    if (mode === "none") return EVERYTHING;
    const match = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "");
    const token = match?.[1];
    if (token === undefined) return MISSING;
    if (token.length > TOKEN_BYTES_MAX) {
      return { ok: false, code: "ERR_TOKEN_INVALID", message: "the token is too long" };
    }
    const key = hash("sha256", token, "base64");
    const known = this.#known.get(key);
    if (known !== undefined) {
      if (known.until > this.#options.wallNow()) return known.identified;
      this.#known.delete(key);
    }
    return this.#verify(key, token);
  }

  async #verify(key: string, credential: string): Promise<Identified> {
    const epoch = this.#epoch;
    const isApiKey = credential.startsWith("cat_");
    try {
      const token = isApiKey ? (await this.#options.exchange(credential)).token : credential;
      const verified = await this.#options.verify(token);
      if (!verified.ok) return { ok: false, code: verified.code, message: verified.reason };
      const identified: Identified = { ok: true, scope: parseScope(verified.claims.scope) };
      const trustMs = isApiKey ? API_KEY_TRUST_MAX_MS : TRUST_MAX_MS;
      const until = Math.min(verified.claims.exp * 1_000, this.#options.wallNow() + trustMs);
      if (epoch === this.#epoch) this.#remember(key, { identified, until });
      return identified;
    } catch (error) {
      if (error instanceof CatalystError && error.code === "ERR_APIKEY_INVALID") {
        return { ok: false, code: error.code, message: "the API key is not valid" };
      }
      // The auth part does not answer: nobody is let in, and nobody is told that the token was wrong.
      return { ok: false, code: "ERR_RPC_CLOSED", message: "tokens cannot be verified at the moment" };
    }
  }

  #remember(key: string, trusted: Trusted): void {
    if (this.#known.size >= TOKENS_MAX) {
      const oldest = this.#known.keys().next().value;
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(key, trusted);
  }
}
