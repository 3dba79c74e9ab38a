// Text forms of the configuration's values and their meaning, one parser each: durations ("30s" → milliseconds), sizes
// ("64MiB" → bytes), addresses ("host:port"). Codecs go both ways, so that a configuration can be written back as flags.

import { z } from "zod";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

const scale = (units: Readonly<Record<string, number>>, text: string): number => {
  const [, amount = "", unit = ""] = /^(\d{1,12}(?:\.\d{1,3})?)([A-Za-z]+)$/.exec(text) ?? [];
  return Math.round(Number(amount) * (units[unit] ?? Number.NaN));
};

/** Writes in the largest unit that divides it. */
const unscale = (units: Readonly<Record<string, number>>, amount: number): string => {
  const [unit, factor] = Object.entries(units)
    .toReversed()
    .find(([, each]) => amount % each === 0 && amount >= each) ??
    Object.entries(units)[0] ?? ["", 1];
  return `${amount / factor}${unit}`;
};

/** "250ms", "30s", "5m", "1h", "7d" → milliseconds. */
export const duration = () =>
  z.codec(
    z.string().regex(/^\d{1,12}(\.\d{1,3})?(ms|s|m|h|d)$/, 'must be a duration such as "30s" or "5m"'),
    z.int().min(0),
    {
      decode: (text) => scale(UNITS, text),
      encode: (ms) => unscale(UNITS, ms),
    },
  );

/** "64KiB", "1MiB" → bytes. */
export const size = () =>
  z.codec(
    z.string().regex(/^\d{1,12}(\.\d{1,3})?(B|KiB|MiB|GiB)$/, 'must be a size such as "64KiB" or "1MiB"'),
    z.int().min(0),
    {
      decode: (text) => scale(SIZES, text),
      encode: (bytes) => unscale(SIZES, bytes),
    },
  );

/** "127.0.0.1:10000", "[::1]:10000", "host.example:443"; port 0 = any free one. */
export const address = () =>
  z
    .string()
    .max(300)
    .regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/, 'must be "host:port"')
    .refine((text) => Number(text.slice(text.lastIndexOf(":") + 1)) <= 65_535, "port must be at most 65535");

/** A path; "~/" is the home directory, relative ones start at the file that names them. */
export const path = () => z.string().min(1).max(4096);
