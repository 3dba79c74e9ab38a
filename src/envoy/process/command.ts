// How Envoy is started. The supervisor (another room) spawns and restarts it; this says with what. Hot restart is off: the
// configuration outlives the orchestrator anyway, and its shared memory would bind two nodes on one machine together.

import { availableParallelism } from "node:os";

export interface EnvoyCommandOptions {
  readonly binary: string;
  /** File written by `writeBootstrap`. */
  readonly bootstrap: string;
  /** Worker threads. Default: one a processor, at most 4. */
  readonly concurrency?: number;
  /** Time clients get when a listener goes, in seconds. */
  readonly drainSeconds?: number;
  readonly logLevel?: "trace" | "debug" | "info" | "warning" | "error";
}

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export function envoyCommand(options: EnvoyCommandOptions): Command {
  return {
    command: options.binary,
    args: [
      ...["-c", options.bootstrap],
      "--disable-hot-restart",
      ...["--concurrency", String(options.concurrency ?? Math.min(availableParallelism(), 4))],
      ...["--drain-time-s", String(Math.max(1, Math.ceil(options.drainSeconds ?? 3)))],
      ...["--drain-strategy", "immediate"],
      ...["--log-level", options.logLevel ?? "warning"],
      // A refused resource logs one line a subscription; its reason comes back to the xDS server once. An export that fails
      // logs one line each time; the other parts say once that the collector is away.
      ...["--component-log-level", "config:error,stats:critical,tracing:critical"],
    ],
    env: {},
  };
}
