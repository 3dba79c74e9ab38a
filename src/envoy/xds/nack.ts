// Reads Envoy's refusals. The text of a failed constraint carries the whole message behind it, keys and all, so only the
// reason is kept. For clusters and listeners the text names who was refused (the rest was applied); for the other types it
// names nobody, and the answer is found by sending the resources in smaller groups.

/** The reason alone: no dump of the message, one line, bounded. */
export function scrub(text: string): string {
  const constraint = /Proto constraint validation failed\s*(\([^()]*(?:\([^()]*\)[^()]*)*\))?/.exec(text);
  const reason = constraint === null ? text.replace(/\s*goo\.gle\/debug[\s\S]*$/, "") : constraint[0];
  // oxlint-disable-next-line no-control-regex
  const line = reason.replace(/[\u0000-\u001f\u007f]+/g, " ").trim();
  return line.length > 500 ? `${line.slice(0, 499)}…` : line;
}

/**
 * Refused ones by name, of a response that carried `names`. Undefined when the text does not tell, so that nothing is
 * known of any of them.
 */
export function refusedNames(text: string, names: readonly string[]): Map<string, string> | undefined {
  const head = /^Error adding\/updating (?:cluster|listener)\(s\)\s+/.exec(text);
  if (head === null) return undefined;
  const body = text.slice(head[0].length);
  const starts: { readonly name: string; readonly at: number }[] = [];
  for (const name of names)
    for (const at of indexesOf(body, `${name}: `))
      if (at === 0 || body.endsWith(", ", at) || body.endsWith("\n", at)) starts.push({ name, at });
  if (starts.length === 0) return undefined;
  starts.sort((a, b) => a.at - b.at);
  return new Map(
    starts.map(({ name, at }, i) => {
      const why = body.slice(at + name.length + 2, starts[i + 1]?.at).replace(/[,\s]+$/, "");
      return [name, scrub(why)];
    }),
  );
}

function* indexesOf(text: string, part: string): Generator<number> {
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) yield at;
}
