// The shape of a network: how many nodes, and which of them are peers. Four shapes by name, any other from a file. A shape is refused
// before anything starts when it is too large for this machine or falls apart.

import { readFileSync } from "node:fs";
import { freemem } from "node:os";
import { CatalystError } from "#rpc";
import { usage } from "../failure.ts";

/** Places of two nodes, from 0; the smaller one first. */
export type Link = readonly [number, number];

export interface Topology {
  readonly name: string;
  readonly nodes: number;
  readonly links: readonly Link[];
}

const NODES_MAX = 32;
const LINKS_MAX = 128;
/** A node with its Envoy at rest, with room for its start (measured: 150). */
const NODE_MIB = 200;
const NODES_DEFAULT = 3;

const SHAPES: Readonly<Record<string, (nodes: number) => Link[]>> = {
  line: (nodes) => pairsOf(nodes - 1, (at) => [at, at + 1]),
  ring: (nodes) => pairsOf(nodes, (at) => [at, (at + 1) % nodes]),
  star: (nodes) => pairsOf(nodes - 1, (at) => [0, at + 1]),
  mesh: (nodes) =>
    pairsOf(nodes, (a) => a).flatMap((a) => pairsOf(nodes - a - 1, (b): Link => [a, a + b + 1])),
};

const pairsOf = <T>(count: number, each: (at: number) => T): T[] =>
  Array.from({ length: Math.max(0, count) }, (_, at) => each(at));

/** `nodes` and `shape` as flags give them; undefined when neither is given. */
export function topologyOf(nodes: number | undefined, shape: string | undefined): Topology | undefined {
  if (nodes === undefined && shape === undefined) return undefined;
  const make =
    shape === undefined ? SHAPES["line"] : Object.hasOwn(SHAPES, shape) ? SHAPES[shape] : undefined;
  const found =
    make === undefined ? fromFile(shape ?? "", nodes) : shaped(nodes ?? NODES_DEFAULT, shape ?? "line", make);
  return checked(found);
}

function shaped(nodes: number, name: string, make: (nodes: number) => Link[]): Topology {
  // A ring of two is a line, and a link is one link however often it is named.
  return { name, nodes, links: distinct(make(nodes)) };
}

function distinct(links: readonly Link[]): Link[] {
  const known = new Map<string, Link>();
  for (const [a, b] of links) {
    const link: Link = a < b ? [a, b] : [b, a];
    if (a !== b) known.set(link.join(" "), link);
  }
  return [...known.values()];
}

/** `{"links": [[1, 2], [2, 3]]}`: nodes are numbered from 1. */
function fromFile(file: string, asked: number | undefined): Topology {
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    const known = Object.keys(SHAPES).join(", ");
    const why = cause instanceof Error ? cause.message : String(cause);
    throw usage(`--topology is none of ${known}, nor a file with links: ${why}`, HINT);
  }
  const links = (read as { links?: unknown } | null)?.links;
  if (!Array.isArray(links)) throw usage(`${file} has no list "links"`, HINT);
  const pairs = links.map((link: unknown, at): Link => {
    const [a, b, ...more] = Array.isArray(link) ? (link as unknown[]) : [];
    if (isNumber(a) && isNumber(b) && more.length === 0 && a !== b) return [a - 1, b - 1];
    throw usage(
      `links[${at}] in ${file} must be two different numbers of nodes, from 1 to ${NODES_MAX}`,
      HINT,
    );
  });
  const highest = Math.max(0, ...pairs.flat()) + 1;
  if (asked !== undefined && asked < highest)
    throw usage(`${file} names node ${highest}, but --nodes says ${asked}`);
  return { name: file, nodes: asked ?? highest, links: distinct(pairs) };
}

const HINT = 'a file looks like {"links": [[1, 2], [2, 3]]}';

const isNumber = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= NODES_MAX;

function checked(topology: Topology): Topology {
  const { nodes, links } = topology;
  if (nodes < 1 || nodes > NODES_MAX) throw usage(`--nodes must be from 1 to ${NODES_MAX}, is ${nodes}`);
  if (links.length > LINKS_MAX)
    throw usage(
      `${links.length} links are too many for one machine, at most ${LINKS_MAX}`,
      "fewer nodes, or a ring",
    );
  const away = reachable(topology).indexOf(false);
  if (away >= 0) throw usage(`node ${away + 1} has no way to node 1`, "add a link to it");
  const [needed, free] = [nodes * NODE_MIB, Math.round(freeMib())];
  if (nodes > 1 && needed > free)
    throw new CatalystError("ERR_LIMIT", `${nodes} nodes need about ${needed} MiB, ${free} MiB are free`, {
      hint: `catalyst demo --nodes ${Math.max(1, Math.floor(free / NODE_MIB))}`,
    });
  return topology;
}

/** Which nodes have a way to the first. */
function reachable({ nodes, links }: Topology): boolean[] {
  const found = Array.from({ length: nodes }, (_, at) => at === 0);
  for (let grown = true; grown;) {
    grown = false;
    for (const [a, b] of links) {
      if (found[a] === found[b]) continue;
      found[a] = true;
      found[b] = true;
      grown = true;
    }
  }
  return found;
}

/** What the kernel says is available: free memory alone leaves out what files hold only for now. */
function freeMib(): number {
  try {
    const [, kib] = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8")) ?? [];
    if (kib !== undefined) return Number(kib) / 1_024;
  } catch {
    // No such file on this system: the plain figure has to do.
  }
  return freemem() / 1_048_576;
}
