// Everything that is decided before the parts start: names and directories, whether Envoy can be had, whether the listen address
// is free, and the two files the parts read (boot, plan). Runs in the short-lived reader of `catalyst run`, which may load what it
// likes. Invariant: what a user can have done wrong is said here, before anything runs.

import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import {
  type LoadedConfig,
  type Origin,
  originText,
  paths as pathsOf,
  prepareDirectories,
  resolveNode,
} from "#config";
import { CatalystError } from "#rpc";
import type { Owner } from "#routing";
import { type Boot, hostPort, writeBoot } from "./boot.ts";
import { envoyCollector } from "./envoy-telemetry.ts";
import { takeLock } from "./supervise/lock.ts";
import { ENV, type NodePlan, ownPart, type PartPlan } from "./supervise/plan.ts";
import { VERSION } from "./version.ts";

export interface PrepareOptions {
  readonly loaded: LoadedConfig;
  /** Program and arguments by which this program starts itself; `run --role NAME` is added. */
  readonly program: readonly [string, ...string[]];
  readonly record?: string | undefined;
  readonly logs: NodePlan["logs"];
}

export interface Prepared {
  readonly boot: Boot;
  readonly plan: NodePlan;
  readonly planFile: string;
  readonly bootFile: string;
}

/** Starts that fail in a row before Envoy is left out, or, for a part of ours that was never ready, the node ends. */
const START_TRIES = 3;

export async function prepareNode(options: PrepareOptions): Promise<Prepared> {
  const paths = pathsOf(options.loaded.config);
  prepareDirectories(paths);
  // The supervisor takes it for good; here it only makes the error come before anything is written.
  (await takeLock(paths.dataDir)).release();
  const loaded = await withFreeAddresses(options.loaded);
  await tryPlugins(options.loaded);
  if (options.record !== undefined) rmSync(options.record, { force: true });
  const boot = await bootOf({ ...options, loaded }, loaded.config.ingress.listen);
  const bootFile = join(paths.runDir, "boot.json");
  writeBoot(bootFile, boot);
  const plan = await planOf(boot, bootFile, options);
  const planFile = join(paths.runDir, "plan.json");
  writeFileSync(planFile, JSON.stringify(plan), { mode: 0o600 });
  return { boot, plan, planFile, bootFile };
}

/** What a part needs to know; `listen` is the ingress address with its real port. */
export async function bootOf(options: PrepareOptions, listen: string): Promise<Boot> {
  const { loaded } = options;
  const config = { ...loaded.config, ingress: { ...loaded.config.ingress, listen } };
  const scheme = config.ingress.tls === undefined ? "http" : "https";
  return {
    version: VERSION,
    config,
    origin: Object.fromEntries(
      Object.entries(loaded.origin).map(([key, origin]) => [key, originText(origin)]),
    ),
    owners: {
      services: ownersOf(loaded, "services"),
      peers: ownersOf(loaded, "peers"),
      imports: ownersOf(loaded, "imports"),
      exports: ownersOf(loaded, "exports"),
    },
    names: resolveNode(loaded.config),
    paths: pathsOf(loaded.config),
    run: randomBytes(9).toString("base64url"),
    ingress: `${scheme}://${reachable(listen)}`,
    envoy: await envoyOf(config.envoy),
    baseDir: baseDirOf(loaded),
    ...(options.record === undefined ? {} : { record: options.record }),
  };
}

/** Packages are looked up from the configuration file that came last; its relative paths were resolved already. */
function baseDirOf({ sources }: LoadedConfig): string {
  const file = sources.findLast(({ kind }) => kind === "file")?.names[0];
  return file === undefined ? process.cwd() : dirname(file);
}

/** Loaded once here, so that a plugin that cannot be loaded is an error of the start and not of a part that starts again and again. */
async function tryPlugins(loaded: LoadedConfig): Promise<void> {
  const { plugins } = loaded.config;
  if (plugins.length === 0) return;
  const { loadPlugins } = await import("./plugins/index.ts");
  const { tryTogether } = await import("./plugins/together.ts");
  const { node } = resolveNode(loaded.config);
  tryTogether(await loadPlugins(plugins, { node, baseDir: baseDirOf(loaded) }), node);
}

const ownersOf = ({ config, origin }: LoadedConfig, list: keyof Boot["owners"]): readonly Owner[] =>
  config[list].map((_, i) => ownerOf(origin[`${list}[${i}]`]));

function ownerOf(origin: Origin | undefined): Owner {
  if (origin?.kind === "file") return { kind: "config", file: origin.file, line: origin.line };
  return { kind: "config", file: origin === undefined ? "the configuration" : originText(origin), line: 0 };
}

/** What a client on this machine types: a wildcard is no address. */
const reachable = (listen: string): string =>
  listen.replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:");

async function envoyOf(config: Boot["config"]["envoy"]): Promise<Boot["envoy"]> {
  if (config.disabled) return { absent: "envoy.disabled is set", wanted: false };
  const { findEnvoy } = await import("#envoy");
  try {
    return { binary: await findEnvoy(config.path === undefined ? {} : { path: config.path }) };
  } catch (error) {
    if (!(error instanceof CatalystError) || error.code !== "ERR_ENVOY_MISSING") throw error;
    return { absent: error.message, wanted: true };
  }
}

/** What other programs hold is said here; what only Envoy opens for peers' services is its own to try again. */
async function withFreeAddresses(loaded: LoadedConfig): Promise<LoadedConfig> {
  const { ingress, egress, peer, control } = loaded.config;
  const free = async <T extends { readonly listen?: string | undefined }>(flag: string, at: T): Promise<T> =>
    at.listen === undefined ? at : { ...at, listen: await freeAddress(at.listen, flag) };
  const config = {
    ...loaded.config,
    ingress: await free("ingress", ingress),
    peer: await free("peer", peer),
    control: await free("control", control),
    egress: egress.listen.endsWith(":0") ? await free("egress", egress) : egress,
  };
  return { ...loaded, config };
}

/** The address with its port; port 0 becomes a free one. Throws ERR_PORT_IN_USE where another program listens. */
async function freeAddress(listen: string, flag: string): Promise<string> {
  const { host, port } = hostPort(listen);
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
    const address = server.address();
    const found = typeof address === "object" && address !== null ? address.port : port;
    return `${listen.slice(0, listen.lastIndexOf(":"))}:${found}`;
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "EACCES")
      throw new CatalystError("ERR_PERMISSION", `this user may not listen on ${listen}`, {
        hint: `choose a port above 1023: --${flag}-listen HOST:PORT`,
        cause,
      });
    throw new CatalystError(
      "ERR_PORT_IN_USE",
      code === "EADDRINUSE" ? `${listen} is taken by another program` : `cannot listen on ${listen}`,
      { hint: `choose another: --${flag}-listen 127.0.0.1:10009`, cause },
    );
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

async function planOf(boot: Boot, bootFile: string, options: PrepareOptions): Promise<NodePlan> {
  const { config, names, paths, envoy } = boot;
  const own = (name: "auth" | "orchestrator" | "gateway"): PartPlan => ({
    name,
    ...ownPart(options.program, name),
    boot: bootFile,
    watchesStdin: true,
    ready: "hello",
    giveUpAfter: START_TRIES,
    ...(name === "gateway" ? { envWithoutEnvoy: { [ENV.direct]: "1" } } : {}),
  });
  const common = {
    node: names.node,
    dataDir: paths.dataDir,
    runDir: paths.runDir,
    run: boot.run,
    drainMs: config.drain,
    logs: options.logs,
    logLevel: config.log.level,
    ingress: boot.ingress,
  };
  const parts = [own("auth"), own("orchestrator"), own("gateway")];
  if ("absent" in envoy) return { ...common, envoyAbsent: envoy.absent, parts };
  return {
    ...common,
    envoyAdmin: paths.envoyAdminSock,
    parts: [...parts, await envoyPart(boot, envoy.binary)],
  };
}

async function envoyPart(boot: Boot, binary: string): Promise<PartPlan> {
  const { config, names, paths } = boot;
  const { envoyCommand, writeBootstrap } = await import("#envoy");
  const file = join(paths.runDir, "envoy.json");
  writeBootstrap(file, {
    node: names.node,
    organization: names.organization,
    xdsSocket: paths.xdsSock,
    adminSocket: paths.envoyAdminSock,
    ...(await envoyCollector(boot)),
  });
  const { command, args, env } = envoyCommand({
    binary,
    bootstrap: file,
    drainSeconds: config.drain / 1000,
    ...(config.envoy.concurrency === undefined ? {} : { concurrency: config.envoy.concurrency }),
  });
  return {
    name: "envoy",
    command: [command, ...args],
    env,
    watchesStdin: false,
    ready: { socket: paths.envoyAdminSock, path: "/ready" },
    unlink: [paths.envoyAdminSock],
    giveUpAfter: START_TRIES,
    // An Envoy that finds no xDS server at first asks again after up to 2 s.
    after: ["orchestrator"],
  };
}
