// Takes secrets out of whatever is shown: tokens, API keys, private keys, authorization headers. A net below the rule that no
// secret is handed to a screen in the first place.

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // A JWS: header and claims are readable by anyone, the signature makes it a secret.
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]{8,}/g, "[token redacted]"],
  [/\b(cat_[a-z]+_[0-9A-Za-z]{12})_[0-9A-Za-z]+/g, "$1_[redacted]"],
  [
    /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g,
    "[private key redacted]",
  ],
  [/\b(bearer|basic)\s+(?!\[)[\w.~+/=-]{8,}/gi, "$1 [redacted]"],
];

export const scrub = (text: string): string =>
  PATTERNS.reduce((clean, [pattern, instead]) => clean.replace(pattern, instead), text);
