// Where a node keeps what: state, keys and logs in its data directory, sockets in its run directory (docs/reference/cli.md,
// "Directories"). Plain path arithmetic without any heavy import, because the supervisor and every client verb load it.
// A unix socket's path may hold 107 bytes; one that would pass 100 moves the run directory to $XDG_RUNTIME_DIR/catalyst, or
// to a private folder under the temporary directory. A link `run` in the data directory then leads there, so that a client
// with another environment finds the same sockets.
// Invariant: everything here follows from organization, node name, data directory and environment alone.

import { homedir, hostname, tmpdir, userInfo } from "node:os";
import { basename, join, resolve } from "node:path";

/** What of a configuration decides the names and places of a node. `Config` of schema.ts fits. */
export interface NodePlace {
  readonly organization: string;
  readonly node?: string | undefined;
  readonly dataDir?: string | undefined;
}

export interface NodeNames {
  readonly organization: string;
  /** One label, "edge1". */
  readonly label: string;
  /** Full name, "edge1.acme.catalyst.internal". */
  readonly node: string;
  readonly dataDir: string;
}

export interface NodePaths {
  readonly dataDir: string;
  readonly runDir: string;
  readonly keysDir: string;
  readonly certsDir: string;
  readonly logDir: string;
  readonly stateDb: string;
  readonly adminSock: string;
  readonly sdkSock: string;
  readonly gatewaySock: string;
  readonly gatewayHttpSock: string;
  readonly authSock: string;
  readonly authHttpSock: string;
  readonly xdsSock: string;
  readonly envoyAdminSock: string;
  readonly supervisorSock: string;
}

/** The kernel's limit is 107 bytes and the NUL; the rest is left for files made beside a socket ("….tmp"). */
const SOCKET_PATH_BYTES_MAX = 100;
const LONGEST_SOCKET = "gateway-http.sock";

export type Env = Readonly<Record<string, string | undefined>>;

/** "~/x" under the home directory, anything else under `base`. */
export function resolvePath(path: string, base: string, env: Env = process.env): string {
  if (path === "~" || path.startsWith("~/")) return join(env["HOME"] ?? homedir(), path.slice(1));
  return resolve(base, path);
}

/** The folder in which each node of this user has its data directory, unless told otherwise. */
export function nodesDir(env: Env = process.env): string {
  const xdg = env["XDG_DATA_HOME"];
  const share = xdg?.startsWith("/") === true ? xdg : join(env["HOME"] ?? homedir(), ".local/share");
  return join(share, "catalyst");
}

/** A host name as one DNS label: first label, lower case, what is not allowed becomes a hyphen. */
export function labelOf(host: string): string {
  const first = host.split(".")[0] ?? "";
  const plain = first.toLowerCase().replaceAll(/[^a-z0-9-]+/g, "-");
  return plain.slice(0, 63).replaceAll(/^-+|-+$/g, "") || "node";
}

/** Full name and data directory of the node that a configuration describes. */
export function resolveNode(place: NodePlace, env: Env = process.env): NodeNames {
  const label = place.node ?? labelOf(hostname());
  return {
    organization: place.organization,
    label,
    node: `${label}.${place.organization}`,
    dataDir: resolvePath(place.dataDir ?? join(nodesDir(env), label), process.cwd(), env),
  };
}

/** Every path of the node that a configuration describes. */
export const paths = (place: NodePlace, env: Env = process.env): NodePaths =>
  pathsIn(resolveNode(place, env).dataDir, env);

/** Every path of the node whose data directory this is. */
export function pathsIn(
  dataDir: string,
  env: Env = process.env,
  runDir = runDirFor(dataDir, env),
): NodePaths {
  return {
    dataDir,
    runDir,
    keysDir: join(dataDir, "keys"),
    certsDir: join(dataDir, "certs"),
    logDir: join(dataDir, "log"),
    stateDb: join(dataDir, "state.db"),
    adminSock: join(runDir, "admin.sock"),
    sdkSock: join(runDir, "sdk.sock"),
    gatewaySock: join(runDir, "gateway.sock"),
    gatewayHttpSock: join(runDir, LONGEST_SOCKET),
    authSock: join(runDir, "auth.sock"),
    authHttpSock: join(runDir, "auth-http.sock"),
    xdsSock: join(runDir, "xds.sock"),
    envoyAdminSock: join(runDir, "envoy-admin.sock"),
    supervisorSock: join(runDir, "supervisor.sock"),
  };
}

/** Of a path, for a name; node:crypto is loaded with the first call, because most verbs need none (8 ms). */
export const digestOf = (path: string): string =>
  process.getBuiltinModule("node:crypto").createHash("sha256").update(path).digest("hex");

const fits = (runDir: string): boolean =>
  Buffer.byteLength(join(runDir, LONGEST_SOCKET)) <= SOCKET_PATH_BYTES_MAX;

/**
 * `<dataDir>/run`, or where its sockets would have too long a path, a short folder: named after the data directory (by
 * default that is the node's name) and a digest of its path, so that two nodes never share one.
 */
export function runDirFor(dataDir: string, env: Env = process.env): string {
  const plain = join(dataDir, "run");
  if (fits(plain)) return plain;
  const digest = digestOf(dataDir).slice(0, 8);
  const name = `${labelOf(basename(dataDir)).slice(0, 20)}-${digest}`;
  const xdg = env["XDG_RUNTIME_DIR"];
  if (xdg?.startsWith("/") === true && fits(join(xdg, "catalyst", name))) return join(xdg, "catalyst", name);
  const own = `catalyst-${userInfo().uid}`;
  const temporary = join(tmpdir(), own, name);
  return fits(temporary) ? temporary : join("/tmp", own, digest);
}
