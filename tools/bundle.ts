// Sources and libraries into one folder of JavaScript that needs no node_modules but for native parts, which lie beside.
// One form of naming a file at run time is followed, in our sources only: `new URL("./x", import.meta.url)`. A TypeScript
// file named so becomes a chunk of its own (a worker, a process), anything else is copied; the tidy test forbids other forms.
// Invariant: the same sources give the same bytes; chunks are named by the hash of what they hold.

import { copyFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, extname, join, relative, resolve } from "node:path";
import { rolldown } from "rolldown";

export interface Bundled {
  /** Bytes of JavaScript, without what is counted apart. */
  readonly size: number;
  /** Bytes of the chunks that hold nothing but the package to be counted apart. */
  readonly apart: number;
  /** Names of all files written. */
  readonly files: readonly string[];
  /** Folders of the packages that something was taken from. */
  readonly packages: readonly string[];
}

const root = join(import.meta.dirname, "..");
const NAMED = /new\s+URL\(\s*(["'])([^"']+)\1\s*,\s*import\.meta\.url\s*,?\s*\)/g;

/** `apart` names a package whose chunks are no part of the program's size, because no thread of it keeps them. */
export async function bundle(
  entries: Readonly<Record<string, string>>,
  folder: string,
  apart?: string,
): Promise<Bundled> {
  const build = await rolldown({
    input: { ...entries },
    cwd: root,
    platform: "node",
    external: [/\.node$/],
    // ES modules first: the other form of jsonc-parser hides its requires from every bundler.
    resolve: { mainFields: ["module", "main"] },
    plugins: [
      {
        name: "files-named-by-url",
        transform: {
          filter: { code: "import.meta.url", id: { exclude: /node_modules/ } },
          handler(code, id) {
            const replaced = code.replaceAll(NAMED, (_, _quote, specifier: string) => {
              const file = resolve(dirname(id), specifier);
              // Two files of one name would be given the same chunk, so the whole path is the name.
              const name = relative(root, file).replaceAll("/", "-");
              const reference =
                extname(file) === ".ts"
                  ? this.emitFile({ type: "chunk", id: file, name: basename(name, ".ts") })
                  : this.emitFile({ type: "asset", name, source: readFileSync(file) });
              return `new URL(import.meta.ROLLUP_FILE_URL_${reference})`;
            });
            return replaced === code ? null : { code: replaced, map: null };
          },
        },
      },
    ],
    onLog(level, log, next) {
      // Libraries use direct eval and circular imports; only what concerns our own sources matters.
      if (log.code === "EVAL" || log.code === "CIRCULAR_DEPENDENCY") return;
      next(level, log);
    },
  });
  const { output } = await build.write({
    dir: folder,
    format: "esm",
    minify: true,
    codeSplitting: true,
    entryFileNames: "[name].js",
    chunkFileNames: "[name]-[hash].js",
    assetFileNames: "[name]-[hash][extname]",
  });
  await build.close();
  const sizes = { program: 0, apart: 0 };
  const packages = new Set<string>();
  for (const file of output) {
    if (file.type !== "chunk") continue;
    const folders = Object.keys(file.modules).flatMap((id) => packageFolder(id) ?? []);
    folders.forEach((each) => packages.add(each));
    const counted = folders.length > 0 && folders.every((each) => each.endsWith(`/node_modules/${apart}`));
    sizes[counted ? "apart" : "program"] += Buffer.byteLength(file.code);
  }
  const native = [...packages].flatMap((each) => nativeParts(each));
  for (const file of native) copyFileSync(file, join(folder, basename(file)));
  const files = [...output.map((file) => file.fileName), ...native.map((file) => basename(file))];
  return {
    size: sizes.program,
    apart: sizes.apart,
    files: files.toSorted(),
    packages: [...packages].toSorted(),
  };
}

/** The innermost folder under node_modules that a module comes from. */
function packageFolder(id: string): string | undefined {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id)?.[0];
}

/** Add-ons of all platforms that the package carries itself, so that one folder runs on each of them. */
function nativeParts(folder: string): string[] {
  const places = [folder, join(folder, "dist")].filter((place) => existsSync(place));
  return places.flatMap((place) =>
    readdirSync(place)
      .filter((name) => name.endsWith(".node"))
      .map((name) => join(place, name)),
  );
}
