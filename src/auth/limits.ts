// Every hard bound of the auth room on what a remote party can send or cause, each with its reason. Follows
// docs/internals/identity.md sections 3, 4 and 7. A configurable bound may only be lower. Invariant: no input of another party
// grows memory, disk or the queue of the thread pool beyond what stands here.

/** Longest token that is looked at; Envoy's own cache stops at 4 KiB, ours are about 500 bytes. */
export const TOKEN_BYTES_MAX = 8 * 1024;
/** Longest life of an access token, whoever minted it: what bounds the damage of a stolen one. */
export const TOKEN_LIFE_MAX_S = 900;
export const TOKEN_LIFE_DEFAULT_S = 300;
/** Difference of clocks that is tolerated, both ways. */
export const SKEW_S = 30;
/** Verified tokens that are remembered: 541 bytes each (measured), so about 5 MB. */
export const VERIFIED_MAX = 10_000;
/** A remembered token is checked again after this time at the latest. */
export const VERIFIED_LIFE_MS = 300_000;
/** Signature checks that may wait at once; at 0.6 ms each a full queue is worked off in 0.3 s on two cores. */
export const VERIFY_PENDING_MAX = 1_000;
/** Bad signatures of one sender: this many at once, then this many a second (1.2 % of a core at ES384). */
export const BAD_SIGNATURES_BURST = 100;
export const BAD_SIGNATURES_PER_S = 20;
/** Senders whose failures are remembered; the one that failed longest ago is forgotten first. */
export const SENDERS_MAX = 4_096;
/** Signatures that may wait at once. */
export const SIGN_PENDING_MAX = 1_000;

export const SUBJECT_CHARS_MAX = 256;
export const SCOPES_MAX = 64;
/** Together, space-separated; keeps a token well under Envoy's 4 KiB. */
export const SCOPE_CHARS_MAX = 2_048;
export const CLAIM_CHARS_MAX = 1_024;

export const JWKS_BYTES_MAX = 64 * 1024;
export const JWKS_KEYS_MAX = 32;
export const JWKS_DEADLINE_MS = 3_000;
/** Bounds of the refresh hint (`max-age`) of a foreign key set. */
export const JWKS_REFRESH_MIN_MS = 60_000;
export const JWKS_REFRESH_MAX_MS = 3_600_000;
export const JWKS_BACKOFF_MIN_MS = 1_000;
export const JWKS_BACKOFF_MAX_MS = 300_000;
/** An unknown `kid` asks for a fresh key set at most this often, also after failures: tokens are no amplifier. */
export const JWKS_UNKNOWN_KID_MS = 30_000;
/** How long the last good key set of an external provider is trusted without a fresh answer. */
export const JWKS_STALE_MAX_MS = 24 * 3_600_000;
/** `max-age` of our own key set, in seconds. */
export const JWKS_MAX_AGE_S = 300;

export const WATCHERS_MAX = 64;
export const API_KEYS_MAX = 10_000;
/** Removed signing keys that stay listed, so that `key list` shows what happened; without their private part. */
export const REMOVED_KEYS_LISTED = 16;
/** Signing keys on disk at once; rotation refuses beyond it, until an old one has retired. */
export const SIGNING_KEYS_MAX = 16;

export const HTTP_HEADER_BYTES_MAX = 16 * 1024;
export const HTTP_HEADER_MS = 10_000;
export const HTTP_REQUEST_MS = 30_000;
export const HTTP_BODY_BYTES_MAX = 4 * 1024;
export const HTTP_CONNECTIONS_MAX = 1_024;
