// What may stand in a log line: secrets never, by the name of their field or by their look; control
// characters never, so that a header cannot forge a line or drive a terminal; and never more than a bounded
// amount, whatever was passed in.

const SECRET_FIELDS = [
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "(access|refresh|id)?[-_]?token",
  ".*secret",
  ".*password",
  "passphrase",
  "(x-)?api[-_]?key",
  "(private|signing)[-_]?key",
  "psk",
] as const;
const SECRET_FIELD = new RegExp(`^(${SECRET_FIELDS.join("|")})$`, "i");

const SECRET_TEXTS: readonly RegExp[] = [
  // API keys and join tokens of ours, whole or cut off.
  /\bcat(?:j)?_[A-Za-z0-9_-]{8,}/g,
  // JSON Web Tokens: the signature is what makes them usable.
  /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?/g,
  /\b(?:Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  // Passwords in URLs.
  /(?<=:\/\/[^\s/:@]{0,256}:)[^\s/@]+(?=@)/g,
  // The private parts of a JWK, as JSON text.
  /(?<="(?:d|p|q|dp|dq|qi|k)"\s*:\s*")[A-Za-z0-9_-]{16,}/g,
];

export const REDACTED = "[redacted]";

const TEXT_MAX = 2_000;
/** Stacks are the one long text that is worth its length. */
const STACK_MAX = 6_000;
const FIELDS_MAX = 40;
const ITEMS_MAX = 40;
const DEPTH_MAX = 5;

// oxlint-disable-next-line no-control-regex -- control characters are what is taken out
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/g;

export function scrubText(text: string, max = TEXT_MAX): string {
  // Secrets are looked for beyond the cut as well, so that none is cut down to a form that is not known.
  let clean = text.slice(0, max + 1_000).replace(CONTROL, "");
  for (const pattern of SECRET_TEXTS) clean = clean.replace(pattern, REDACTED);
  return clean.length > max ? `${clean.slice(0, max)}…` : clean;
}

/** A copy that is safe to write. */
export const scrub = (fields: object): Record<string, unknown> => scrubFields(fields, 0);

function scrubFields(fields: object, depth: number): Record<string, unknown> {
  const clean: Record<string, unknown> = {};
  let count = 0;
  for (const [name, value] of Object.entries(fields)) {
    if (++count > FIELDS_MAX) {
      clean["…"] = "more fields";
      break;
    }
    // A null prototype is not needed: names are only written, and `__proto__` is dropped.
    if (name === "__proto__") continue;
    clean[scrubText(name, 100)] = SECRET_FIELD.test(name) ? REDACTED : scrubValue(value, depth + 1);
  }
  return clean;
}

function scrubValue(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case "string":
      return scrubText(value);
    case "number":
    case "boolean":
    case "undefined":
      return value;
    case "object":
      return value === null ? null : scrubObject(value, depth);
    default:
      return scrubText(String(value), 200);
  }
}

function scrubObject(value: object, depth: number): unknown {
  if (depth > DEPTH_MAX) return "[deeper]";
  if (value instanceof Error) return scrubError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) {
    const items = value.slice(0, ITEMS_MAX).map((item) => scrubValue(item, depth + 1));
    return value.length > ITEMS_MAX ? [...items, `… ${value.length - ITEMS_MAX} more`] : items;
  }
  if (value instanceof Map || value instanceof Set) return `[${value.constructor.name} of ${value.size}]`;
  return scrubFields(value, depth);
}

function scrubError(error: Error, depth: number): Record<string, unknown> {
  const { cause } = error;
  return {
    type: scrubText(error.name, 100),
    message: scrubText(error.message),
    ...("code" in error ? { code: scrubValue(error.code, depth + 1) } : {}),
    ...(error.stack === undefined ? {} : { stack: scrubText(error.stack, STACK_MAX) }),
    ...(cause instanceof Error ? { cause: scrubObject(cause, depth + 1) } : {}),
  };
}
