// The last good answer of a key server, kept on disk so that a restart while the server is away changes nothing. Follows
// docs/internals/identity.md section 4. Invariant: what is read back is parsed and aged exactly like a fresh answer; a damaged or
// foreign file counts as none, because it is a cache and the truth can be fetched again.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { JWKS_BYTES_MAX } from "../limits.ts";
import { type Log, reasonOf } from "../ports.ts";
import { privateDirectory, readPrivate, writePrivate } from "../private-file.ts";

export interface Answer {
  /** Milliseconds since the epoch. */
  readonly fetchedAt: number;
  readonly etag: string | undefined;
  readonly body: string;
}

export interface LastGood {
  read(): Promise<Answer | undefined>;
  write(answer: Answer): Promise<void>;
}

/** JSON escapes can make the body six times as long. */
const BYTES_MAX = 8 * JWKS_BYTES_MAX;

/** One file per (url, issuer): another configuration never reads this one's keys. */
export function lastGood(directory: string, url: string, issuer: string, log: Log): LastGood {
  const name = createHash("sha256").update(`${url}\n${issuer}`).digest("hex").slice(0, 32);
  const path = join(directory, `${name}.json`);
  return {
    async read() {
      try {
        await privateDirectory(directory);
        const text = await readPrivate(path, BYTES_MAX);
        return text === undefined ? undefined : answerOf(JSON.parse(text));
      } catch (error) {
        log.warn({ path, reason: reasonOf(error) }, "the saved key set is not usable");
        return undefined;
      }
    },
    async write(answer) {
      try {
        await writePrivate(path, `${JSON.stringify({ url, issuer, ...answer })}\n`);
      } catch (error) {
        // The keys are good in memory; only a restart during an outage would miss the file.
        log.warn({ path, reason: reasonOf(error) }, "the key set could not be saved");
      }
    },
  };
}

function answerOf(value: unknown): Answer {
  if (typeof value !== "object" || value === null) throw new Error("not an object");
  const { fetchedAt, etag, body }: { fetchedAt?: unknown; etag?: unknown; body?: unknown } = value;
  if (typeof fetchedAt !== "number" || !Number.isSafeInteger(fetchedAt) || typeof body !== "string") {
    throw new Error("incomplete");
  }
  return { fetchedAt, etag: typeof etag === "string" ? etag : undefined, body };
}
