// Keeps the picture of the code true: who imports whom, how files look, what the repository must not hold, and that each
// list which stands twice says the same twice. Follows docs/internals/conventions.md; the table of rooms is tools/rooms.ts.
// Every finding names file and line, and all findings of a rule are shown at once.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { ERRORS } from "../src/rpc/errors.ts";
import { scan, type Scanned } from "../tools/imports.ts";
import { lintConfig } from "../tools/lint.ts";
import { ROOMS, roomTable } from "../tools/rooms.ts";

interface Source extends Scanned {
  readonly file: string;
  readonly text: string;
  readonly test: boolean;
  readonly generated: boolean;
}

process.chdir(join(import.meta.dirname, ".."));

/** Tracked files and those about to be; what is ignored is not looked at. */
const tracked = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  encoding: "utf8",
  maxBuffer: 64 << 20,
})
  .split("\n")
  .filter((file) => file !== "" && existsSync(file) && statSync(file).isFile());

const sources: readonly Source[] = tracked
  .filter((file) => /\.tsx?$/.test(file) && !file.includes("/testdata/"))
  .map((file) => {
    const text = readFileSync(file, "utf8");
    return {
      file,
      text,
      test: /\.(test|common-case)\.tsx?$/.test(file) || file.startsWith("test/"),
      generated: /\.generated\.ts$|\/generated\//.test(file),
      ...scan(text),
    };
  });
const written = sources.filter((source) => !source.generated);
const product = written.filter((source) => source.file.startsWith("src/") && !source.test);

function none(findings: readonly string[], rule: string): void {
  assert.equal(findings.length, 0, `${rule}:\n  ${findings.join("\n  ")}\n`);
}

/** The innermost room of a file: "envoy/translate" before "envoy". */
function roomOf(file: string): string | undefined {
  return Object.keys(ROOMS)
    .filter((room) => file.startsWith(`src/${room}/`))
    .toSorted((a, b) => b.length - a.length)[0];
}

function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

test("every file of src belongs to a room", () => {
  const homeless = sources.filter(({ file }) => file.startsWith("src/") && roomOf(file) === undefined);
  none(
    homeless.map(({ file }) => file),
    "tools/rooms.ts names no room for",
  );
});

test("rooms import each other only through their doors, and as their table allows", () => {
  const findings: string[] = [];
  for (const { file, imports, test: isTest } of sources) {
    const room = roomOf(file);
    if (room === undefined) continue;
    for (const { specifier, kind, line } of imports) {
      const refuse = (why: string) => findings.push(`${file}:${line} "${specifier}": ${why}`);
      if (specifier.startsWith(".")) {
        const target = normalize(join(dirname(file), specifier));
        if ((isTest || kind === "file") && !target.startsWith("src/")) continue;
        const other = roomOf(target);
        if (other === room) continue;
        const nested = other?.startsWith(`${room}/`) === true && basename(target) === "index.ts";
        const upward = other !== undefined && room.startsWith(`${other}/`) && kind === "types";
        if (!nested && !upward && !(isTest && other?.startsWith(`${room}/`))) refuse("leaves its room");
      } else if (specifier.startsWith("#")) {
        const allowed = ROOMS[room]?.imports[specifier.slice(1)];
        if (specifier === `#${room}`) refuse("a room does not use its own door");
        else if (isTest) continue;
        else if (allowed === undefined) refuse(`${room} may not import it`);
        else if (allowed === "types" && kind !== "types") refuse(`${room} may import its types only`);
      }
    }
  }
  none(findings, "imports against tools/rooms.ts");
});

test("an npm package is imported by the room whose subject it serves, and node: never by a pure room", () => {
  const findings: string[] = [];
  for (const { file, imports } of product) {
    const room = ROOMS[roomOf(file) ?? ""];
    for (const { specifier, kind, line } of imports) {
      if (kind === "file" || /^[.#]/.test(specifier)) continue;
      const refuse = (why: string) => findings.push(`${file}:${line} "${specifier}": ${why}`);
      if (specifier.startsWith("node:")) {
        if (room?.pure === true) refuse("the room is pure");
        continue;
      }
      const allowed = room?.npm?.[packageOf(specifier)];
      if (allowed === undefined) refuse("not a package of this room");
      else if (allowed === "types" && kind !== "types") refuse("types only");
      else if (allowed === "lazy" && kind === "static") refuse("only by await import()");
    }
  }
  none(findings, "packages against tools/rooms.ts");
});

test("only src/rpc speaks capnweb", () => {
  const findings = sources
    .filter(({ file }) => !file.startsWith("src/rpc/"))
    .flatMap(({ file, imports }) =>
      imports
        .filter(({ specifier, kind }) => packageOf(specifier) === "capnweb" && kind !== "file")
        .map(({ line }) => `${file}:${line}`),
    );
  none(findings, "imports of capnweb outside src/rpc");
});

test("rooms make no cycle, neither in the table nor in the sources", () => {
  const graph = new Map<string, Set<string>>();
  const edge = (from: string, to: string) => graph.set(from, (graph.get(from) ?? new Set()).add(to));
  for (const [room, { imports }] of Object.entries(ROOMS))
    Object.keys(imports).forEach((to) => edge(room, to));
  for (const { file, imports } of product) {
    for (const { specifier } of imports)
      if (specifier.startsWith("#")) edge(roomOf(file) ?? "", specifier.slice(1));
  }
  const visit = (room: string, path: readonly string[]): string[] => {
    if (path.includes(room)) return [[...path.slice(path.indexOf(room)), room].join(" -> ")];
    return [...(graph.get(room) ?? [])].flatMap((next) => visit(next, [...path, room]));
  };
  none([...new Set([...graph.keys()].flatMap((room) => visit(room, [])))], "cycles");
});

test("the SDK stands alone, and test helpers are imported by tests only", () => {
  const findings: string[] = [];
  for (const { file, imports, test: isTest } of sources) {
    for (const { specifier, line, kind } of imports) {
      const target = specifier.startsWith(".") ? normalize(join(dirname(file), specifier)) : specifier;
      const place = `${file}:${line} "${specifier}"`;
      if (file.startsWith("sdk/") && !isTest && !/^(node:|sdk\/)/.test(target)) findings.push(place);
      if (target.startsWith("test/kit/") && !isTest && !/^(tools|bench)\//.test(file)) findings.push(place);
      if (file.startsWith("examples/") && !isTest && /^(src|test|tools)\//.test(target)) findings.push(place);
      if (file.startsWith("examples/") && specifier.startsWith("#") && kind !== "types") findings.push(place);
    }
  }
  none(findings, "imports");
});

test("a file is named at run time only in the form that the release bundle follows", () => {
  const findings: string[] = [];
  for (const { file, code } of written.filter(({ test: isTest }) => !isTest)) {
    if (!/^(src|examples)\//.test(file)) continue;
    const rest = code.replaceAll(
      /new\s+URL\(\s*["']_*["']\s*,\s*import\.meta\.url\s*,?\s*\)|import\.meta\.main/g,
      "",
    );
    for (const match of rest.matchAll(/import\.meta\b|__dirname|__filename/g)) {
      findings.push(
        `${file}:${rest.slice(0, match.index).split("\n").length}: use new URL("./x", import.meta.url)`,
      );
    }
  }
  none(findings, "places");
});

test("files are short, and so are lines of code", () => {
  const findings: string[] = [];
  for (const { file, text, code } of written) {
    const lines = text.trimEnd().split("\n");
    if (lines.length > 500) findings.push(`${file}: ${lines.length} lines, at most 500`);
    code.split("\n").forEach((line, at) => {
      // A long text cannot be broken without harm; everything else can.
      if (line.trimEnd().replaceAll(/_{20,}/g, "").length > 110)
        findings.push(`${file}:${at + 1}: over 110 columns`);
      if ((lines[at] ?? "").length > 150 && line.trim() === "")
        findings.push(`${file}:${at + 1}: a long comment line`);
    });
  }
  none(findings, "too long");
});

test("each file opens with a comment that says what it is", () => {
  const findings = written
    .filter(({ file, test: isTest }) => !isTest || file.startsWith("test/kit/")) // a test's name and its cases say it
    .filter(
      ({ file }) => basename(file) !== "index.ts" && /^(src|sdk|examples|tools|test|bench)\//.test(file),
    )
    .filter(({ text }) => !/^(#!.*\n)?\s*(\/\/ ?\S|\/\*\*?\s*\S)/.test(text))
    .map(({ file }) => file);
  none(findings, "no opening comment");
});

test("files are named after one noun, in kebab-case", () => {
  const forbidden = /(^|-)(utils?|helpers?|manager|handlers?)(-|$)|^(common|data|info)$/;
  const findings = written
    .map(({ file }) => file)
    .filter((file) => {
      const stem = basename(file)
        .replace(/\.(test|common-case|property|d)?\.?tsx?$/, "")
        .replace(/\.property$/, "");
      return !/^[a-z0-9]+([.-][a-z0-9]+)*$/.test(stem) || forbidden.test(stem);
    });
  none(findings, "file names");
});

test("there is no default export, and no TODO without the number of an issue", () => {
  const findings: string[] = [];
  for (const { file, code, comments } of written) {
    const exported = /^export\s+default\b/m.exec(code);
    if (exported !== null && file !== "tools/test-reporter.ts") findings.push(`${file}: default export`);
    for (const match of comments.matchAll(/\b(TODO|FIXME|XXX|HACK)\b(?!\s*\(?#\d+)/g)) {
      findings.push(`${file}:${comments.slice(0, match.index).split("\n").length}: ${match[0]}`);
    }
  }
  none(findings, "not allowed");
});

test("no tracked file names a path of somebody's machine or the host of a package registry", () => {
  const places = [
    String.raw`(?<![\w.~$}-])/(?:home|Users)/(?!ada\b|user\b)[a-z][\w.-]*/`,
    String.raw`(?<![\w.~$}-])/root/[\w.]`,
    String.raw`https?://[a-z0-9.-]*(?:registry|mirror|artifactory)[a-z0-9.-]*/`,
  ];
  const found = new RegExp(places.join("|"), "g");
  const findings: string[] = [];
  for (const file of tracked) {
    if (/\.(png|svg|ico|woff2?|bin|pb|gz|zst)$/.test(file) || file === "test/tidy.test.ts") continue;
    const text = readFileSync(file, "utf8");
    for (const match of text.matchAll(found)) {
      findings.push(`${file}:${text.slice(0, match.index).split("\n").length}: ${match[0]}`);
    }
  }
  none(findings, "machine paths and registry hosts");
});

interface Manifest {
  readonly imports?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

function manifest(file: string): Manifest {
  return JSON.parse(readFileSync(file, "utf8")) as Manifest;
}

test("each dependency is pinned exactly and has its line in docs/dependencies.md", () => {
  const page = readFileSync("docs/dependencies.md", "utf8");
  const findings: string[] = [];
  for (const file of tracked.filter((name) => /^(bench\/|sdk\/)?package\.json$/.test(name))) {
    const { dependencies, optionalDependencies, devDependencies } = manifest(file);
    const all = { ...dependencies, ...optionalDependencies, ...devDependencies };
    for (const [name, version] of Object.entries(all)) {
      if (!/^\d+\.\d+\.\d+(-[\w.]+)?$|^file:/.test(version))
        findings.push(`${file}: ${name} is not pinned (${version})`);
      if (!page.includes(`\n| \`${name}\` |`))
        findings.push(`docs/dependencies.md: no line for ${name} (${file})`);
    }
  }
  const known = tracked
    .filter((name) => /^(bench\/|sdk\/)?package\.json$/.test(name))
    .map((name) => readFileSync(name, "utf8"))
    .join("\n");
  for (const [, name = ""] of page.matchAll(/^\| `([^`]+)` \|/gm)) {
    if (!known.includes(`"${name}"`)) findings.push(`docs/dependencies.md: ${name} is no dependency`);
  }
  none(findings, "dependencies");
});

test("everything installed at run time has a licence of the allow list", () => {
  const allowed = new Set(["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MPL-2.0", "0BSD"]);
  interface Locked {
    readonly license?: string;
    readonly dev?: boolean;
    readonly link?: boolean;
  }
  const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as { packages: Record<string, Locked> };
  const findings = Object.entries(lock.packages)
    .filter(([path, { dev, link }]) => path !== "" && dev !== true && link !== true)
    .filter(([, { license = "" }]) => {
      const words = license.replaceAll(/[()]/g, "").split(/ (AND|OR) /);
      return !words.every((word) => word === "AND" || word === "OR" || allowed.has(word));
    })
    .map(([path, { license = "no licence" }]) => `${path}: ${license}`);
  none(findings, "licences");
});

test("every error code is used somewhere", () => {
  const texts = written
    .filter(({ file, test: isTest }) => !isTest && file !== "src/rpc/errors.ts")
    .map(({ text }) => text)
    .join("\n");
  none(
    Object.keys(ERRORS).filter((code) => !new RegExp(`\\b${code}\\b`).test(texts)),
    "codes of src/rpc/errors.ts that nothing raises",
  );
});

test("what stands twice says the same: lint, doors, ARCHITECTURE.md", () => {
  const lint: unknown = JSON.parse(readFileSync(".oxlintrc.json", "utf8"));
  assert.deepEqual(lint, lintConfig(), ".oxlintrc.json: run node tools/lint.ts");
  const doors = manifest("package.json").imports ?? {};
  for (const [name, file] of Object.entries(doors)) {
    assert.ok(name.slice(1) in ROOMS, `package.json: ${name} is no room`);
    assert.equal(file, `./src/${name.slice(1)}/index.ts`);
    const built = product.some((source) => source.file.startsWith(`src/${name.slice(1)}/`));
    assert.ok(!built || existsSync(file), `${file}: a room without a door`);
  }
  const page = readFileSync("ARCHITECTURE.md", "utf8");
  assert.ok(page.includes(roomTable()), `ARCHITECTURE.md must hold this table:\n${roomTable()}`);
});
