// The pages of the documentation against the real thing: every `sh` block runs, every link leads somewhere. The blocks of a
// page are one script, run in an empty folder with an empty home, `catalyst` on the path and `examples/` beside. Each
// 127.0.0.1:PORT is exchanged for a free one, so that pages can name the default ports; a page with several nodes says their ports
// itself. Blocks marked `text` are shown only.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { freePort } from "../src/envoy/testing.ts";
import { needs } from "./kit/needs.ts";

const root = join(import.meta.dirname, "..");
const pages = globSync(["*.md", "docs/**/*.md", "sdk/*.md", "examples/**/*.md", "bench/*.md"], {
  cwd: root,
  exclude: ["**/node_modules/**"],
}).toSorted();

/** A page takes this long at most; what hangs is named with what it printed. */
const LIMIT_MS = 60_000;

interface Block {
  readonly language: string;
  readonly line: number;
  readonly text: string;
}

function blocks(page: string): Block[] {
  const found: Block[] = [];
  let open: { language: string; line: number; lines: string[] } | undefined;
  readFileSync(join(root, page), "utf8")
    .split("\n")
    .forEach((line, at) => {
      const fence = /^\s*```(.*)$/.exec(line);
      if (fence === null) open?.lines.push(line);
      else if (open === undefined) open = { language: fence[1]?.trim() ?? "", line: at + 2, lines: [] };
      else {
        found.push({ language: open.language, line: open.line, text: open.lines.join("\n") });
        open = undefined;
      }
    });
  return found;
}

/** The script with free ports for the named ones, and the environment that tells the node of its own. */
async function withFreePorts(
  script: string,
): Promise<{ script: string; environment: Record<string, string> }> {
  const ports = new Map<string, number>([["10000", await freePort()]]);
  for (const [, port = ""] of script.matchAll(/(?:127\.0\.0\.1:|http\.server )(\d{4,5})/g)) {
    if (!ports.has(port)) ports.set(port, await freePort());
  }
  const exchanged = script.replaceAll(
    /(127\.0\.0\.1:|http\.server )(\d{4,5})/g,
    (_, before: string, port: string) => `${before}${ports.get(port)}`,
  );
  const own = script.includes("--ingress-listen");
  const environment = own ? {} : { CATALYST_INGRESS_LISTEN: `127.0.0.1:${ports.get("10000")}` };
  return { script: exchanged, environment };
}

const PROLOGUE = `set -euo pipefail
trap 'code=$?; kill -TERM $(jobs -p) 2>/dev/null || true; wait; exit $code' EXIT
at() { line=$1; }
trap 'echo "failed at line $line of the page: $BASH_COMMAND" >&2' ERR
`;

async function runPage(script: string): Promise<{ code: number | null; said: string }> {
  const folder = mkdtempSync(join(tmpdir(), "catalyst-docs-"));
  try {
    for (const each of ["bin", "home", "page"]) mkdirSync(join(folder, each), { mode: 0o700 });
    symlinkSync(join(root, "catalyst"), join(folder, "bin/catalyst"));
    if (existsSync(join(root, "examples")))
      symlinkSync(join(root, "examples"), join(folder, "page/examples"));
    const ready = await withFreePorts(script);
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(CATALYST_(?!NODE$|ENVOY_PATH$)|NODE_TEST_|XDG_)/.test(name),
    );
    const shell = spawn("bash", ["-c", PROLOGUE + ready.script], {
      cwd: join(folder, "page"),
      detached: true, // a process group of its own, so that nothing it started outlives the test
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...Object.fromEntries(inherited),
        ...ready.environment,
        HOME: join(folder, "home"),
        XDG_CACHE_HOME: process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"),
        XDG_RUNTIME_DIR: join(folder, "home"),
        PATH: [join(folder, "bin"), join(root, "node_modules/.bin"), process.env["PATH"]].join(":"),
        NO_COLOR: "1",
      },
    });
    let said = "";
    const hear = (chunk: Buffer) => (said = (said + chunk.toString()).slice(-20_000));
    shell.stdout.on("data", hear);
    shell.stderr.on("data", hear);
    const timer = setTimeout(() => end(shell.pid), LIMIT_MS);
    const code = await new Promise<number | null>((resolve) => shell.on("exit", resolve));
    clearTimeout(timer);
    end(shell.pid);
    return { code, said };
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

function end(group: number | undefined): void {
  if (group === undefined) return;
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    return; // already gone, which is what is wanted
  }
}

for (const page of pages.filter((each) => /^[^/]+$|^docs\//.test(each))) {
  const script = blocks(page)
    .filter(({ language }) => language === "sh")
    .map(({ text, line }) => `at ${line}\n${text}`)
    .join("\n");
  if (script === "") continue;
  test(`${page}: its commands work`, needs("envoy", "python3", "curl"), async () => {
    const { code, said } = await runPage(script);
    assert.equal(code, 0, `${page} ended with ${code}:\n${said}`);
  });
}

test("every code block says what it is", () => {
  const bare = pages.flatMap((page) =>
    blocks(page)
      .filter(({ language }) => !/^(sh|text|ts|json|jsonc|graphql|yaml|html)$/.test(language))
      .map(({ line, language }) => `${page}:${line - 1}: "${language}"`),
  );
  assert.deepEqual(bare, []);
});

test("every link between pages leads somewhere", () => {
  const findings: string[] = [];
  for (const page of pages) {
    const text = readFileSync(join(root, page), "utf8").replaceAll(/```[\s\S]*?```/g, "");
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? page : normalize(join(dirname(page), path));
      if (!existsSync(join(root, file))) findings.push(`${page}: ${target}`);
      else if (anchor !== undefined && !anchors(file).has(anchor))
        findings.push(`${page}: no heading ${target}`);
    }
  }
  assert.deepEqual(findings, []);
});

/** Names of headings as the usual renderers make them, and those written by hand. */
function anchors(page: string): Set<string> {
  const text = readFileSync(join(root, page), "utf8");
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(/\s/g, "-"),
  );
  const written = [...text.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, name = ""]) => name);
  return new Set([...headings, ...written]);
}
