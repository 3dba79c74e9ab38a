// What a route says of its service itself: communities, region, schema, descriptor and labels, as one JSON text. It is written where the
// service is, goes from node to node and stands in every table as the same text: few ask what it says, and as objects it would cost
// three times the memory and, of all that a received route takes, a quarter of the time. Invariant: a text within this node was
// written here or checked by the route parser, so reading it never fails.

import type { RouteAttributes } from "./route.ts";
import type { Health } from "./service.ts";

export interface Detailed extends Omit<RouteAttributes, "health"> {
  readonly communities?: readonly string[];
}

/** Communities, region, schema, descriptor, labels; what is missing is 0. */
type Parts = readonly [
  communities: readonly string[],
  region: string | 0,
  schema: string | 0,
  descriptor: string | 0,
  labels: Readonly<Record<string, string>> | 0,
];

const NONE: readonly string[] = [];
const BARE: Parts = [NONE, 0, 0, 0, 0];
const BARE_TEXT = JSON.stringify(BARE);

export function detailsOf({ communities = NONE, region, schema, descriptor, labels }: Detailed): string {
  const parts: Parts = [communities, region ?? 0, schema ?? 0, descriptor ?? 0, inOrder(labels) ?? 0];
  return JSON.stringify(parts);
}

export function communitiesOf(details: string): readonly string[] {
  return details.startsWith("[[]") ? NONE : partsOf(details)[0];
}

export function withDetails(details: string, communities: readonly string[]): string {
  return JSON.stringify(partsOf(details).with(0, communities));
}

export function attributesOf(health: Health, details: string): RouteAttributes {
  const [, region, schema, descriptor, labels] = partsOf(details);
  return {
    health,
    ...(region === 0 ? {} : { region }),
    ...(schema === 0 ? {} : { schema }),
    ...(descriptor === 0 ? {} : { descriptor }),
    ...(labels === 0 ? {} : { labels }),
  };
}

/** By name: equal labels are written alike. */
function inOrder(labels: Detailed["labels"]): Detailed["labels"] {
  if (labels === undefined) return undefined;
  const names = Object.keys(labels);
  const sorted = names.toSorted();
  if (names.every((name, at) => name === sorted[at])) return labels;
  return Object.fromEntries(sorted.map((name) => [name, labels[name] ?? ""]));
}

const partsOf = (details: string): Parts => (details === BARE_TEXT ? BARE : (JSON.parse(details) as Parts));
