// The version of this program: that of the package.json it lies in. From source that is three folders up, in a release one;
// so the nearest one above is taken.

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

export function programVersion(): string {
  for (let at = import.meta.dirname; ; at = dirname(at)) {
    const file = join(at, "package.json");
    if (existsSync(file)) {
      const { version }: { version?: unknown } = JSON.parse(readFileSync(file, "utf8")) as object;
      if (typeof version === "string") return version;
    }
    if (dirname(at) === at) return "unknown";
  }
}
