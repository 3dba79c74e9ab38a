// The verbs about other nodes: peers, routes and the rules between them. A part of the table in verbs.ts, which says what it is for.

import type { Argument, Flag, Verb } from "./verb.ts";

const PEER: Argument = { name: "PEER", text: "its full name, or as much of the beginning as only one has" };
const NAME: Argument = {
  name: "NAME",
  text: "full name of a service, or its short one where only one has it",
};
const LIMIT: Flag = { name: "limit", value: "N", text: "at most so many, default 1000" };

const PEER_VERBS: readonly Verb[] = [
  {
    name: "peer list",
    summary: "all peers: session, freshness of their data, routes",
    admin: "peer.list",
    examples: [
      ["peer list", ""],
      ["peer list --json", "with ages in milliseconds"],
    ],
    load: () => import("./peer/list.ts"),
  },
  {
    name: "peer show",
    summary: "one peer: session, why it ended last, how old what is known of it may be",
    args: [PEER],
    admin: "peer.show",
    examples: [
      ["peer show edge1.globex.catalyst.internal", ""],
      ["peer show globex", "the only peer of that organization"],
    ],
    load: () => import("./peer/show.ts"),
  },
  {
    name: "peer add",
    summary: "exchange routes with another node",
    args: [{ name: "NODE", text: "its full name; what follows the first dot is its organization" }],
    flags: [
      { name: "address", value: "HOST:PORT", text: "its control listener; without it, it dials this node" },
      {
        name: "trust",
        value: "FILE",
        text: "certs/trust.pem of its organization, PEM; for another one's nodes",
      },
      {
        name: "role",
        value: "ROLE",
        text: "what it is to us: provider, customer or lateral; default lateral",
      },
      {
        name: "on-loss",
        value: "WHAT",
        text: "its routes when the session is lost: keep, depreference, withdraw",
      },
      { name: "hold", value: "DURATION", text: "silence after which it counts as lost; default 9s or 30s" },
      { name: "max-routes", value: "N", text: "most routes that are taken from it" },
      { name: "wait", value: "DURATION", text: "longest wait until it is synced, default 0s: no wait" },
    ],
    admin: "peer.add",
    examples: [
      ["peer add edge1.globex.catalyst.internal --address edge1.globex.example:7443 --trust globex.pem", ""],
      ["peer add edge2.acme.catalyst.internal --address 10.0.0.2:7443", "a node of the own organization"],
    ],
    load: () => import("./peer/add.ts"),
  },
  {
    name: "peer remove",
    summary: "end a peering that was added here; its routes go",
    args: [PEER],
    admin: "peer.remove",
    examples: [
      ["peer remove edge1.globex.catalyst.internal", ""],
      ["peer remove globex --json", "with the revision of the change"],
    ],
    load: () => import("./peer/remove.ts"),
  },
  {
    name: "peer up",
    summary: "open the session to a peer again, now",
    args: [PEER],
    admin: "peer.up",
    examples: [
      ["peer up globex", "after peer down, or when it waits for an operator"],
      ["peer up globex --json", ""],
    ],
    load: () => import("./peer/up.ts"),
  },
  {
    name: "peer down",
    summary: "close the session to a peer until peer up; its routes go",
    args: [PEER, { name: "REASON", text: "said to the other side", optional: true }],
    admin: "peer.down",
    examples: [
      ["peer down globex 'maintenance until 18:00'", ""],
      ["peer down globex", ""],
    ],
    load: () => import("./peer/down.ts"),
  },
  {
    name: "peer refresh",
    summary: "ask a peer to tell everything again",
    args: [PEER],
    admin: "peer.refresh",
    examples: [
      ["peer refresh globex", ""],
      ["peer refresh globex --json", ""],
    ],
    load: () => import("./peer/refresh.ts"),
  },
  {
    name: "peer diff",
    summary: "what other rules would change, before they are applied",
    args: [
      { name: "FILE", text: 'JSON with "imports", "exports" or both, as in the configuration; "-": input' },
    ],
    admin: "peer.diff",
    examples: [
      ["peer diff rules.json", "routes that each peer would gain or lose"],
      ["peer diff catalyst.json --json", "a whole configuration: its rules count"],
    ],
    load: () => import("./peer/diff.ts"),
  },
];

const ROUTE_VERBS: readonly Verb[] = [
  {
    name: "route list",
    summary: "services that are reached, and by which way",
    flags: [
      { name: "table", value: "TABLE", text: "internal, external or local: where the way leads first" },
      { name: "in", value: "PEER", text: "what this peer told" },
      { name: "out", value: "PEER", text: "what this peer is told" },
      { name: "rejected", text: "what is not used, and why" },
      LIMIT,
    ],
    admin: "route.list",
    examples: [
      ["route list --table external", "services of other organizations"],
      ["route list --in globex --rejected", "what was told and is not used"],
    ],
    load: () => import("./route/list.ts"),
  },
  {
    name: "route show",
    summary: "all ways to one service",
    args: [NAME],
    admin: "route.show",
    examples: [
      ["route show reviews.globex.catalyst.internal", ""],
      ["route show reviews --json", ""],
    ],
    load: () => import("./route/show.ts"),
  },
  {
    name: "route explain",
    summary: "why a service is reached as it is, or not at all",
    args: [NAME],
    admin: "route.explain",
    examples: [
      ["route explain reviews.globex.catalyst.internal", "each candidate, and the step at which it lost"],
      ["route explain reviews --json", ""],
    ],
    load: () => import("./route/explain.ts"),
  },
];

const RULE: Argument = {
  name: "RULE",
  text: 'accept or reject with flags, or a whole rule as JSON, or "-" for standard input',
};
const KEY: Argument = {
  name: "KEY",
  text: 'full name of the services, or a pattern as "*.globex.catalyst.internal"; default all',
  optional: true,
};
const ID: Argument = { name: "ID", text: "id or place as the list shows it; the start of an id is enough" };
const BEFORE: Flag = { name: "before", value: "ID", text: "ask it before this rule; default behind all" };

const MATCHES: readonly Flag[] = [
  { name: "role", value: "ROLE", text: "only where the peer is this to us" },
  { name: "protocol", value: "P", text: "only this protocol" },
  { name: "community", value: "ORG:NAME", text: "only routes with this community" },
  { name: "scope", value: "SCOPE", text: "only routes of this scope" },
  { name: "origin", value: "ORG", text: "only services of this organization, also through a transit peer" },
];

const SETS: readonly Flag[] = [
  { name: "set-preference", value: "N", text: "higher comes first" },
  { name: "set-cost", value: "N", text: "lower comes first inside one organization" },
  { name: "set-scope", value: "SCOPE", text: "narrows how far the route goes" },
  { name: "set-community", value: "ORG:NAME", text: 'adds it; with a leading "-" takes it away', many: true },
];

const UNSAFE: Flag = { name: "unsafe", text: "allow a local preference outside the role's band" };

const RULE_VERBS: readonly Verb[] = [
  {
    name: "import list",
    summary: "rules for what peers tell, in the order they are asked",
    admin: "import.list",
    examples: [
      ["import list", "and how many routes each decides"],
      ["import list --json", "as the configuration has them"],
    ],
    load: () => import("./rule/list.ts"),
  },
  {
    name: "import add",
    summary: "a rule for what peers tell; the first that matches decides",
    args: [RULE, KEY],
    flags: [
      { name: "peer", value: "NODE", text: "only what this node tells, or a pattern" },
      { name: "from", value: "ORG", text: "only what nodes of this organization tell, or a pattern" },
      ...MATCHES,
      ...SETS,
      { name: "alias", value: "NAME", text: "own name under which the service is reached as well" },
      { name: "graph", text: "a GraphQL service of another organization joins the graph" },
      {
        name: "graph-prefix",
        value: "NAME",
        text: "of its types and fields there; default its organization",
      },
      { name: "shared", value: "TYPE", text: "a type that is the same here and there", many: true },
      UNSAFE,
      BEFORE,
    ],
    admin: "import.add",
    examples: [
      [
        "import add accept reviews.globex.catalyst.internal --from globex.catalyst.internal --graph --shared Product",
        "one service, into the graph",
      ],
      ["import add reject '*' --community globex:beta --before 1", "before all others that were added"],
    ],
    load: () => import("./rule/add.ts"),
  },
  {
    name: "import remove",
    summary: "take away an import rule that was added here",
    args: [ID],
    admin: "import.remove",
    examples: [
      ["import remove 3f2a9c", ""],
      ["import remove 2 --json", "by its place"],
    ],
    load: () => import("./rule/remove.ts"),
  },
  {
    name: "import test",
    summary: "which rule decides what is taken from which peer",
    args: [{ ...NAME, optional: true, text: `${NAME.text}; default all that is told` }],
    flags: [{ name: "peer", value: "PEER", text: "only what this peer tells" }, LIMIT],
    admin: "import.test",
    examples: [
      ["import test reviews.globex.catalyst.internal", "also for a name that nobody tells yet"],
      ["import test --peer globex", ""],
    ],
    load: () => import("./rule/test.ts"),
  },
  {
    name: "export list",
    summary: "rules for what peers are told, in the order they are asked",
    admin: "export.list",
    examples: [
      ["export list", "and how many routes each decides"],
      ["export list --json", "as the configuration has them"],
    ],
    load: () => import("./rule/list.ts"),
  },
  {
    name: "export add",
    summary: "a rule for what peers are told; the first that matches decides",
    args: [RULE, KEY],
    flags: [
      { name: "peer", value: "NODE", text: "only what this node is told, or a pattern" },
      { name: "to", value: "ORG", text: "only what nodes of this organization are told, or a pattern" },
      ...MATCHES,
      ...SETS,
      UNSAFE,
      BEFORE,
    ],
    admin: "export.add",
    examples: [
      ["export add accept products.acme.catalyst.internal --to globex.catalyst.internal", ""],
      ["export add accept '*.acme.catalyst.internal' --role customer", "everything, to customers"],
    ],
    load: () => import("./rule/add.ts"),
  },
  {
    name: "export remove",
    summary: "take away an export rule that was added here",
    args: [ID],
    admin: "export.remove",
    examples: [
      ["export remove 3f2a9c", ""],
      ["export remove 2 --json", "by its place"],
    ],
    load: () => import("./rule/remove.ts"),
  },
  {
    name: "export test",
    summary: "which rule decides what is told to which peer",
    args: [{ ...NAME, optional: true, text: `${NAME.text}; default all that is reached` }],
    flags: [{ name: "peer", value: "PEER", text: "only what this peer is told" }, LIMIT],
    admin: "export.test",
    examples: [
      ["export test products", ""],
      ["export test --peer globex --json", ""],
    ],
    load: () => import("./rule/test.ts"),
  },
];

/** These stand with the other verbs of services. */
export const SERVICE_EXPORT_VERBS: readonly Verb[] = [
  {
    name: "service export",
    summary: "tell other organizations of an own service",
    args: [{ name: "NAME", text: "short or full name" }],
    flags: [{ name: "to", value: "ORG", text: "only this one; default every direct peer" }],
    admin: "service.export",
    examples: [
      ["service export products --to globex.catalyst.internal", ""],
      ["service export products", "to every organization that peers with this node"],
    ],
    load: () => import("./service/export.ts"),
  },
  {
    name: "service unexport",
    summary: "tell them no more; those who used it lose it",
    args: [{ name: "NAME", text: "short or full name" }],
    flags: [{ name: "to", value: "ORG", text: "only this one; default all that service export named" }],
    admin: "service.unexport",
    examples: [
      ["service unexport products --to globex.catalyst.internal", ""],
      ["service unexport products", ""],
    ],
    load: () => import("./service/unexport.ts"),
  },
];

export const PEERING_VERBS: readonly Verb[] = [...PEER_VERBS, ...ROUTE_VERBS, ...RULE_VERBS];
