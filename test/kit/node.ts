// A real node for end-to-end tests: the program as a user starts it, in a temporary folder, on a free port, in a process group of
// its own. Ends with the test, also when that fails or is killed (the node watches its stdin).

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AdminApi, type AdminVerb, type AdminVerbs, connect, type PartName, type Session } from "#rpc";
import { clientPaths } from "#config";

export const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;
export const FLAGS = ["--disable-warning=ExperimentalWarning"];
/** Longest wait for anything; a hang ends with a name. */
const WITHIN_MS = 60_000;

/** What of a test's context is used; a benchmark brings its own. */
export interface Cleanup {
  after(run: () => void | Promise<void>): void;
}

export interface NodeOptions {
  /** Over a configuration with free ports; `organization` is local.catalyst.internal, the node is called "n". */
  readonly config?: object;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A folder of an earlier node. */
  readonly folder?: string;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(what: string, done: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + WITHIN_MS;
  while (!(await done())) {
    if (performance.now() > end) throw new Error(`did not happen within ${WITHIN_MS / 1000} s: ${what}`);
    await pause(15);
  }
}

/** Running, and no zombie: a dead child that nobody reaped still answers signal 0. */
export function lives(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Living processes that were started with this folder in their environment: a node, its parts, Envoy. */
export function processesOf(folder: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => {
      try {
        return lives(pid) && readFileSync(`/proc/${pid}/environ`, "utf8").includes(folder);
      } catch {
        return false;
      }
    });
}

export function temporaryFolder(t: Cleanup): string {
  const folder = mkdtempSync(join(tmpdir(), "catalyst-e2e-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** One call of the program; its output and exit code. */
export async function catalyst(
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [...FLAGS, MAIN, ...args], {
    cwd: options.cwd ?? tmpdir(),
    env: { ...process.env, NO_COLOR: "1", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const code = await new Promise<number>((resolve) => child.once("close", (found) => resolve(found ?? -1)));
  return { code, out, err };
}

export { freePort } from "../../src/envoy/testing.ts";

/** The program, running; ended with the test. */
export function startProgram(
  t: Cleanup,
  args: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>> = {},
): { readonly pid: number; readonly ended: Promise<number>; output(): string } {
  const child = spawn(process.execPath, [...FLAGS, MAIN, ...args], {
    cwd: folder,
    // The list of running nodes is not the user's.
    env: { ...process.env, XDG_DATA_HOME: folder, E2E_FOLDER: folder, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const ended = new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? -1)));
  t.after(async () => {
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), 8_000);
    await ended;
    clearTimeout(force);
  });
  return { pid: child.pid ?? 0, ended, output: () => text };
}

export class TestNode {
  readonly folder: string;
  readonly dataDir: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<number>;
  #session: Session<AdminApi> | undefined;
  ingress = "";
  log = "";

  /** Starts a node and waits until it serves. */
  static async start(t: Cleanup, options: NodeOptions = {}): Promise<TestNode> {
    const node = new TestNode(t, options);
    await node.#serving();
    return node;
  }

  private constructor(t: Cleanup, options: NodeOptions) {
    this.folder = options.folder ?? temporaryFolder(t);
    this.dataDir = join(this.folder, "node");
    const file = join(this.folder, "catalyst.json");
    const config = {
      node: "n",
      dataDir: this.dataDir,
      ingress: { listen: "127.0.0.1:0" },
      ...options.config,
    };
    writeFileSync(file, JSON.stringify(config, undefined, 2));
    this.#child = spawn(process.execPath, [...FLAGS, MAIN, "run", file, ...(options.args ?? [])], {
      cwd: this.folder,
      env: {
        ...process.env,
        // The list of running nodes is not the user's.
        XDG_DATA_HOME: this.folder,
        ...options.env,
        _CATALYST_WATCH_STDIN: "1",
        E2E_FOLDER: this.folder,
      },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    this.#child.stdin?.on("error", () => {});
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on("data", (chunk: Buffer) => (this.log = (this.log + chunk.toString()).slice(-200_000)));
    this.#ended = new Promise((resolve) =>
      this.#child.once("close", (code, signal) => resolve(code ?? (signal === null ? -1 : 128))),
    );
    t.after(async () => {
      this.#session?.close();
      if (this.#child.exitCode === null) this.#child.kill("SIGTERM");
      const force = setTimeout(() => this.#child.kill("SIGKILL"), 8_000);
      await this.#ended;
      clearTimeout(force);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get sdkUrl(): string {
    return `unix:${clientPaths(this.dataDir).sdkSock}`;
  }

  /** Exit code and how long it took to end. */
  async signal(signal: NodeJS.Signals): Promise<{ code: number; ms: number }> {
    const startedAt = performance.now();
    this.#child.kill(signal);
    const code = await this.#ended;
    return { code, ms: performance.now() - startedAt };
  }

  async call<V extends AdminVerb>(verb: V, args: AdminVerbs[V]["args"]): Promise<AdminVerbs[V]["result"]> {
    if (this.#session === undefined || this.#session.signal.aborted) {
      const path = clientPaths(this.dataDir).adminSock;
      this.#session = await connect<AdminApi>({ unix: path }, { deadlineMs: WITHIN_MS });
    }
    return await this.#session.stub.call(verb, args);
  }

  async part(name: PartName): Promise<AdminVerbs["status"]["result"]["parts"][number]> {
    const { parts } = await this.call("status", {});
    const found = parts.find((part) => part.name === name);
    if (found === undefined) throw new Error(`no part ${name}`);
    return found;
  }

  /** Until every part is ready (or absent), whatever happens to the session meanwhile. */
  async ready(): Promise<void> {
    await until("all parts ready", async () => {
      if (this.#child.exitCode !== null) throw new Error(`the node ended:\n${this.log}`);
      try {
        const { parts } = await this.call("status", {});
        return parts.length === 4 && parts.every(({ state }) => state === "ready" || state === "absent");
      } catch {
        return false; // the orchestrator itself may be away
      }
    });
  }

  async token(): Promise<string> {
    return (await this.call("token.mint", { sub: "tester", ttlSeconds: 900 })).token;
  }

  async #serving(): Promise<void> {
    await until(`a node in ${this.folder}`, () => {
      if (this.#child.exitCode !== null) throw new Error(`the node ended:\n${this.log}`);
      return this.log.includes(" serves at ");
    });
    await this.ready();
    this.ingress = (await this.call("status", {})).ingress;
  }
}

export interface HttpResult {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

export async function get(url: string, token?: string, init: RequestInit = {}): Promise<HttpResult> {
  const headers = new Headers(init.headers);
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  const answer = await fetch(url, { ...init, headers, signal: AbortSignal.timeout(10_000) });
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

export async function ask(
  ingress: string,
  token: string,
  query: string,
): Promise<HttpResult & { json: unknown }> {
  const result = await get(`${ingress}/graphql`, token, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query }),
  });
  return { ...result, json: JSON.parse(result.text) as unknown };
}

/** Asks again and again, a few at a time, and counts what went wrong. */
export class Load {
  readonly failures: string[] = [];
  done = 0;
  #stopped = false;
  readonly #loops: Promise<void>[];

  constructor(loops: number, request: () => Promise<{ status: number; text: string }>) {
    this.#loops = Array.from({ length: loops }, () => this.#loop(request));
  }

  async stop(): Promise<this> {
    this.#stopped = true;
    await Promise.all(this.#loops);
    return this;
  }

  async #loop(request: () => Promise<{ status: number; text: string }>): Promise<void> {
    while (!this.#stopped) {
      try {
        const { status, text } = await request();
        if (status !== 200 || text.includes('"errors"'))
          this.failures.push(`${status} ${text.slice(0, 200)}`);
        else this.done += 1;
      } catch (error) {
        const cause =
          error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
        this.failures.push(`${String(error)}${cause}`);
        await pause(5);
      }
    }
  }
}
