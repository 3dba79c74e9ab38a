// One node of a demonstration: its folder, its ports, its process and the session to its admin socket. Its configuration is the file
// that a user would have written; the keys beside it are those that `init` makes.

import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { clientPaths, loadConfig, pathsIn, prepareDirectories, resolveNode } from "#config";
import { type AdminApi, CatalystError, connect, type Session } from "#rpc";
import { makeKeys } from "../node/own-keys.ts";
import type { Child } from "./children.ts";

/** From the first process to the first answer of the node, also on a machine that is busy. */
export const START_MS = 60_000;
const POLL_MS = 15;

export interface NodePorts {
  readonly ingress: number;
  readonly egress: number;
  readonly peer: number;
  readonly control: number;
}

export interface NodeRequest {
  /** Short name, "edge1". */
  readonly label: string;
  readonly organization: string;
  /** Where configuration, log and data directory come. */
  readonly folder: string;
  readonly ports: NodePorts;
}

/** What else stands in the file. */
export type NodeConfig = Readonly<Record<string, unknown>>;

export const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, POLL_MS));

export class DemoNode {
  readonly label: string;
  readonly organization: string;
  /** "edge1.acme.catalyst.internal" */
  readonly name: string;
  readonly folder: string;
  readonly dataDir: string;
  readonly ports: NodePorts;
  readonly ingress: string;
  #session: Session<AdminApi> | undefined;
  /** Parts of the node that are not ready, with their state. */
  #missing = "";

  constructor({ label, organization, folder, ports }: NodeRequest) {
    this.label = label;
    this.organization = organization;
    this.name = `${label}.${organization}`;
    this.folder = folder;
    this.dataDir = join(folder, "node");
    this.ports = ports;
    this.ingress = `http://127.0.0.1:${ports.ingress}`;
  }

  get file(): string {
    return join(this.folder, "catalyst.json");
  }

  /** What its peers are given. */
  get trust(): string {
    return join(this.dataDir, "certs/trust.pem");
  }

  get control(): string {
    return `127.0.0.1:${this.ports.control}`;
  }

  get sdkSocket(): string {
    return clientPaths(this.dataDir).sdkSock;
  }

  /** `alone`: without the listeners that are for other nodes. */
  write(more: NodeConfig, alone = false): void {
    const at = (port: number): object => ({ listen: `127.0.0.1:${port}` });
    const { ingress, egress, peer, control } = this.ports;
    const config = {
      organization: this.organization,
      node: this.label,
      dataDir: this.dataDir,
      ingress: at(ingress),
      ...(alone ? {} : { egress: at(egress), peer: at(peer), control: at(control) }),
      ...more,
    };
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    writeFileSync(this.file, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
  }

  /** Keys and certificate as `init` makes them; with the CA of another node of the organization, or a new one. */
  async makeKeys(other?: DemoNode): Promise<void> {
    const { config } = await loadConfig({ files: [this.file], env: {} });
    prepareDirectories(pathsIn(this.dataDir));
    if (other !== undefined)
      for (const file of ["keys/ca.key", "certs/trust.pem"])
        copyFileSync(join(other.dataDir, file), join(this.dataDir, file));
    await makeKeys(resolveNode(config), config);
  }

  admin(): AdminApi {
    if (this.#session === undefined)
      throw new CatalystError("ERR_NODE_UNREACHABLE", `the node ${this.label} does not run`);
    return this.#session.within(START_MS);
  }

  /** Until every part is ready, or absent for good. */
  async ready(child: Child): Promise<void> {
    const end = performance.now() + START_MS;
    while (!(await this.#isReady())) {
      if (child.over !== undefined)
        throw new CatalystError("ERR_INTERNAL", `the node ${this.label} ${child.over}`);
      if (performance.now() > end)
        throw new CatalystError(
          "ERR_TIMEOUT",
          `the node ${this.label} was not ready within ${START_MS / 1000} s${this.#missing}`,
          { hint: "demo --keep leaves its log in the folder" },
        );
      await pause();
    }
  }

  close(): void {
    this.#session?.close();
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
