// Where the node is. CATALYST_SDK_URL says it ("http://host:port", "unix:/path"); else the socket in
// CATALYST_DATA_DIR; else the only node of this user that runs. Resolved again for every dial, as a node may
// start after its services. Paths follow the node's own rule: a data directory with a long path has a link
// `run` that leads to a short one, because the kernel takes at most 107 bytes for a socket's path.

import { existsSync, readdirSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { RegistrationError } from "./error.ts";

export interface Address {
  /** For messages. */
  readonly text: string;
  readonly socketPath?: string;
  readonly url?: URL;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export function resolveAddress(given: string | undefined, env: Environment): Address {
  const url = given ?? env["CATALYST_SDK_URL"];
  if (url !== undefined && url !== "") return parseAddress(url);
  const dataDir = env["CATALYST_DATA_DIR"];
  if (dataDir !== undefined && dataDir !== "") return inDataDir(dataDir);
  return onlyNode(env);
}

export function parseAddress(text: string): Address {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
    if (path.startsWith("/")) return { text, socketPath: path };
  } else if (URL.canParse(text)) {
    const url = new URL(text);
    if (url.protocol === "http:" || url.protocol === "https:") return { text: url.origin, url };
  }
  throw new RegistrationError("ERR_INVALID_ARGUMENT", `the node's address "${text}" is no URL`, {
    hint: "use http://host:port or unix:/path",
  });
}

function inDataDir(dataDir: string): Address {
  const path = join(dataDir, "run", "sdk.sock");
  return { text: path, socketPath: shortened(path) };
}

/** Follows the link `run`, so that the path handed to the kernel is the short one. */
function shortened(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

function onlyNode(env: Environment): Address {
  const xdg = env["XDG_DATA_HOME"];
  const share = xdg?.startsWith("/") === true ? xdg : join(env["HOME"] ?? homedir(), ".local/share");
  const home = join(share, "catalyst");
  const found = new Set<string>();
  for (const folder of [home, join(home, ".running")]) {
    for (const name of entries(folder)) {
      const path = join(folder, name, "run", "sdk.sock");
      if (!name.startsWith(".") && existsSync(path)) found.add(realpathSync(path));
    }
  }
  const [first, second] = found;
  if (first !== undefined && second === undefined) return { text: first, socketPath: first };
  const hint = "set CATALYST_SDK_URL or CATALYST_DATA_DIR";
  if (first === undefined) {
    throw new RegistrationError("ERR_NODE_UNREACHABLE", `no node runs in ${home}`, { hint });
  }
  throw new RegistrationError("ERR_NODE_AMBIGUOUS", `several nodes run in ${home}`, { hint });
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    // No node was ever started by this user.
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw new RegistrationError("ERR_NODE_UNREACHABLE", `cannot look for a node in ${folder} (${code})`, {
      hint: "set CATALYST_SDK_URL or CATALYST_DATA_DIR",
      cause,
    });
  }
}
