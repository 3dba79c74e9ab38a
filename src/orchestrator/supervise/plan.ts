// What the supervisor is told to run: plain JSON, written by the reader after the configuration was checked, read by the
// supervisor process, which therefore needs no schema, no YAML, no RPC: only `node:` modules (it costs memory as long as the
// node lives). Invariant: no secret stands in a plan; parts read secrets by reference from the configuration.

import type { PartName } from "#rpc";

export interface PartPlan {
  readonly name: PartName;
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
  /** Added to the environment of the supervisor. */
  readonly env?: Readonly<Record<string, string>>;
  /** Further environment in no-Envoy mode. */
  readonly envWithoutEnvoy?: Readonly<Record<string, string>>;
  /** Own parts end by themselves on EOF of stdin; others get a guard that ends them with the supervisor. */
  readonly watchesStdin: boolean;
  /** The first line that is written to its stdin: path of the boot file (boot.ts). */
  readonly boot?: string;
  /** "hello": says so over run/supervisor.sock; else HTTP 200 at this path of this unix socket. */
  readonly ready: "hello" | { readonly socket: string; readonly path: string };
  /** Sockets of an earlier life, removed before each start. */
  readonly unlink?: readonly string[];
  /** Between two questions whether a ready part is still there (pulse.ts). */
  readonly pulseMs?: number;
  /** Ends without ever being ready after which it is given up: Envoy is left out, without another part there is no node. */
  readonly giveUpAfter?: number;
  /** Parts that must be ready before this one is started. */
  readonly after?: readonly PartName[];
}

export interface NodePlan {
  readonly node: string;
  readonly dataDir: string;
  readonly runDir: string;
  /** Identity of this run of the node; leases of the SDK live as long as it does. */
  readonly run: string;
  readonly drainMs: number;
  /** How log lines leave the process: one JSON object a line, or readable text for a terminal. */
  readonly logs: "json" | "text";
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** Where clients come in, for the line that says so. */
  readonly ingress: string;
  /** Socket of Envoy's admin interface, when Envoy is part of the plan. */
  readonly envoyAdmin?: string;
  /** Why Envoy is not part of the plan. */
  readonly envoyAbsent?: string;
  readonly parts: readonly PartPlan[];
}

/** What starts this same program as one of the node's own parts. */
export const ownPart = (
  program: PartPlan["command"],
  name: Exclude<PartName, "envoy">,
): Pick<PartPlan, "command" | "env"> => ({
  command: [...program, "run", "--role", name],
  env: { [ENV.part]: "1" },
});

/** Environment by which a process of the node learns what it is; set by the supervisor only. */
export const ENV = {
  /** "1": this process reads the configuration for the supervisor that started it (reader.ts). */
  reader: "_CATALYST_READER",
  /** "1": this process is a part; its boot file is told by the first line of its stdin. */
  part: "_CATALYST_PART",
  /** "1": the gateway serves clients itself. */
  direct: "_CATALYST_DIRECT",
  /** How often this part was started before. */
  restarts: "_CATALYST_RESTARTS",
  /** "1": the supervisor ends in order when its own stdin ends. */
  watchStdin: "_CATALYST_WATCH_STDIN",
} as const;
