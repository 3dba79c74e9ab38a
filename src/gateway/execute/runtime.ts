// The functions that generated code calls, and the cache of functions made from source text. Equal source gives the same
// function, so a document that survives a change of the graph keeps its compiled code. Invariant: generated functions run to
// their end without awaiting, so what they note about faults belongs to the one run that called them.

export interface Runtime {
  readonly q: (text: string) => string;
  readonly [name: string]: unknown;
}

/** A value that is JSON text already, cut out of a trusted service's answer. */
export class Text {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Notes of the projection that just ran. */
export interface Notes {
  /** Coordinate of the first null in a non-null place. */
  nil: string | undefined;
  /** Coordinate of the first value that does not fit its type. */
  bad: string | undefined;
}

export const notes: Notes = { nil: undefined, bad: undefined };

// Control characters, quote, backslash and lone surrogates need escapes.
// oxlint-disable-next-line no-control-regex
const ESCAPES = /[\u0000-\u001f"\\\ud800-\udfff]/;

/** A JSON string. Short texts, the most of them, are looked through by hand: quicker than the call into the engine. */
function q(text: string): string {
  const { length } = text;
  if (length > 48) return ESCAPES.test(text) ? JSON.stringify(text) : `"${text}"`;
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code < 32 || code === 34 || code === 92 || (code >= 0xd800 && code <= 0xdfff)) {
      return JSON.stringify(text);
    }
  }
  return `"${text}"`;
}

// Leaf values: JSON text, or null when the value does not fit (result coercion, GraphQL specification section 3.5).
const str = (value: unknown): string | null =>
  typeof value === "string"
    ? q(value)
    : typeof value === "number" || typeof value === "boolean"
      ? `"${value}"`
      : null;
const id = (value: unknown): string | null =>
  typeof value === "string" ? q(value) : Number.isInteger(value) ? `"${String(value)}"` : null;
const int = (value: unknown): string | null => (Number.isInteger(value) ? String(value) : null);
const float = (value: unknown): string | null =>
  typeof value === "number" && Number.isFinite(value) ? String(value) : null;
const bool = (value: unknown): string | null => (typeof value === "boolean" ? String(value) : null);
const json = (value: unknown): string => JSON.stringify(value);

function nil(place: string): null {
  notes.nil ??= place;
  return null;
}

function bad(place: string): "null" {
  notes.bad ??= place;
  return "null";
}

/** For names that every object inherits, such as `constructor`. */
const own = (object: object, key: string): unknown =>
  Object.hasOwn(object, key) ? (object as Record<string, unknown>)[key] : undefined;

/** The elements of a list; lists in lists are laid flat, what is no list has none. */
function flat(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) return [];
  for (let index = 0; index < value.length; index++) {
    if (Array.isArray(value[index])) return (value as unknown[]).flat(16);
  }
  return value;
}

function put(value: unknown, out: unknown[]): void {
  if (Array.isArray(value)) for (const item of flat(value)) put(item, out);
  else if (typeof value === "object" && value !== null) out.push(value);
}

/** Any value in a representation. */
const any = (value: unknown): string =>
  typeof value === "string" ? q(value) : typeof value === "number" ? String(value) : JSON.stringify(value);

const runtime: Runtime = { q, str, id, int, float, bool, json, nil, bad, own, flat, put, any, Text };

const FUNCTIONS_MAX = 4_000;
const functions = new Map<string, unknown>();

/** The function that a source text of a program stands for. */
export function link<Fn>(source: string): Fn {
  const known = functions.get(source);
  if (known !== undefined) return known as Fn;
  // Safe by construction: the compose thread writes only validated names and JSON literals into a source.
  // oxlint-disable-next-line no-implied-eval
  const made = (new Function("R", source) as (runtime: Runtime) => Fn)(runtime);
  if (functions.size >= FUNCTIONS_MAX) {
    const oldest = functions.keys().next().value;
    if (oldest !== undefined) functions.delete(oldest);
  }
  functions.set(source, made);
  return made;
}
