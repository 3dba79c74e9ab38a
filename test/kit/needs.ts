// Real parts that a test cannot do without: Envoy, a browser, root, a tool of the system. A machine that lacks one skips
// those tests with the reason, and `npm test` lists the missing parts in its last lines. Under CI=true nothing is skipped
// silently: a failing test named after the missing part takes its place.
// Use: `test("routes are served", needs("envoy"), async () => { … })`.

import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "node:test";

export type Part = "envoy" | "chromium" | "root" | "openssl" | "setpriv" | "python3" | "curl" | "git";

/** The reason of a skipped test opens with this; tools/test.ts finds the missing parts by it. */
export const MISSING = "missing part: ";

/** CI=true is the promise that every real part is there. */
export function underCi(environment: NodeJS.ProcessEnv = process.env): boolean {
  return !["", "0", "false", undefined].includes(environment["CI"]);
}

const reported = new Set<Part>();

/** Options of a test that needs these parts; skips it where one is missing. */
export function needs(...parts: readonly Part[]): { skip?: string } {
  const missing = parts.filter((part) => locate(part) === undefined);
  if (missing.length === 0) return {};
  const reason = MISSING + missing.map((part) => `${part} (${HINTS[part]})`).join(", ");
  if (underCi()) {
    for (const part of missing) {
      if (reported.has(part)) continue;
      reported.add(part);
      void test(`needs ${part}`, () => {
        throw new Error(`${MISSING}${part} (${HINTS[part]}); nothing is skipped under CI=true`);
      });
    }
  }
  return { skip: reason };
}

/** The file that is the part, or undefined. For "root" any text that is not empty. */
export function locate(part: Part): string | undefined {
  switch (part) {
    case "envoy":
      return executable(process.env["CATALYST_ENVOY_PATH"] ?? pinnedEnvoy());
    case "chromium":
      return (
        executable(process.env["CHROMIUM_PATH"]) ??
        onPath("chromium-headless-shell") ??
        onPath("chromium") ??
        onPath("google-chrome")
      );
    case "root":
      return process.getuid?.() === 0 ? "uid 0" : undefined;
    default:
      return onPath(part);
  }
}

const HINTS: Readonly<Record<Part, string>> = {
  envoy: "tools/setup fetches it; or CATALYST_ENVOY_PATH",
  chromium: "package chromium-headless-shell; or CHROMIUM_PATH",
  root: "run as root",
  openssl: "package openssl",
  setpriv: "package util-linux",
  python3: "package python3",
  curl: "package curl",
  git: "package git",
};

/** Where tools/setup puts the pinned Envoy of this processor. */
function pinnedEnvoy(): string | undefined {
  const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
  const lock = readFileSync(new URL("../../tools/envoy.lock", import.meta.url), "utf8");
  const sum = new RegExp(`^# binary ${machine} ([0-9a-f]{64})$`, "m").exec(lock)?.[1];
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return sum === undefined ? undefined : join(cache, "catalyst", "envoy", sum, "envoy");
}

function onPath(name: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const folder of [...folders, "/usr/sbin", "/sbin"]) {
    const found = executable(join(folder, name));
    if (found !== undefined) return found;
  }
  return undefined;
}

function executable(file: string | undefined): string | undefined {
  if (file === undefined || file === "") return undefined;
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile() ? file : undefined;
  } catch {
    return undefined; // not there, or not ours to run: both mean that the part is missing
  }
}
