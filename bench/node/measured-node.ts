// A node to be measured: the program as a user starts it (source or a built release), in a temporary folder, and the few ways in
// which a benchmark speaks to it. Ends with the benchmark, also when that is killed (the node watches its stdin).

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type AdminApi, type AdminVerb, type AdminVerbs, connect, type PartStatus, type Session } from "#rpc";
import { clientPaths } from "#config";

const SOURCE = new URL("../../catalyst", import.meta.url).pathname;
const WITHIN_MS = 60_000;

export interface Cleanup {
  after(run: () => void | Promise<void>): void;
}

export const programOf = (dist: string | undefined): string =>
  dist === undefined ? SOURCE : resolve(dist, "catalyst");

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(what: string, done: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + WITHIN_MS;
  while (!(await done())) {
    if (performance.now() > end) throw new Error(`did not happen within ${WITHIN_MS / 1000} s: ${what}`);
    await pause(5);
  }
}

export class MeasuredNode {
  readonly #dataDir: string;
  readonly #child: ChildProcess;
  readonly #agent = new Agent({ keepAlive: true });
  #session: Session<AdminApi> | undefined;
  #log = "";
  ingress = "";

  static async start(t: Cleanup, config: object, dist: string | undefined): Promise<MeasuredNode> {
    const node = new MeasuredNode(t, config, dist);
    await until("the node serves", () => {
      if (node.#child.exitCode !== null) throw new Error(`the node ended: ${node.#log}`);
      return node.#log.includes(" serves at ");
    });
    node.ingress = (await node.call("status", {})).ingress;
    return node;
  }

  private constructor(t: Cleanup, config: object, dist: string | undefined) {
    const folder = mkdtempSync(join(tmpdir(), "catalyst-bench-"));
    this.#dataDir = join(folder, "node");
    const file = join(folder, "catalyst.json");
    const whole = { node: "n", dataDir: this.#dataDir, ingress: { listen: "127.0.0.1:0" }, ...config };
    writeFileSync(file, JSON.stringify(whole));
    this.#child = spawn(programOf(dist), ["run", file], {
      cwd: folder,
      env: { ...process.env, _CATALYST_WATCH_STDIN: "1" },
      stdio: ["pipe", "pipe", "inherit"],
      detached: true,
    });
    this.#child.stdout?.on(
      "data",
      (chunk: Buffer) => (this.#log = (this.#log + chunk.toString()).slice(-50_000)),
    );
    t.after(async () => {
      this.#session?.close();
      this.#agent.destroy();
      const ended = new Promise((resolve) => this.#child.once("close", resolve));
      this.#child.kill("SIGTERM");
      if (this.#child.exitCode === null) await ended;
      rmSync(folder, { recursive: true, force: true });
    });
  }

  async call<V extends AdminVerb>(verb: V, args: AdminVerbs[V]["args"]): Promise<AdminVerbs[V]["result"]> {
    if (this.#session === undefined || this.#session.signal.aborted)
      this.#session = await connect<AdminApi>({ unix: clientPaths(this.#dataDir).adminSock });
    return await this.#session.within(WITHIN_MS).call(verb, args);
  }

  async part(name: PartStatus["name"]): Promise<PartStatus> {
    const { parts } = await this.call("status", {});
    return parts.find((part) => part.name === name) ?? { name, state: "absent", restarts: 0 };
  }

  async token(): Promise<string> {
    return (await this.call("token.mint", { sub: "bench", ttlSeconds: 900 })).token;
  }

  /** GET, or POST of a GraphQL query, over kept connections. */
  ask(path: string, token: string, query?: string): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      const method = query === undefined ? "GET" : "POST";
      const sent = request(`${this.ingress}${path}`, { agent: this.#agent, method, headers }, (answer) => {
        let text = "";
        answer.on("data", (chunk: Buffer) => (text += chunk.toString()));
        answer.on("error", reject);
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
      });
      sent.setTimeout(10_000, () => sent.destroy(new Error("no answer within 10 s")));
      sent.on("error", reject);
      sent.end(query === undefined ? undefined : JSON.stringify({ query }));
    });
  }
}
