// Decides whether a token is good, cheapest refusal first: size, cache, form, key, claims, sender's allowance, signature.
// Follows docs/internals/identity.md section 3. jose checks the signature and once more the claims, as a second pair of eyes.
// Invariants: the algorithm comes from the key, the key from the one issuer this verifier is bound to; a key that leaves the
// set while a check is under way makes the check fail; time and the deny list are looked at on every hit of the cache.

import { hash } from "node:crypto";
import { JOSEError, JWSSignatureVerificationFailed } from "jose/errors";
import { jwtVerify } from "jose/jwt/verify";
import { CatalystError, type Claims, type Verified } from "#rpc";
import { SKEW_S, TOKEN_BYTES_MAX, VERIFIED_MAX, VERIFY_PENDING_MAX } from "../limits.ts";
import { type Clock, type Instruments, NO_INSTRUMENTS } from "../ports.ts";
import type { KeySource, VerifyKey } from "../sources/key-source.ts";
import { ACCESS_TYP, checkClaims, type Expected } from "./claims.ts";
import { readCompact } from "./compact.ts";
import { FailureLimit } from "./failure-limit.ts";
import { VerifiedCache } from "./verified-cache.ts";

export interface Verifier {
  /** `from` names the sender (address, connection): its bad signatures are counted together. */
  verify(token: string, from?: string): Promise<Verified>;
  /** Tokens in the cache. */
  readonly cached: number;
  close(): void;
}

export interface VerifierOptions extends Expected {
  readonly source: KeySource;
  readonly clock: Clock;
  readonly instruments?: Instruments;
  /** Why this token is denied although it is valid (revoked `jti` or `sub`). Asked each time, also on a hit. */
  readonly denied?: (claims: Claims) => string | undefined;
}

/** A verdict with the step that reached it, for the measurement. */
interface Verdict {
  readonly step: string;
  readonly verified: Verified;
}

export function createVerifier(options: VerifierOptions): Verifier {
  return new TokenVerifier(options);
}

class TokenVerifier implements Verifier {
  readonly #options: VerifierOptions;
  readonly #instruments: Instruments;
  readonly #cache = new VerifiedCache(VERIFIED_MAX);
  readonly #failures = new FailureLimit();
  /** Equal tokens that arrive together are checked once. */
  readonly #pending = new Map<string, Promise<Verdict>>();
  readonly #unsubscribe: () => void;

  constructor(options: VerifierOptions) {
    this.#options = options;
    this.#instruments = options.instruments ?? NO_INSTRUMENTS;
    this.#unsubscribe = options.source.onChange((table) => this.#cache.keepOnly(table.byKid));
  }

  get cached(): number {
    return this.#cache.size;
  }

  close(): void {
    this.#unsubscribe();
  }

  async verify(token: string, from = ""): Promise<Verified> {
    const { clock } = this.#options;
    const start = clock.monotonic();
    const { step, verified } = await this.#decide(token, from.slice(0, 128));
    this.#instruments.verify((clock.monotonic() - start) / 1_000, step);
    return verified;
  }

  async #decide(token: string, from: string): Promise<Verdict> {
    if (typeof token !== "string" || token === "") {
      return refuse("missing", "the request carries no token", "ERR_TOKEN_MISSING");
    }
    if (token.length > TOKEN_BYTES_MAX) return refuse("size", `longer than ${TOKEN_BYTES_MAX} bytes`);
    const id = hash("sha256", token, "base64url");
    const hit = this.#cache.get(id, this.#options.clock.now());
    if (hit !== undefined) return this.#allow(hit.claims, hit.key.kid, "hit");
    let check = this.#pending.get(id);
    if (check === undefined) {
      if (this.#pending.size >= VERIFY_PENDING_MAX) {
        throw new CatalystError("ERR_LIMIT", `${VERIFY_PENDING_MAX} tokens wait to be verified`);
      }
      check = this.#check(token, id, from).finally(() => this.#pending.delete(id));
      this.#pending.set(id, check);
    }
    return check;
  }

  async #check(token: string, id: string, from: string): Promise<Verdict> {
    const { clock, source } = this.#options;
    const compact = readCompact(token);
    if (!compact.ok) return refuse(compact.step, compact.reason);
    const verdict = checkClaims(compact.payload, this.#options, clock.now());
    if (!verdict.ok) {
      return refuse(
        verdict.step,
        verdict.reason,
        verdict.expired ? "ERR_TOKEN_EXPIRED" : "ERR_TOKEN_INVALID",
      );
    }
    if (!source.table().byKid.has(compact.kid)) await source.refresh();
    const key = source.table().byKid.get(compact.kid);
    if (key === undefined) return refuse("kid", "its key is not known");
    if (compact.alg !== key.alg) return refuse("alg", `its algorithm is not the key's, ${key.alg}`);
    if (!this.#failures.allows(from, clock.monotonic())) {
      return refuse("limit", "too many bad tokens from this sender; try again in a moment");
    }
    const fault = await this.#signatureFault(token, key);
    if (fault !== undefined) {
      this.#failures.failed(from, clock.monotonic());
      return refuse("signature", fault);
    }
    if (source.table().byKid.get(key.kid) !== key) return refuse("kid", "its key was withdrawn");
    this.#cache.put(id, verdict.claims, key, clock.now());
    return this.#allow(verdict.claims, key.kid, "ok");
  }

  /** Undefined when the signature holds. */
  async #signatureFault(token: string, key: VerifyKey): Promise<string | undefined> {
    const { issuer, audience, clock } = this.#options;
    try {
      await jwtVerify(token, key.key, {
        algorithms: [key.alg],
        typ: ACCESS_TYP,
        issuer,
        audience,
        requiredClaims: ["exp", "iat", "iss", "aud", "sub", "jti"],
        clockTolerance: SKEW_S,
        currentDate: new Date(clock.now()),
      });
      return undefined;
    } catch (error) {
      if (error instanceof JWSSignatureVerificationFailed) return "its signature does not match";
      if (error instanceof JOSEError) return error.message;
      throw error;
    }
  }

  #allow(claims: Claims, kid: string, step: string): Verdict {
    const denied = this.#options.denied?.(claims);
    if (denied !== undefined) return refuse("denied", denied);
    return { step, verified: { ok: true, claims, kid } };
  }
}

function refuse(
  step: string,
  reason: string,
  code: "ERR_TOKEN_MISSING" | "ERR_TOKEN_INVALID" | "ERR_TOKEN_EXPIRED" = "ERR_TOKEN_INVALID",
): Verdict {
  return { step, verified: { ok: false, code, reason } };
}
