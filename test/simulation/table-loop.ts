// The kernel's own loop over the real route table, with one plugin that brings what peers told through parser, checks and import rules
// into it. It is the part of a node that is recorded and replayed; here it is stepped by hand, one event a commit.

import { Loop, type Millis, type Plugin, type StateStore } from "#kernel";
import {
  freshTerms,
  ImportPolicy,
  originProblem,
  OWN,
  type PeerDelta,
  type PeerIntent,
  type PeerTerms,
  type Route,
  type RouteChanges,
  type RouteDelta,
  RouteParser,
  RouteTable,
  type Routes,
  type Rule,
  type Self,
} from "#routing";
import type { Bug } from "./bugs.ts";

export type TableEvent =
  | { readonly kind: "peer"; readonly at: Millis; readonly intent: PeerIntent }
  | { readonly kind: "own"; readonly at: Millis; readonly route: Route }
  | {
      readonly kind: "own.end";
      readonly at: Millis;
      readonly key: string;
      readonly version: Route["version"];
    }
  | { readonly kind: "told"; readonly at: Millis; readonly node: string; readonly told: Routes }
  | {
      readonly kind: "restored";
      readonly at: Millis;
      readonly node: string;
      readonly routes: readonly Route[];
    }
  | { readonly kind: "imports"; readonly at: Millis; readonly rules: readonly Rule[] }
  | { readonly kind: "tick"; readonly at: Millis };

type TableDelta = PeerDelta | RouteDelta;

export interface TableCommit {
  readonly revision: number;
  readonly at: Millis;
  readonly changes: RouteChanges;
}

export interface TableTypes {
  event: TableEvent;
  delta: TableDelta;
  commit: TableCommit;
  view: RouteTable;
  effect: { kind: string; key: string; want: unknown };
}

class TableStore implements StateStore<TableTypes> {
  readonly #table: RouteTable;
  #revision = 0;

  constructor(table: RouteTable) {
    this.#table = table;
  }
  stage(deltas: readonly TableDelta[]): void {
    for (const delta of deltas) this.#table.apply(delta);
  }
  mark(): number {
    return this.#table.mark();
  }
  undo(mark: number): void {
    this.#table.undo(mark);
  }
  commit(deltas: readonly TableDelta[], at: Millis): TableCommit {
    this.stage(deltas);
    this.#revision += 1;
    return { revision: this.#revision, at, changes: this.#table.seal() };
  }
  view(): RouteTable {
    return this.#table;
  }
  hash(): string {
    return String(this.#revision);
  }
}

const SLICE = 1_000_000;

type Out = { push(delta: TableDelta): void };

/** Rejections that honest peers never cause, for the invariants. */
export interface Watch {
  rejected(node: string, key: string, reason: string): void;
}

export function tableLoop(self: Self, bug: Bug | undefined, watch: Watch) {
  const table = new RouteTable(self.organization);
  const intents = new Map<string, PeerIntent>();
  const policies = new Map<string, ImportPolicy>();
  const parser = new RouteParser();
  let rules: readonly Rule[] = [];

  const terms = (node: string): PeerTerms | undefined => table.received(node)?.terms;
  const walk = (node: string, next: Partial<PeerTerms>, out: Out) => {
    const known = terms(node);
    if (known === undefined) return;
    out.push({ kind: "peer.set", terms: { ...known, ...next } });
    out.push({ kind: "route.walk", peer: node, most: SLICE });
  };
  /** Envoys are not simulated: all are reached. */
  const fresh = (intent: PeerIntent): PeerTerms => ({
    ...freshTerms(intent, policies.get(intent.node)?.hash ?? ""),
    reach: "up",
  });
  const learn = (node: string, claim: Route, at: Millis, out: Out) => {
    const known = terms(node);
    const parsed = parser.parse(claim);
    const refuse = (key: string, reason: string) => {
      watch.rejected(node, key, reason);
      out.push({ kind: "route.unlearn", peer: node, key });
    };
    if (known === undefined) return;
    if (!parsed.ok) return refuse(parsed.key, parsed.problem.reason);
    const { route } = parsed;
    const problem = originProblem(route, known, self, at);
    if (problem !== undefined) return refuse(route.key, problem.reason);
    if (table.tombstones.kills(route.key, route.origin, route.version)) return refuse(route.key, "tombstone");
    const verdict = policies.get(node)?.judge(route);
    if (verdict === undefined) return;
    if (!verdict.accept) watch.rejected(node, route.key, verdict.reason);
    out.push({ kind: "route.learn", peer: node, route, verdict });
  };
  const update = (node: string, told: Extract<Routes, { kind: "update" }>, at: Millis, out: Out) => {
    for (const { key, version, tombstone } of told.withdraw) {
      const path = table.path(node, key);
      if (path !== undefined && tombstone !== undefined && terms(node)?.kind === "internal") {
        out.push({ kind: "route.bury", stone: { key, origin: path.course.origin, version, at } });
      }
      out.push({ kind: "route.unlearn", peer: node, key });
    }
    for (const route of told.advertise) learn(node, route, at, out);
  };
  const told = (node: string, what: Routes, at: Millis, out: Out) => {
    const generation = terms(node)?.generation ?? 0;
    switch (what.kind) {
      case "update":
        return update(node, what, at, out);
      case "swept":
        if (bug === "no-sweep") return;
        for (const key of what.keys) out.push({ kind: "route.unlearn", peer: node, key });
        return;
      case "stale":
        return walk(node, { generation: generation + 1 }, out);
      case "confirmed":
        return walk(node, { generation: generation - 1, longStale: false }, out);
      case "whole":
        if (bug !== "no-sweep") out.push({ kind: "route.sweep", peer: node, most: SLICE });
        return walk(node, { longStale: false }, out);
      case "longStale":
        return walk(node, { longStale: true }, out);
      case "gone": {
        const intent = intents.get(node);
        if (bug === "stale-for-ever" || intent === undefined) return;
        out.push({ kind: "peer.delete", node });
        out.push({ kind: "peer.set", terms: fresh(intent) });
      }
    }
  };
  const imports = (next: readonly Rule[], out: Out) => {
    rules = next;
    for (const [node, intent] of intents) {
      const policy = new ImportPolicy(rules, intent);
      policies.set(node, policy);
      if (bug === "rules-not-rerun") continue;
      const received = table.received(node);
      if (received === undefined) continue;
      for (const path of [...received.paths()]) {
        out.push({ kind: "route.judge", peer: node, key: path.key, verdict: policy.judge(path.route()) });
      }
      walk(node, { policy: policy.hash }, out);
    }
  };

  const plugin: Plugin<TableTypes> = {
    name: "routes",
    apiVersion: 1,
    apply(event, _view, out) {
      switch (event.kind) {
        case "peer": {
          const { intent } = event;
          const isNew = !intents.has(intent.node);
          intents.set(intent.node, intent);
          if (!isNew) return;
          policies.set(intent.node, new ImportPolicy(rules, intent));
          return out.push({ kind: "peer.set", terms: fresh(intent) });
        }
        case "own":
          return out.push({ kind: "route.learn", peer: self.node, route: event.route, verdict: OWN });
        case "own.end": {
          const { key, version, at } = event;
          out.push({ kind: "route.bury", stone: { key, origin: self.node, version, at } });
          return out.push({ kind: "route.unlearn", peer: self.node, key });
        }
        case "told":
          return told(event.node, event.told, event.at, out);
        case "restored":
          for (const route of event.routes) learn(event.node, route, event.at, out);
          return walk(event.node, { generation: 1 }, out);
        case "imports":
          return imports(event.rules, out);
        case "tick":
          for (const path of table.ending(event.at)) {
            out.push({ kind: "route.unlearn", peer: path.peerName, key: path.key });
          }
      }
    },
  };

  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const errors: string[] = [];
  const loop = new Loop<TableTypes>({
    store: new TableStore(table),
    plugins: [plugin],
    ports: {
      clock: { now: () => 0, monotonic: () => 0, after: () => () => undefined },
      random: { next: () => 0 },
      log: {
        ...silent,
        error: (fields: object, text: string) => void errors.push(`${text} ${JSON.stringify(fields)}`),
      },
    },
    schedule: () => undefined,
    effects: false,
  });
  const localTerms: PeerTerms = {
    node: self.node,
    organization: self.organization,
    kind: "internal",
    role: "internal",
    onLoss: "keep",
    limits: { routes: 1_000, rate: 1_000, bytes: 1 << 30, pathLength: 32 },
    local: true,
    generation: 0,
    longStale: false,
    reach: "up",
    policy: "",
  };
  table.apply({ kind: "peer.set", terms: localTerms });
  return {
    table,
    errors,
    step(event: TableEvent): RouteChanges | undefined {
      return loop.step([event]).commit?.changes;
    },
  };
}

export type TableLoop = ReturnType<typeof tableLoop>;
