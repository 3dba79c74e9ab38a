// Log lines of the parts on their way to the node's own stdout: each gets the name of its part, JSON lines stay JSON, others
// (Envoy's, a crash's stack) become JSON, or all become text for a terminal. Invariant: memory is bounded whatever a part
// writes: a line longer than the limit is cut.

/** Longest line kept; a stack trace in JSON is far below. */
export const LINE_BYTES_MAX = 64 * 1024;

export type Level = "debug" | "info" | "warn" | "error";
export type Render = (part: string, line: string) => string;

/** Splits chunks into lines; the rest waits for the next chunk. */
export class LineSplitter {
  #rest = "";
  #skipping = false;
  readonly #onLine: (line: string) => void;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: string): void {
    const parts = (this.#rest + chunk).split("\n");
    this.#rest = parts.pop() ?? "";
    for (const line of parts) {
      if (this.#skipping) this.#skipping = false;
      else if (line !== "") this.#onLine(line);
    }
    if (this.#rest.length > LINE_BYTES_MAX) {
      if (!this.#skipping) this.#onLine(`${this.#rest.slice(0, LINE_BYTES_MAX)}…`);
      this.#rest = "";
      this.#skipping = true;
    }
  }

  end(): void {
    if (this.#rest !== "" && !this.#skipping) this.#onLine(this.#rest);
    this.#rest = "";
  }
}

/** `[2026-01-01 10:00:00.123][7][warning][config] text` → level and text of Envoy's own format. */
const envoyLine = (line: string): { level: Level; text: string } | undefined => {
  const found = /^\[[^\]]+\]\[\d+\]\[([a-z]+)\](.*)$/.exec(line);
  if (found === null) return undefined;
  const [, word = "info", text = ""] = found;
  const level: Level =
    word === "warning"
      ? "warn"
      : word === "error" || word === "critical"
        ? "error"
        : word === "info"
          ? "info"
          : "debug";
  return { level, text: text.trim() };
};

/** What a line of a part's own log says when it is an error: the thrown message without its stack, and what to do. */
export const errorWords = (line: string): string | undefined => {
  if (!line.startsWith('{"level":"error"')) return undefined;
  try {
    const { text, error, hint } = JSON.parse(line) as Record<string, unknown>;
    const [said = ""] = typeof error === "string" ? error.split("\n") : [];
    const words = said === "" ? String(text ?? "") : said;
    return typeof hint === "string" ? `${words} (${hint})` : words;
  } catch {
    return undefined;
  }
};

/** The form of the parts' own logs (telemetry/log.ts). */
export const jsonLine = (part: string, level: Level, text: string, fields: object = {}): string =>
  JSON.stringify({ level, time: new Date().toISOString(), part, ...fields, text });

export const renderJson: Render = (part, line) => {
  if (line.startsWith('{"') && line.endsWith("}"))
    return line.includes('"part":') ? line : `{"part":${JSON.stringify(part)},${line.slice(1)}`;
  const envoy = envoyLine(line);
  return envoy === undefined ? jsonLine(part, "info", line) : jsonLine(part, envoy.level, envoy.text);
};

const row = (time: string, part: string, level: string, text: string): string =>
  `${time.slice(11, 23)} ${level.padEnd(5)} ${part.padEnd(12)} ${text}`;
const now = (): string => new Date().toISOString();

const HIDDEN = new Set(["level", "time", "part", "text", "node", "subject", "child"]);

/** Fields of a JSON line as ` key=value`, shortest useful form. */
const rest = (record: Record<string, unknown>): string =>
  Object.entries(record)
    .filter(([key]) => !HIDDEN.has(key))
    .map(([key, value]) => ` ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join("");

export const renderText: Render = (part, line) => {
  if (line.startsWith("{")) {
    try {
      const record = JSON.parse(line) as Record<string, unknown>;
      const { level, time, text } = record;
      const name = typeof record["part"] === "string" ? record["part"] : part;
      const at = typeof time === "string" ? time : now();
      return row(at, name, String(level ?? "info"), `${String(text ?? "")}${rest(record)}`);
    } catch {
      return row(now(), part, "info", line);
    }
  }
  const envoy = envoyLine(line);
  return row(now(), part, envoy?.level ?? "info", envoy?.text ?? line);
};
