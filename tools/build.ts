// `npm run build`: the release, one folder that runs where it is put: `dist/catalyst/` with the launcher, the bundled program,
// the examples that `demo` starts, native parts, licences, and the script that fetches Envoy. `dist/sdk/` is the SDK as it is
// published. No node_modules; a Node >= 24.21 is needed, or put beside it with `--with-node`.

import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join, relative } from "node:path";
import { bundle } from "./bundle.ts";

const root = join(import.meta.dirname, "..");

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
}

/** The launcher of a release. What it checks it checks in the program itself, without a process more. */
const LAUNCHER = `#!/bin/sh
# Runs this release: with CATALYST_NODE, else the Node put beside it, else the one on PATH (24.21 or newer; it checks).
# Compiled code is kept in a folder of this user; where that cannot be written, Node goes on without.
# Two processes less where it was not called by a link.
case $0 in /*) here=\${0%/*} ;; */*) here=./\${0%/*} ;; *) here=. ;; esac
[ ! -h "$0" ] || here=$(dirname -- "$(readlink -f -- "$0")")
node=\${CATALYST_NODE:-}
[ -n "$node" ] || { [ -x "$here/bin/node" ] && node=$here/bin/node; } || node=node
command -v "$node" >/dev/null || {
  echo "error: no Node.js: \\"$node\\" is not a program [ERR_USAGE]" >&2
  echo "try:   install Node.js 24.21 or newer, or name it: CATALYST_NODE=/path/to/node" >&2
  exit 64
}
export NODE_COMPILE_CACHE="\${NODE_COMPILE_CACHE:-\${XDG_CACHE_HOME:-\${HOME:-}/.cache}/catalyst/compile}"
exec "$node" --disable-warning=ExperimentalWarning "$here/lib/start.js" "$@"
`;

/** Parsed by any Node, so that an old one gets a sentence instead of a stack. */
const START = `import { fileURLToPath } from "node:url";
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 21)) {
  console.error("error: Node.js " + process.versions.node + " is too old, 24.21 or newer is needed [ERR_USAGE]");
  console.error("try:   CATALYST_NODE=/path/to/node catalyst ...");
  process.exitCode = 64;
} else {
  process.argv[1] = fileURLToPath(new URL("./main.js", import.meta.url));
  await import("./main.js");
}
`;

/** GraphiQL: text for browsers that only passes through a short-lived thread. */
const PAGE = "@graphql-yoga/render-graphiql";

export interface Sizes {
  /** Bytes of JavaScript of the whole program. */
  readonly program: number;
  /** Bytes of the page for browsers. */
  readonly page: number;
}

export async function build(target: string, options: { readonly withNode?: boolean } = {}): Promise<Sizes> {
  const manifest = JSON.parse(fs.readFileSync(join(root, "package.json"), "utf8")) as Manifest;
  const folder = join(target, "catalyst");
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(join(folder, "tools"), { recursive: true });
  const bundled = await bundle({ main: "src/cli/main.ts" }, join(folder, "lib"), PAGE);
  fs.writeFileSync(join(folder, "lib/start.js"), START);
  fs.writeFileSync(join(folder, "catalyst"), LAUNCHER, { mode: 0o755 });
  for (const file of ["tools/setup", "tools/envoy.lock", "tools/unpack-envoy.py", "LICENSE"]) {
    fs.copyFileSync(join(root, file), join(folder, file));
  }
  fs.chmodSync(join(folder, "tools/setup"), 0o755);
  fs.writeFileSync(join(folder, "NOTICE"), notice(bundled.packages));
  const { name, version, description, license } = manifest;
  const own = { name, version, description, license, type: "module", bin: { catalyst: "./catalyst" } };
  const engines = { node: ">=24.21" };
  fs.writeFileSync(join(folder, "package.json"), `${JSON.stringify({ ...own, engines }, null, 2)}\n`);
  if (options.withNode === true) {
    fs.mkdirSync(join(folder, "bin"));
    fs.copyFileSync(process.execPath, join(folder, "bin/node"));
    fs.chmodSync(join(folder, "bin/node"), 0o755);
  }
  return { program: bundled.size, page: bundled.apart };
}

/** The SDK as JavaScript with types; the published package has no other file. */
export async function buildSdk(target: string): Promise<void> {
  const folder = join(target, "sdk");
  fs.rmSync(folder, { recursive: true, force: true });
  await bundle({ index: "sdk/src/index.ts" }, folder);
  const types = spawnSync(
    join(root, "node_modules/.bin/tsc"),
    ["-p", "tsconfig.sdk.json", "--outDir", folder],
    { cwd: join(root, "tools"), encoding: "utf8" },
  );
  if (types.status !== 0) throw new Error(`types of the SDK: ${types.stdout}${types.stderr}`);
  // The compiler leaves the sources' endings in declarations; a reader of the package has no sources.
  for (const name of fs.readdirSync(folder).filter((each) => each.endsWith(".d.ts"))) {
    const text = fs.readFileSync(join(folder, name), "utf8");
    fs.writeFileSync(join(folder, name), text.replaceAll(/(["']\.\/[\w/-]+)\.ts(["'])/g, "$1.js$2"));
  }
  const { devDependencies: _, ...manifest } = JSON.parse(
    fs.readFileSync(join(root, "sdk/package.json"), "utf8"),
  ) as Record<string, unknown>;
  const own = { ...manifest, types: "./index.d.ts", exports: "./index.js", files: ["*.js", "*.d.ts"] };
  fs.writeFileSync(join(folder, "package.json"), `${JSON.stringify(own, null, 2)}\n`);
  for (const file of ["LICENSE", "sdk/README.md"]) {
    if (fs.existsSync(join(root, file)))
      fs.copyFileSync(join(root, file), join(folder, file.replace("sdk/", "")));
  }
}

/** Our notice and the licence text of every package that is in the bundle. */
function notice(packages: readonly string[]): string {
  const parts = packages.map((folder) => {
    const { name, version, license } = JSON.parse(
      fs.readFileSync(join(folder, "package.json"), "utf8"),
    ) as Manifest;
    const file = fs.readdirSync(folder).find((entry) => /^(licen[cs]e|copying)(\.|$)/i.test(entry));
    const text =
      file === undefined
        ? "(the package carries no licence text)"
        : fs.readFileSync(join(folder, file), "utf8");
    return `${"-".repeat(80)}\n${name} ${version}: ${license}\n\n${text.trim()}\n`;
  });
  return `${fs.readFileSync(join(root, "NOTICE"), "utf8")}\n${parts.join("\n")}`;
}

if (import.meta.main) {
  const started = performance.now();
  const target = join(root, "dist");
  const { program, page } = await build(target, { withNode: process.argv.includes("--with-node") });
  await buildSdk(target);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const [own, text] = [program, page].map((bytes) => `${(bytes / 1e6).toFixed(2)} MB`);
  console.log(`dist/catalyst: ${own} of JavaScript and GraphiQL's ${text}, ${seconds} s`);
  console.log(`try: ${relative(process.cwd(), join(target, "catalyst/catalyst"))} demo --once`);
}
