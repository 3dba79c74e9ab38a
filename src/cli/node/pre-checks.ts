// What can be said before a node starts: is the configuration whole, are its ports free, may its directory be written, is there
// an Envoy, do the socket paths fit, is this Node new enough, does the clock make sense. Each is one row of the table; nothing
// here changes anything on disk.

import { accessSync, constants, existsSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { type LoadedConfig, pathsIn, resolveNode } from "#config";
import { CatalystError, type CheckResult } from "#rpc";
import { configOf } from "../config-source.ts";
import { findNode, isRunning } from "../node.ts";
import { systemErrorName } from "../system-error.ts";
import type { Call } from "../verb.ts";

type Row = Omit<CheckResult, "name" | "description" | "severity">;
type Config = LoadedConfig["config"];

/** The first release that the program is tried with. */
const NODE_MIN = [24, 21] as const;
/** A clock before the day this was written gives tokens nobody accepts. */
const CLOCK_MIN = Date.UTC(2025, 0, 1);

export async function preChecks(call: Call): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = [];
  const add = (name: string, description: string, severity: CheckResult["severity"], row: Row): void =>
    void results.push({ name, description, severity, ...row });
  add("node", "Node.js is new enough", "fatal", nodeVersion(process.versions.node));
  add("clock", "the clock makes sense", "fatal", clock(Date.now()));
  let loaded: LoadedConfig | undefined;
  let problem: Row = { ok: true, text: "no problem" };
  try {
    loaded = await configOf(call);
    problem = {
      ok: true,
      text: loaded.sources.map(({ names }) => names.join(", ")).join("; ") || "defaults alone",
    };
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error;
    problem = { ok: false, text: error.message, hint: "catalyst config validate" };
  }
  add("config", "the configuration has no problem", "fatal", problem);
  if (loaded === undefined) return results;
  const { config } = loaded;
  const { dataDir } = resolveNode(config, call.env);
  const running = await runningNode(call, dataDir);
  add("data-dir", "the data directory may be written", "fatal", writable(dataDir));
  add("sockets", "the paths of the sockets fit", "fatal", sockets(dataDir, call.env));
  add("stopped", "no node runs on this data directory", "warning", running);
  if (running.ok)
    for (const { key, listen, severity } of listeners(config))
      add(key, `the address of ${key} is free`, severity, await portFree(listen, key));
  add("files", "the files that the configuration names can be read", "fatal", files(config));
  add("envoy", "there is an Envoy", "warning", await envoy(config));
  return results;
}

export function nodeVersion(version: string): Row {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const ok = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
  return ok
    ? { ok, text: version }
    : {
        ok,
        text: `${version} is older than ${NODE_MIN.join(".")}`,
        hint: "CATALYST_NODE=/path/to/node catalyst run",
      };
}

export function clock(now: number): Row {
  const text = new Date(now).toISOString().slice(0, 16).replace("T", " ");
  if (now >= CLOCK_MIN) return { ok: true, text: `${text} UTC` };
  return { ok: false, text: `${text} UTC lies in the past`, hint: "set the clock: tokens carry its time" };
}

async function runningNode(call: Call, dataDir: string): Promise<Row> {
  const found = await findNode({ ...call, globals: { ...call.globals, dataDir } });
  if (!(await isRunning(found))) return { ok: true, text: "none" };
  return {
    ok: false,
    text: `one answers at ${found.adminSock}`,
    hint: `catalyst status --data-dir ${dataDir}`,
  };
}

/** The directory itself, or the nearest one above it that exists. */
function writable(directory: string): Row {
  let at = directory;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  try {
    accessSync(at, constants.W_OK | constants.X_OK);
    if (!statSync(at).isDirectory())
      return { ok: false, text: `${at} is no directory`, hint: "--data-dir DIR" };
    return { ok: true, text: at === directory ? directory : `${directory} (is made at the start)` };
  } catch (error) {
    return { ok: false, text: `${at} may not be written: ${reasonOf(error)}`, hint: "--data-dir DIR" };
  }
}

function sockets(dataDir: string, env: Call["env"]): Row {
  const { runDir } = pathsIn(dataDir, env);
  return { ok: true, text: runDir };
}

interface Listener {
  readonly key: "ingress" | "peer" | "control" | "egress";
  readonly listen: string;
  readonly severity: CheckResult["severity"];
}

/** Those that the node will open. Without egress it starts and says so: Envoy opens it, and tries again. */
function listeners({ ingress, peer, control, egress, peers }: Config): readonly Listener[] {
  const wanted = [
    { key: "ingress", listen: ingress.listen, severity: "fatal" },
    { key: "peer", listen: peer.listen, severity: "fatal" },
    { key: "control", listen: control.listen, severity: "fatal" },
    { key: "egress", listen: peers.length > 0 ? egress.listen : undefined, severity: "warning" },
  ] as const;
  return wanted.flatMap(({ listen, ...rest }) => (listen === undefined ? [] : [{ ...rest, listen }]));
}

/** Listens for a moment, as the node will. */
async function portFree(address: string, key: Listener["key"]): Promise<Row> {
  const at = address.lastIndexOf(":");
  const host = address.slice(0, at).replaceAll(/^\[|\]$/g, "");
  const port = Number(address.slice(at + 1));
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
    return { ok: true, text: port === 0 ? `${address} (any free port)` : address };
  } catch (error) {
    const name = systemErrorName(error);
    if (name === "EADDRINUSE") {
      return {
        ok: false,
        text: `${address} is taken by another program`,
        hint: `--${key}-listen HOST:PORT`,
      };
    }
    if (name === "EACCES")
      return { ok: false, text: `${address} needs more rights`, hint: "use a port over 1023" };
    return { ok: false, text: `${address}: ${reasonOf(error)}`, hint: `--${key}-listen HOST:PORT` };
  } finally {
    server.close();
  }
}

function files({ ingress, identity, telemetry, tls, peers }: Config): Row {
  const named = [
    ingress.tls?.cert,
    ingress.tls?.key,
    identity.jwks,
    ...[tls?.cert, tls?.key, tls?.trust],
    ...peers.map(({ trust }) => trust),
    ...Object.values(telemetry.otlp.headers ?? {}),
  ].flatMap((each) => (each !== undefined && "file" in each ? [each.file] : []));
  const bad = named.flatMap((file) => {
    try {
      accessSync(file, constants.R_OK);
      return [];
    } catch (error) {
      return [`${file}: ${systemErrorName(error) === "ENOENT" ? "does not exist" : reasonOf(error)}`];
    }
  });
  if (bad.length > 0) return { ok: false, text: bad.join("; ") };
  return { ok: true, text: named.length === 0 ? "none named" : `${named.length} read` };
}

async function envoy({ envoy: wanted }: Config): Promise<Row> {
  if (wanted.disabled) return { ok: true, text: "not wanted: the gateway listens at ingress itself" };
  const { findEnvoy } = await import("#envoy");
  try {
    const found = await findEnvoy(wanted.path === undefined ? {} : { path: wanted.path });
    return { ok: true, text: found };
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error;
    const text = `${error.message}; the node would run without`;
    return { ok: false, text, ...(error.hint === undefined ? {} : { hint: error.hint }) };
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
