// What must be so at rest, computed without any of the code under test: each node's choice follows from what its neighbours chose.
// `solve` computes the whole network from nothing, as a path-vector fixed point; where two orders of computing agree, that is the
// only state in which the network can rest. `expected` derives one node's choice from its neighbours' actual ones, which holds
// for every state at rest. Rules follow docs/internals/decision.md sections 2 and 4; simulated networks leave costs out.

export interface Claim {
  readonly key: string;
  readonly seq: number;
  readonly epoch: number;
  readonly health: string;
  readonly scope: "organization" | "direct" | "transitive";
  readonly nodes: readonly string[];
  readonly orgs: readonly string[];
  readonly mark: string | undefined;
  readonly preference: number | undefined;
}

/** A claim as one node holds it. */
export interface Held extends Claim {
  /** Who told it; the node itself for its own. */
  readonly from: string;
  readonly rank: number;
  readonly inside: boolean;
}

export interface Side {
  readonly node: string;
  readonly peer: string;
  /** What the peer is to the node. */
  readonly role: "internal" | "provider" | "customer" | "lateral";
}

export interface Picture {
  readonly nodes: readonly string[];
  readonly organization: (node: string) => string;
  /** Sessions that are up, from both sides. */
  readonly sides: readonly Side[];
  readonly own: (node: string) => readonly Claim[];
  /** Rules: names that this node takes from, gives to other organizations. */
  readonly takes: (node: string, key: string) => boolean;
  readonly gives: (node: string, key: string) => boolean;
}

const BASE = { internal: 400, customer: 300, lateral: 200, provider: 100 } as const;

/** What `node` tells over this session of a route it holds; undefined = nothing. */
function tell(held: Held, { node, role }: Side, picture: Picture): Claim | undefined {
  const org = picture.organization(node);
  const own = held.from === node;
  const foreign = held.orgs.some((one) => one !== org);
  const nodes = own ? held.nodes : [node, ...held.nodes];
  const orgs = held.orgs[0] === org ? held.orgs : [org, ...held.orgs];
  const { mark } = held;
  if (role === "internal") {
    const preference = own ? undefined : held.inside ? held.preference : held.rank;
    return { ...plain(held), nodes, orgs, mark, preference };
  }
  if (mark !== undefined && role !== "customer") return undefined;
  if (held.scope === "organization" || (foreign && held.scope !== "transitive")) return undefined;
  if (!picture.gives(node, held.key)) return undefined;
  const marked = mark ?? (role === "provider" ? undefined : org);
  return { ...plain(held), nodes, orgs, mark: marked, preference: undefined };
}

const plain = ({ key, seq, epoch, health, scope }: Claim) => ({ key, seq, epoch, health, scope });

/** What `node` makes of it; undefined = not used. */
function take(claim: Claim, { node, peer, role }: Side, picture: Picture): Held | undefined {
  if (claim.nodes.includes(node)) return undefined;
  const org = picture.organization(node);
  if (role === "internal") {
    if (claim.orgs.indexOf(org, 1) > 0) return undefined;
    return { ...claim, from: peer, rank: claim.preference ?? BASE.internal, inside: true };
  }
  if (claim.orgs.includes(org)) return undefined;
  const teller = picture.organization(peer);
  const { mark } = claim;
  if (mark !== undefined && (role === "customer" || (role === "lateral" && mark !== teller)))
    return undefined;
  if (!picture.takes(node, claim.key)) return undefined;
  const marked = mark ?? (role === "customer" ? undefined : teller);
  return { ...claim, mark: marked, from: peer, rank: BASE[role], inside: false };
}

const HEALTH: Readonly<Record<string, number>> = { up: 0, unknown: 1, down: 2 };

function better(a: Held, b: Held, node: string, org: string): number {
  const own = (held: Held) => (held.from === node && held.health === "up" ? 0 : 1);
  const others = (held: Held) => held.orgs.filter((one, at) => one !== org || at > 0).length;
  return (
    own(a) - own(b) ||
    (HEALTH[a.health] ?? 2) - (HEALTH[b.health] ?? 2) ||
    b.rank - a.rank ||
    others(a) - others(b) ||
    Number(a.inside) - Number(b.inside) ||
    a.nodes.length - b.nodes.length ||
    (a.from < b.from ? -1 : 1)
  );
}

export type Choices = ReadonlyMap<string, ReadonlyMap<string, Held>>;

/** What a node must choose, given what its neighbours chose. */
export function expected(node: string, choices: Choices, picture: Picture): Map<string, Held> {
  const org = picture.organization(node);
  const best = new Map<string, Held>();
  const offer = (held: Held | undefined) => {
    if (held === undefined) return;
    const known = best.get(held.key);
    if (known === undefined || better(held, known, node, org) < 0) best.set(held.key, held);
  };
  for (const claim of picture.own(node)) offer({ ...claim, from: node, rank: BASE.internal, inside: true });
  for (const side of picture.sides) {
    if (side.node !== node) continue;
    const back = picture.sides.find((one) => one.node === side.peer && one.peer === node);
    if (back === undefined) continue;
    for (const held of choices.get(side.peer)?.values() ?? []) {
      const claim = tell(held, back, picture);
      if (claim !== undefined) offer(take(claim, side, picture));
    }
  }
  return best;
}

const ROUNDS_MAX = 60;

/** The whole network from nothing; undefined when it does not settle in this order. */
function settle(picture: Picture, order: readonly string[]): Choices | undefined {
  const choices = new Map<string, Map<string, Held>>(order.map((node) => [node, new Map()]));
  for (let round = 0; round < ROUNDS_MAX; round++) {
    let changed = false;
    for (const node of order) {
      const next = expected(node, choices, picture);
      changed ||= text(next) !== text(choices.get(node) ?? new Map());
      choices.set(node, next);
    }
    if (!changed) return choices;
  }
  return undefined;
}

/** The one state of rest, if there is only one. */
export function solve(picture: Picture): Choices | undefined {
  const up = settle(picture, picture.nodes);
  const down = settle(picture, picture.nodes.toReversed());
  if (up === undefined || down === undefined) return undefined;
  return picture.nodes.every((node) => text(up.get(node) ?? new Map()) === text(down.get(node) ?? new Map()))
    ? up
    : undefined;
}

/** For comparing and for showing. */
export function text(choices: ReadonlyMap<string, Held>): string {
  return [...choices.values()]
    .map(
      ({ key, epoch, seq, health, nodes, mark, scope }) =>
        `${key} ${epoch}.${seq} ${health} ${scope} ${nodes.join(">")} ${mark ?? "-"}`,
    )
    .sort()
    .join("\n");
}
