// The place of a demonstration: a temporary folder, and in it the nodes and services that run. Invariant: whatever happens, `close`
// ends every process it started and takes the folder away (but for --keep).

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CatalystError } from "#rpc";
import { programOf } from "../own-program.ts";
import { Child } from "./children.ts";
import { DemoNode, type NodePorts, pause, START_MS } from "./node.ts";
import { freePorts } from "./ports.ts";

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
  readonly nodes: DemoNode[] = [];
  readonly #children: { readonly child: Child; readonly node: boolean }[] = [];

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Starts an example service; the URL at which it listens. */
  async example(name: keyof typeof EXAMPLES, env: Readonly<Record<string, string>> = {}): Promise<string> {
    const [program, ...rest] = programOf();
    const command = [
      program,
      ...rest.slice(0, -1),
      fileURLToPath(EXAMPLES[name]),
      "--port",
      "0",
      "--watch-stdin",
    ] as const;
    const child = this.#start(name, [...command], env, false);
    const line = await child.firstLine();
    const url = /^listening (\S+)/.exec(line)?.[1];
    if (url === undefined)
      throw new CatalystError("ERR_INTERNAL", `the example ${name} did not start: ${child.over ?? line}`);
    return url;
  }

  /** Nodes with their ports, in folders of their own; nothing is written or started yet. */
  async place(
    names: readonly { readonly label: string; readonly organization: string }[],
  ): Promise<DemoNode[]> {
    // The first one is where a reader looks first.
    const usual = names.map((_, at) => (at === 0 && INGRESS_PORT > 0 ? [INGRESS_PORT] : []));
    const ports = await freePorts([...usual, ...names.flatMap(() => [[], [], []])]);
    const nodes = names.map(({ label, organization }, at) => {
      const [ingress = 0] = ports.slice(at);
      const [egress = 0, peer = 0, control = 0] = ports.slice(names.length + 3 * at);
      const own: NodePorts = { ingress, egress, peer, control };
      const [first = organization] = organization.split(".");
      const folder = join(this.folder, names.length === 1 ? "." : `${label}.${first}`);
      return new DemoNode({ label, organization, folder, ports: own });
    });
    this.nodes.push(...nodes);
    return nodes;
  }

  /** Starts a node from its file, until it is ready. */
  async start(node: DemoNode): Promise<void> {
    const name = this.nodes.length === 1 ? "node" : `${node.label}.${node.organization.split(".")[0] ?? ""}`;
    const child = this.#start(name, [...programOf(), "run", node.file], { _CATALYST_WATCH_STDIN: "1" }, true);
    await node.ready(child);
  }

  /** What each process said last, for a failure that nobody explains. */
  lastLines(): readonly { readonly name: string; readonly text: string }[] {
    return this.#children
      .map(({ child: { name, last } }) => ({ name, text: last }))
      .filter(({ text }) => text !== "");
  }

  /** `why`: what is missing, for the error; a thing that never comes is best explained by it. */
  async until(what: string, done: () => Promise<boolean>, why?: () => Promise<string>): Promise<void> {
    const end = performance.now() + START_MS;
    while (!(await done())) {
      const dead = this.#children.find(({ child }) => child.over !== undefined)?.child;
      if (dead !== undefined) throw new CatalystError("ERR_INTERNAL", `${dead.name} ${dead.over ?? ""}`);
      if (performance.now() > end) {
        const missing = why === undefined ? "" : `: ${await why()}`;
        throw new CatalystError("ERR_TIMEOUT", `not within ${START_MS / 1000} s: ${what}${missing}`);
      }
      await pause();
    }
  }

  async close(keep: boolean): Promise<void> {
    for (const node of this.nodes) node.close();
    // The nodes first: their services hear of it and need not wonder.
    for (const kind of [true, false])
      await Promise.all(
        this.#children.filter(({ node }) => node === kind).map(({ child }) => child.stop(STOP_MS)),
      );
    if (!keep) rmSync(this.folder, { recursive: true, force: true });
  }

  /** Now, for the second Ctrl-C. */
  kill(keep: boolean): void {
    for (const { child } of this.#children) child.kill();
    if (!keep) rmSync(this.folder, { recursive: true, force: true });
  }

  #start(
    name: string,
    command: readonly [string, ...string[]],
    env: Readonly<Record<string, string>>,
    node: boolean,
  ): Child {
    const child = new Child(name, command, { log: join(this.folder, `${name}.log`), env, cwd: this.folder });
    this.#children.push({ child, node });
    return child;
  }
}

/** How the reader types this program. */
export const commandName = (): string => (existsSync("./catalyst") ? "./catalyst" : "catalyst");
