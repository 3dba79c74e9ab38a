// What the tests of this room share: a real Envoy in a folder of its own, keys that sign tokens, and requests whose
// connection and headers are under control. Only *.test.ts and bench/ import it.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, createServer, request } from "node:http";
import type { IncomingMessage, RequestListener } from "node:http";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "#kernel";
import type { EnvoyServiceWant, TrustKeys } from "#routing";
import { EnvoyConfigurator } from "./configurator.ts";
import { probeReady } from "./process/admin.ts";
import { findEnvoy } from "./process/binary.ts";
import { writeBootstrap } from "./process/bootstrap.ts";
import type { CollectorOptions } from "./process/collector.ts";
import { envoyCommand } from "./process/command.ts";
import type { EnvoyBase } from "./translate/index.ts";
import { XdsServer } from "./xds/index.ts";

/** The tests that need it say so by `needs("envoy")`. */
export const envoyBinary = (): Promise<string> => {
  const path = process.env["CATALYST_ENVOY_PATH"];
  return findEnvoy(path === undefined ? {} : { path });
};

export const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** Something that is undone in reverse order: a test, or a benchmark's own list. */
export interface Scope {
  after(undo: () => Promise<void> | void): void;
}

export async function folder(t: Scope): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "catalyst-envoy-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/**
 * What was given away, by all test processes of this user: nobody listens at such a port yet, so the kernel may name it again, and
 * two Envoys would share it without a word.
 */
const GIVEN = join(tmpdir(), `catalyst-test-ports-${process.getuid?.() ?? 0}`);

const given: string[] = [];
process.once("exit", () => given.forEach((file) => rmSync(file, { force: true })));

/** No two of them are the same, whoever asks. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const server = createTcpServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    if (give(port)) ports.push(port);
  }
  return ports;
}

/** False where it is given away already; what a process that is gone held is free again. */
function give(port: number): boolean {
  mkdirSync(GIVEN, { recursive: true });
  const file = join(GIVEN, String(port));
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    if (existsSync(`/proc/${readFileSync(file, "utf8")}`)) return false;
    rmSync(file, { force: true });
    return give(port);
  }
  given.push(file);
  return true;
}

/** An HTTP server on a unix socket or a free port of loopback; answers `host:port` for the latter. */
export async function serve(t: Scope, listener: RequestListener, socket?: string): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) =>
    socket === undefined ? server.listen(0, "127.0.0.1", resolve) : server.listen(socket, resolve),
  );
  t.after(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return socket ?? `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Answers with what arrived, and a name to know it by. */
export const echo =
  (name: string): RequestListener =>
  (req, res) => {
    req.resume();
    req.on("end", () => {
      res.setHeader("content-type", "application/json");
      res.end(JSON.stringify({ name, method: req.method, path: req.url, headers: req.headers }));
    });
  };

export function spawnEnvoy(t: Scope, binary: string, args: readonly string[]): ChildProcess {
  const child = spawn(binary, args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-10_000);
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.once("exit", (code) => {
    if (code !== 0 && code !== null) console.error(`Envoy ended with ${code}:\n${said}`);
  });
  t.after(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  return child;
}

export interface Node {
  readonly dir: string;
  readonly port: number;
  readonly base: EnvoyBase;
  readonly xdsSocket: string;
  readonly adminSocket: string;
  readonly server: XdsServer;
  readonly configurator: EnvoyConfigurator;
  readonly signer: Signer;
  readonly envoy: ChildProcess;
}

export interface NodeOptions {
  readonly base?: Partial<EnvoyBase>;
  readonly services?: readonly EnvoyServiceWant[];
  readonly gateway?: RequestListener;
  readonly auth?: RequestListener;
  /** Instead of the real configurator's translation. */
  readonly configurator?: (server: XdsServer) => EnvoyConfigurator;
  /** What the bootstrap says of a collector; `base.telemetry` is for the listener. */
  readonly collector?: CollectorOptions;
  /** Called with what the server tells outside of publications. */
  readonly onRefused?: (type: string, name: string, text: string) => void;
}

/** One node's ingress, up and serving: stand-ins for gateway and auth, xDS server, Envoy. */
export async function startNode(t: Scope, options: NodeOptions = {}): Promise<Node> {
  const dir = await folder(t);
  const port = await freePort();
  const signer = new Signer();
  const xdsSocket = join(dir, "xds.sock");
  const adminSocket = join(dir, "envoy-admin.sock");
  const base: EnvoyBase = {
    node: "edge1.acme.catalyst.internal",
    identity: "own",
    listen: { address: "127.0.0.1", port },
    gateway: { path: join(dir, "gateway-http.sock") },
    auth: { path: join(dir, "auth-http.sock") },
    bodyLimitBytes: 1024 * 1024,
    ...options.base,
  };
  await serve(t, options.gateway ?? echo("gateway"), join(dir, "gateway-http.sock"));
  await serve(t, options.auth ?? echo("auth"), join(dir, "auth-http.sock"));
  const server = new XdsServer({
    log: quiet,
    ...(options.onRefused === undefined ? {} : { onRefused: options.onRefused }),
  });
  const configurator = options.configurator?.(server) ?? new EnvoyConfigurator(server);
  configurator.setBase(base);
  configurator.setKeys(signer.keys());
  for (const want of options.services ?? []) configurator.setService(want.service, want);
  await configurator.flush();
  await server.listen(xdsSocket);
  t.after(() => server.close());
  const envoy = await startEnvoy(t, dir, options.collector);
  await reachable(port);
  return { dir, port, base, xdsSocket, adminSocket, server, configurator, signer, envoy };
}

export async function startEnvoy(t: Scope, dir: string, telemetry?: CollectorOptions): Promise<ChildProcess> {
  const file = join(dir, "bootstrap.json");
  const adminSocket = join(dir, "envoy-admin.sock");
  writeBootstrap(file, {
    node: "edge1.acme.catalyst.internal",
    organization: "acme.catalyst.internal",
    xdsSocket: join(dir, "xds.sock"),
    adminSocket,
    ...(telemetry === undefined ? {} : { telemetry }),
  });
  const { command, args } = envoyCommand({ binary: await envoyBinary(), bootstrap: file, concurrency: 1 });
  const child = spawnEnvoy(t, command, args);
  await eventually(() => probeReady(adminSocket), "Envoy is ready");
  return child;
}

/** Until something listens there: Envoy is ready a moment before its listener is. */
export const reachable = (port: number): Promise<void> =>
  eventually(
    () =>
      ask(port, { path: "/healthz" }).then(
        () => true,
        () => false,
      ),
    `port ${port} answers`,
  );

/** Polls; throws after 10 s. Not an assertion on time, only an end to waiting. */
export async function eventually(check: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (let i = 0; i < 1_000; i++) {
    if (await check()) return;
    await sleep(10);
  }
  throw new Error(`still not so: ${what}`);
}

export interface Question {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly agent?: Agent;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
}

export function ask(port: number, question: Question = {}): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const { path = "/", method = "GET", headers = {}, body, agent = false } = question;
  const sent = request({ host: "127.0.0.1", port, path, method, headers, agent }, (answer) => {
    let text = "";
    answer.on("data", (chunk: Buffer) => (text += chunk.toString()));
    answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
    answer.on("error", reject);
  });
  sent.on("error", reject);
  sent.end(body);
  return promise;
}

/** An ES384 key that signs tokens as the auth part does. */
export class Signer {
  readonly kid: string;
  readonly #key: KeyObject;
  readonly #jwk: Readonly<Record<string, unknown>>;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
    const jwk = publicKey.export({ format: "jwk" });
    this.kid = createHash("sha256").update(JSON.stringify(jwk)).digest("base64url").slice(0, 12);
    this.#key = privateKey;
    this.#jwk = { ...jwk, kid: this.kid, alg: "ES384", use: "sig" };
  }

  keys(...more: readonly Signer[]): TrustKeys {
    return {
      revision: 1,
      issuer: "edge1.acme.catalyst.internal",
      audience: "acme.catalyst.internal",
      jwks: JSON.stringify({ keys: [this.#jwk, ...more.map((s) => s.#jwk)] }),
    };
  }

  token(
    claims: Readonly<Record<string, unknown>> = {},
    header: Readonly<Record<string, unknown>> = {},
  ): string {
    const now = Math.floor(Date.now() / 1000);
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const head = part({ alg: "ES384", typ: "at+jwt", kid: this.kid, ...header });
    const body = part({
      iss: "edge1.acme.catalyst.internal",
      aud: "acme.catalyst.internal",
      sub: "alice",
      scope: "*",
      iat: now,
      exp: now + 300,
      jti: Math.random().toString(36),
      ...claims,
    });
    const input = `${head}.${body}`;
    const signature = sign("sha384", Buffer.from(input), { key: this.#key, dsaEncoding: "ieee-p1363" });
    return `${input}.${signature.toString("base64url")}`;
  }

  bearer(claims: Readonly<Record<string, unknown>> = {}): { readonly authorization: string } {
    return { authorization: `Bearer ${this.token(claims)}` };
  }
}

/** A want as the service plugin makes it. */
export const httpService = (
  service: string,
  endpoints: readonly string[],
  more: Partial<Omit<EnvoyServiceWant, "ingress">> & {
    readonly ingress?: Partial<EnvoyServiceWant["ingress"]>;
  } = {},
): EnvoyServiceWant => ({
  service,
  protocol: "http",
  endpoints,
  timeoutMs: 5_000,
  ...more,
  ingress: { stripPrefix: false, hosts: [], ...more.ingress },
});
