// The schema's own kinds of values, one parser each: durations, sizes, addresses, paths. Codecs go both ways, so that a
// configuration can be written back as flags. `kind` tells the flag table what a text means (tools/generate.ts).

import * as z from "zod/mini";
import { readDuration, readSize, writeDuration, writeSize } from "./units.ts";

// A configuration is read once: code made for each schema would cost more than it saves (25 ms of a start).
z.config({ jitless: true });

declare module "zod/v4/core" {
  interface GlobalMeta {
    kind?: "duration" | "size" | "address" | "path" | "module";
  }
}

/**
 * Says what a value is for, and how it is called where not by rule. A schema that stands in several places is described anew in
 * each of them.
 */
export const about = <S extends z.core.$ZodType>(
  schema: S,
  description: string,
  more: Omit<z.core.GlobalMeta, "description"> = {},
): S => {
  const own = z.globalRegistry.has(schema) ? z.clone(schema) : schema;
  z.globalRegistry.add(own, { ...z.globalRegistry.get(schema), ...more, description });
  return own;
};

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
  const text = z.string().check(
    z.regex(form, { error: `must be a ${kind} such as ${example}`, abort: true }),
    z.refine((value) => convert.read(value) >= min, `must be at least ${bounds.min ?? "0"}`),
    z.refine((value) => convert.read(value) <= max, `must be at most ${bounds.max}`),
  );
  return z
    .codec(text, z.int().check(z.minimum(0)), { decode: convert.read, encode: convert.write })
    .register(z.globalRegistry, { kind });
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
    .check(
      z.maxLength(300),
      z.regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/, {
        error: 'must be "host:port"',
        abort: true,
      }),
      z.refine(
        (text) => Number(text.slice(text.lastIndexOf(":") + 1)) <= 65_535,
        "port must be at most 65535",
      ),
    )
    .register(z.globalRegistry, { kind: "address" });

/** A path; "~/" is the home directory, relative ones start at the file that names them, else at the working directory. */
export const path = () =>
  z.string().check(z.minLength(1), z.maxLength(4096)).register(z.globalRegistry, { kind: "path" });

/** A package name, or a path when it starts with "." or "/" or "~/". */
export const module = () =>
  z.string().check(z.minLength(1), z.maxLength(1024)).register(z.globalRegistry, { kind: "module" });

/** What stands in a file of its own, because it is large, or changes apart from the configuration. */
export const fileOf = (text: string) => z.strictObject({ file: about(path(), text) });
