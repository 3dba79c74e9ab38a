// For the tests of the command line: the program in this process with outputs that are kept, and a node that answers every
// admin verb with fixed records over the real transport (or whatever a test puts in its place).

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { pathsIn, prepareDirectories } from "#config";
import {
  type AdminApi,
  type AdminVerb,
  type AdminVerbs,
  type EventRecord,
  adminSchema,
  expose,
  OWN_PARTS_RPC_LIMITS,
  serve,
} from "#rpc";
import { runProgram } from "./program.ts";
import { RESULTS } from "./testdata/results.ts";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

class Kept extends Writable {
  text = "";

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString("utf8");
    done();
  }
}

interface Place {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** One command line, words separated by spaces or given one by one. */
export async function catalyst(line: string | readonly string[], place: Place = {}): Promise<Ran> {
  const argv = typeof line === "string" ? line.split(" ").filter((each) => each !== "") : line;
  const [stdout, stderr] = [new Kept(), new Kept()];
  const begin = (): AbortSignal => new AbortController().signal;
  const code = await runProgram(argv, { stdout, stderr, env: {}, cwd: "/", begin, ...place });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

/** As a golden file shows it: the command, both outputs, the exit code. */
export const transcript = (line: string, { code, stdout, stderr }: Ran): string =>
  `$ catalyst ${line}\n${stdout}${stderr.replaceAll(/^(?=.)/gm, "! ")}[${code}]\n`;

interface After {
  after(run: () => unknown): void;
}

export function temporary(t: After): string {
  const directory = mkdtempSync(join(tmpdir(), "catalyst-cli-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

type Results = { readonly [V in AdminVerb]: AdminVerbs[V]["result"] };

export interface FixedNode {
  readonly dataDir: string;
  /** Every call in order. */
  readonly calls: (readonly [verb: AdminVerb, args: unknown])[];
  /** Hands events to whoever follows. */
  emit(events: readonly EventRecord[]): void;
  close(): Promise<void>;
}

export async function fixedNode(
  t: After,
  changed: Partial<Results> = {},
  dataDir = temporary(t),
): Promise<FixedNode> {
  const paths = pathsIn(dataDir, {});
  prepareDirectories(paths);
  const { adminMethods } = await adminSchema();
  const results: Results = { ...RESULTS, ...changed };
  const calls: (readonly [AdminVerb, unknown])[] = [];
  const followers = new Set<(events: readonly EventRecord[]) => void>();
  const server = await serve(
    { unix: paths.adminSock },
    () => {
      const api: AdminApi = {
        async call(verb, args) {
          calls.push([verb, args]);
          return results[verb];
        },
        async follow(_, onEvents) {
          followers.add(onEvents);
        },
      };
      return expose(api, adminMethods);
    },
    { limits: OWN_PARTS_RPC_LIMITS },
  );
  let open = true;
  const close = async (): Promise<void> => {
    if (open) await server.close();
    open = false;
  };
  t.after(close);
  return { dataDir, calls, emit: (events) => followers.forEach((each) => each(events)), close };
}
