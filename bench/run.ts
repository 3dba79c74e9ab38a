// `npm run bench -- NAME [flags]`: runs one benchmark and says first on which machine, so that a figure is never without
// its circumstances. Without NAME it lists them. A benchmark is a folder with an index.ts that exports `about`, one line, and
// `run(args)`. Benchmarks are never part of `npm test`: times are figures, not assertions.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

interface Benchmark {
  /** One line for the list. */
  readonly about?: string;
  run(args: readonly string[]): Promise<void>;
}

const here = import.meta.dirname;

function names(): string[] {
  return readdirSync(here, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(here, entry.name, "index.ts")))
    .map((entry) => entry.name)
    .toSorted();
}

async function load(name: string): Promise<Benchmark> {
  const found: unknown = await import(pathToFileURL(join(here, name, "index.ts")).href);
  if (typeof found !== "object" || found === null || !("run" in found) || typeof found.run !== "function") {
    throw new Error(`bench/${name}/index.ts exports no run(args)`);
  }
  return found as Benchmark;
}

/** What a reader of a figure has to know about where it came from. */
function machine(): string {
  const processors = cpus();
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  const git = (...args: readonly string[]) => {
    try {
      return execFileSync("git", args, {
        cwd: here,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      }).trim();
    } catch {
      return "unknown"; // a release without its repository
    }
  };
  const dirty = git("status", "--porcelain", "--untracked-files=no") === "" ? "" : " with changes";
  return [
    `machine: ${processors[0]?.model ?? "unknown"}, ${processors.length} cores, ${gibibytes} GiB`,
    `node:    ${process.version} ${process.platform}-${process.arch}`,
    `commit:  ${git("rev-parse", "--short", "HEAD")}${dirty}`,
    `load:    ${loadavg()
      .map((load) => load.toFixed(2))
      .join(" ")} (1, 5, 15 minutes)`,
    `date:    ${new Date().toISOString().slice(0, 16)}Z`,
  ].join("\n");
}

const [name, ...args] = process.argv.slice(2);
const known = names();
if (name === undefined || name === "--help") {
  console.log("npm run bench -- NAME [flags]");
  for (const each of known) console.log(`  ${each.padEnd(16)}  ${(await load(each)).about ?? ""}`);
  if (known.length === 0) console.log("  (there is no benchmark)");
} else if (!known.includes(name)) {
  console.error(`error: no benchmark "${name}" [ERR_USAGE]\ntry:   npm run bench   (${known.join(", ")})`);
  process.exitCode = 64;
} else {
  const benchmark = await load(name);
  console.log(`${machine()}\ncommand: npm run bench -- ${[name, ...args].join(" ")}\n`);
  await benchmark.run(args);
}
