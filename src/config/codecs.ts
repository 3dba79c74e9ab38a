// The schema's own kinds of values, one parser each: durations, sizes, addresses, paths. Codecs go both ways, so that a
// configuration can be written back as flags. `kind` tells the flag table what a text means (tools/generate.ts).

import { z } from "zod";
import { readDuration, readSize, writeDuration, writeSize } from "./units.ts";

// A configuration is read once: code made for each schema would cost more than it saves (25 ms of a start).
z.config({ jitless: true });

declare module "zod" {
  interface GlobalMeta {
    kind?: "duration" | "size" | "address" | "path" | "module";
  }
}

interface Bounds {
  readonly min?: string;
  readonly max: string;
}

/** Checks and converts in one place: the text decides, so that a message speaks of what was written. */
const amount = (
  kind: "duration" | "size",
  form: RegExp,
  example: string,
  convert: { readonly read: (text: string) => number; readonly write: (amount: number) => string },
  bounds: Bounds,
) => {
  const min = bounds.min === undefined ? 0 : convert.read(bounds.min);
  const max = convert.read(bounds.max);
  const text = z
    .string()
    .regex(form, { error: `must be a ${kind} such as ${example}`, abort: true })
    .refine((value) => convert.read(value) >= min, `must be at least ${bounds.min ?? "0"}`)
    .refine((value) => convert.read(value) <= max, `must be at most ${bounds.max}`);
  return z.codec(text, z.int().min(0), { decode: convert.read, encode: convert.write }).meta({ kind });
};

/** "250ms", "30s", "5m", "1h", "7d" → milliseconds. The largest timer that Node has is 24.8 days. */
export const duration = ({ min, max }: Partial<Bounds> = {}) =>
  amount(
    "duration",
    /^\d{1,12}(\.\d{1,3})?(ms|s|m|h|d)$/,
    '"30s" or "5m"',
    { read: readDuration, write: writeDuration },
    { ...(min === undefined ? {} : { min }), max: max ?? "24d" },
  );

/** "64KiB", "1MiB" → bytes. */
export const size = ({ min, max }: Partial<Bounds> = {}) =>
  amount(
    "size",
    /^\d{1,12}(\.\d{1,3})?(B|KiB|MiB|GiB)$/,
    '"64KiB" or "1MiB"',
    { read: readSize, write: writeSize },
    { ...(min === undefined ? {} : { min }), max: max ?? "1GiB" },
  );

/** "127.0.0.1:10000", "[::1]:10000", "host.example:443"; port 0 = any free one. */
export const address = () =>
  z
    .string()
    .max(300)
    .regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/, {
      error: 'must be "host:port"',
      abort: true,
    })
    .refine((text) => Number(text.slice(text.lastIndexOf(":") + 1)) <= 65_535, "port must be at most 65535")
    .meta({ kind: "address" });

/** A path; "~/" is the home directory, relative ones start at the file that names them, else at the working directory. */
export const path = () => z.string().min(1).max(4096).meta({ kind: "path" });

/** A package name, or a path when it starts with "." or "/" or "~/". */
export const module = () => z.string().min(1).max(1024).meta({ kind: "module" });

/** What stands in a file of its own, because it is large, or changes apart from the configuration. */
export const fileOf = (text: string) => z.strictObject({ file: path().describe(text) });
