// Patterns of rules over names and tags: text with `*`, which stands for any run of characters, dots included. No RegExp:
// a pattern comes from a user, and matching must stay linear in the text whatever they wrote. Most patterns are a whole name,
// everything, or "*.globex.catalyst.internal", so these forms say what they are and indexes can be built on them.

export type Glob =
  | { readonly kind: "any" }
  | { readonly kind: "exact"; readonly text: string }
  /** `*` and then this. */
  | { readonly kind: "tail"; readonly text: string }
  | { readonly kind: "parts"; readonly parts: readonly string[] };

export function globOf(pattern: string): Glob {
  const parts = pattern.split("*");
  const [first = "", second = ""] = parts;
  if (parts.length === 1) return { kind: "exact", text: first };
  if (parts.every((part) => part === "")) return { kind: "any" };
  if (parts.length === 2 && first === "") return { kind: "tail", text: second };
  return { kind: "parts", parts };
}

export function globMatches(glob: Glob, text: string): boolean {
  switch (glob.kind) {
    case "any":
      return true;
    case "exact":
      return text === glob.text;
    case "tail":
      return text.endsWith(glob.text);
    case "parts":
      return partsMatch(glob.parts, text);
  }
}

/** First and last part stand at the ends; each one between is taken at its first place, which never spoils a later one. */
function partsMatch(parts: readonly string[], text: string): boolean {
  const head = parts[0] ?? "";
  const tail = parts.at(-1) ?? "";
  const end = text.length - tail.length;
  if (head.length > end || !text.startsWith(head) || !text.endsWith(tail)) return false;
  let at = head.length;
  for (let i = 1; i < parts.length - 1; i++) {
    const part = parts[i] ?? "";
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** What every text that matches ends in. */
export function tailOf(glob: Glob): string {
  if (glob.kind === "any") return "";
  return glob.kind === "parts" ? (glob.parts.at(-1) ?? "") : glob.text;
}
