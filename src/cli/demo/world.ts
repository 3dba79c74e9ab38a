// The place of a demonstration: a temporary folder with a configuration and a data directory, free ports, and the processes that
// run in it. Invariant: whatever happens, `close` ends every process it started and takes the folder away (but for --keep).

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type AdminApi, CatalystError, connect, type Session } from "#rpc";
import { clientPaths } from "#config";
import { programOf } from "../run.ts";
import { Child } from "./children.ts";

/** From the first process to the first answer of the node, also on a machine that is busy. */
const START_MS = 60_000;
const POLL_MS = 15;
/** The node's own stop takes at most its drain time and 2 s. */
const STOP_MS = 8_000;
/** The usual one; tests never take it, another program may hold it. */
const INGRESS_PORT = Number(process.env["_CATALYST_DEMO_PORT"] ?? 10_000);

const EXAMPLES = {
  products: new URL("../../../examples/products/main.ts", import.meta.url),
  reviews: new URL("../../../examples/reviews/main.ts", import.meta.url),
} as const;

export const makeFolder = (): string => mkdtempSync(join(tmpdir(), "catalyst-demo-"));

export class World {
  readonly folder: string;
  readonly dataDir: string;
  readonly #children: Child[] = [];
  #session: Session<AdminApi> | undefined;
  /** Parts of the node that are not ready, with their state. */
  #missing = "";

  constructor(folder: string) {
    this.folder = folder;
    this.dataDir = join(this.folder, "node");
  }

  /** Starts an example service; the URL at which it listens. */
  async example(name: keyof typeof EXAMPLES, env: Readonly<Record<string, string>> = {}): Promise<string> {
    const [program, ...rest] = programOf();
    const child = this.#start(
      name,
      [program, ...rest.slice(0, -1), fileURLToPath(EXAMPLES[name]), "--port", "0", "--watch-stdin"],
      env,
    );
    const line = await child.firstLine();
    const url = /^listening (\S+)/.exec(line)?.[1];
    if (url === undefined)
      throw new CatalystError("ERR_INTERNAL", `the example ${name} did not start: ${child.over ?? line}`);
    return url;
  }

  /** Writes the configuration and starts a node from it. */
  async node(config: object): Promise<void> {
    const file = join(this.folder, "catalyst.json");
    writeFileSync(file, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
    const child = this.#start("node", [...programOf(), "run", file], { _CATALYST_WATCH_STDIN: "1" });
    const end = performance.now() + START_MS;
    for (;;) {
      if (child.over !== undefined) throw new CatalystError("ERR_INTERNAL", `the node ${child.over}`);
      if (performance.now() > end)
        throw new CatalystError(
          "ERR_TIMEOUT",
          `the node was not ready within ${START_MS / 1000} s${this.#missing}`,
          { hint: "demo --keep leaves its log in the folder" },
        );
      if (await this.#isReady()) return;
      await pause();
    }
  }

  sdkSocket(): string {
    return clientPaths(this.dataDir).sdkSock;
  }

  /** What each process said last, for a failure that nobody explains. */
  lastLines(): readonly { readonly name: string; readonly text: string }[] {
    return this.#children.map(({ name, last }) => ({ name, text: last })).filter(({ text }) => text !== "");
  }

  admin(): AdminApi {
    if (this.#session === undefined) throw new CatalystError("ERR_NODE_UNREACHABLE", "the node does not run");
    return this.#session.within(START_MS);
  }

  async until(what: string, done: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + START_MS;
    while (!(await done())) {
      const dead = this.#children.find((child) => child.over !== undefined);
      if (dead !== undefined) throw new CatalystError("ERR_INTERNAL", `${dead.name} ${dead.over ?? ""}`);
      if (performance.now() > end)
        throw new CatalystError("ERR_TIMEOUT", `${what} did not happen within ${START_MS / 1000} s`);
      await pause();
    }
  }

  async close(keep: boolean): Promise<void> {
    this.#session?.close();
    // The node first: its services hear of it and need not wonder.
    for (const child of this.#children.toReversed().toSorted((a) => (a.name === "node" ? -1 : 1)))
      await child.stop(STOP_MS);
    if (!keep) rmSync(this.folder, { recursive: true, force: true });
  }

  /** Now, for the second Ctrl-C. */
  kill(keep: boolean): void {
    for (const child of this.#children) child.kill();
    if (!keep) rmSync(this.folder, { recursive: true, force: true });
  }

  #start(
    name: string,
    command: readonly [string, ...string[]],
    env: Readonly<Record<string, string>>,
  ): Child {
    const child = new Child(name, command, { log: join(this.folder, `${name}.log`), env, cwd: this.folder });
    this.#children.push(child);
    return child;
  }

  async #isReady(): Promise<boolean> {
    try {
      const socket = clientPaths(this.dataDir).adminSock;
      if (!existsSync(socket)) return false;
      this.#session ??= await connect<AdminApi>({ unix: socket });
      const { parts } = await this.#session.stub.call("status", {});
      const missing = parts.filter(({ state }) => state !== "ready" && state !== "absent");
      this.#missing = missing
        .map(({ name, state, reason }) => `; ${name} is ${state}${reason === undefined ? "" : `: ${reason}`}`)
        .join("");
      return parts.length >= 4 && missing.length === 0;
    } catch (error) {
      // Not listening yet, or starting again: asked again in a moment.
      if (!(error instanceof CatalystError)) throw error;
      this.#session?.close();
      this.#session = undefined;
      return false;
    }
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, POLL_MS));

/** The usual port when it is free, else any. */
export async function freePort(): Promise<number> {
  for (const port of [INGRESS_PORT, 0]) {
    const server = createServer();
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host: "127.0.0.1", port, exclusive: true }, resolve);
      });
      const address = server.address();
      if (typeof address === "object" && address !== null) return address.port;
    } catch (error) {
      if (port === 0) throw error;
    } finally {
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
  }
  return 0;
}

/** How the reader types this program. */
export const commandName = (): string => (existsSync("./catalyst") ? "./catalyst" : "catalyst");
