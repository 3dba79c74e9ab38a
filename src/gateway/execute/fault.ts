// The errors a client sees. Each carries a code and, where one is at fault, the service's name. Hosts, ports, stacks and
// whatever else a service puts into `extensions` stay inside; texts of our own services pass with addresses masked, those of
// other organizations do not pass at all. Invariant: an answer holds at most FAULTS_MAX errors.

import type { ErrorCode } from "#rpc";
import type { ResponsePath } from "./merge.ts";

export interface Fault {
  readonly message: string;
  readonly path?: ResponsePath;
  readonly locations?: readonly { readonly line: number; readonly column: number }[];
  readonly extensions: { readonly code: string; readonly service?: string };
}

export const FAULTS_MAX = 100;
const TEXT_MAX = 1_000;
const CODE_MAX = 100;
/** Of another organization: a plain word, and none of ours. */
const FOREIGN_CODE = /^(?!ERR_)[A-Z][A-Z0-9_]{0,63}$/;
/** Of one part of a path; names are shorter. */
const PART_MAX = 256;

export function ownFault(code: ErrorCode, message: string, service?: string): Fault {
  return { message, extensions: { code, ...(service !== undefined && { service }) } };
}

/** A foreign error made presentable. `place` maps its path into the client's query. */
export function serviceFault(
  error: unknown,
  service: string,
  foreign: boolean,
  place: (path: ResponsePath) => ResponsePath | undefined,
): Fault {
  const { message, path, extensions } = (typeof error === "object" && error !== null ? error : {}) as {
    message?: unknown;
    path?: unknown;
    extensions?: { code?: unknown } | null;
  };
  const text =
    typeof message === "string" && !foreign ? maskAddresses(message) : "the service answered with an error";
  const given = extensions?.code;
  const known = typeof given === "string" && (!foreign || FOREIGN_CODE.test(given));
  const code = known ? given.slice(0, CODE_MAX) : "ERR_UPSTREAM";
  const at = isPath(path) ? place(path) : undefined;
  return { message: text, ...(at !== undefined && { path: at }), extensions: { code, service } };
}

// Addresses in the texts that clients and drivers write: URLs, IPv4 and bracketed IPv6 with or without port, host:port.
const ADDRESSES =
  /\b[a-z][a-z0-9+.-]*:\/\/[^\s"'<>)]+|\[[0-9a-f:.]+\](?::\d+)?|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\b(?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+|[a-z][a-z0-9-]*):\d{2,5}\b|(?<![\w:])::1(?::\d+)?/gi;

export function maskAddresses(text: string): string {
  const bounded = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
  return bounded.replace(ADDRESSES, "[address]");
}

function isPath(path: unknown): path is ResponsePath {
  return (
    Array.isArray(path) &&
    path.length <= 64 &&
    path.every((part) => (typeof part === "string" ? part.length <= PART_MAX : typeof part === "number"))
  );
}
