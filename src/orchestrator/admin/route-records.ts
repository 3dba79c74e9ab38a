// Routes as the admin contract shows them: what is reached, what one peer told or is told, what was left out and why. Nothing is
// decided here; reasons and rules are those of the table's own verdicts.

import type { RouteExplanation, RouteListArgs, RouteRecord } from "#rpc";
import {
  explain,
  type NodeName,
  type Path,
  type PeerTerms,
  type Received,
  type ServiceName,
  type StateView,
} from "#routing";
import type { Exports } from "../peering/exports.ts";
import type { Peering } from "../peering/peering.ts";
import { rulePlaces } from "./rule-places.ts";
import { unhurried } from "./slices.ts";

export const ROUTES_DEFAULT = 1_000;

const tableOf = ({ local, kind }: PeerTerms): RouteRecord["table"] => (local === true ? "local" : kind);

export function routeRecord(path: Path, use: RouteRecord["use"]): RouteRecord {
  const { terms } = path.peer;
  const { origin, nodePath, protocol } = path.course;
  return {
    name: path.key,
    protocol,
    table: tableOf(terms),
    use,
    ...(terms.local === true ? {} : { peer: terms.node }),
    origin,
    path: terms.local === true ? [] : [...nodePath],
    health: path.health,
    freshness: path.stale ? (terms.longStale ? "long-stale" : "stale") : "fresh",
    scope: path.scope,
    ...(path.accepted ? {} : { reason: path.verdict.reason }),
  };
}

/** A path that was dropped when it came is known by its name and reason only. */
const dropped = ({ terms }: Received, { key, reason, text }: Received["rejected"][number]): RouteRecord => ({
  name: key,
  protocol: "-",
  table: tableOf(terms),
  use: "rejected",
  peer: terms.node,
  origin: "-",
  path: [],
  health: "unknown",
  freshness: "fresh",
  scope: "node",
  reason: `${reason}: ${text}`,
});

export async function routeList(
  view: StateView,
  exports: Exports,
  asked: RouteListArgs,
): Promise<readonly RouteRecord[]> {
  const limit = asked.limit ?? ROUTES_DEFAULT;
  const found: RouteRecord[] = [];
  for await (const record of records(view, exports, asked)) {
    if (record === undefined || (asked.table !== undefined && record.table !== asked.table)) continue;
    found.push(record);
    if (found.length === limit) break;
  }
  return found.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

async function* records(
  { routes }: StateView,
  exports: Exports,
  { in: from, out: to, rejected = false }: RouteListArgs,
): AsyncGenerator<RouteRecord | undefined> {
  const peers = [...routes.peers()].filter(({ terms }) => from === undefined || terms.node === from);
  if (rejected) {
    for (const peer of peers) {
      yield* peer.rejected.map((one) => dropped(peer, one));
      for await (const path of unhurried(peer.paths())) if (!path.accepted) yield routeRecord(path, "hidden");
    }
  } else if (from !== undefined) {
    for (const peer of peers)
      for await (const path of unhurried(peer.paths())) yield routeRecord(path, useOf(routes, path));
  } else {
    for await (const key of unhurried(routes.keys())) {
      const best = routes.best(key);
      if (to === undefined)
        yield* (best ?? []).map((path, at) => routeRecord(path, at === 0 ? "best" : "alternate"));
      else if (best?.[0] !== undefined && isTold(exports, to, best[0])) yield routeRecord(best[0], "sent");
    }
  }
}

function useOf(routes: StateView["routes"], path: Path): RouteRecord["use"] {
  if (!path.accepted) return "hidden";
  const place = routes.best(path.key)?.indexOf(path) ?? -1;
  return place === 0 ? "best" : place > 0 ? "alternate" : "spare";
}

/** What came through a peer or its organization is not told back to it. */
export function comesFrom(path: Path, terms: PeerTerms): boolean {
  const { nodePath, orgPath } = path.course;
  return nodePath.includes(terms.node) || (terms.kind === "external" && orgPath.includes(terms.organization));
}

function isTold(exports: Exports, to: NodeName, path: Path): boolean {
  return exports.to([path]).includes(to);
}

/** All paths to one name, in the order of use, and what was dropped. */
export function routeShow({ routes }: StateView, name: ServiceName): readonly RouteRecord[] {
  const uses = new Map(
    explain(routes, name).candidates.map(({ peer, use }, place) => [peer, { use, place }]),
  );
  const placeOf = (path: Path): number => uses.get(path.peerName)?.place ?? uses.size;
  const paths = routes
    .candidates(name)
    .toSorted((a, b) => placeOf(a) - placeOf(b))
    .map((path) => routeRecord(path, uses.get(path.peerName)?.use ?? "spare"));
  const lost = [...routes.peers()].flatMap((peer) =>
    peer.rejected.filter(({ key }) => key === name).map((one) => dropped(peer, one)),
  );
  return [...paths, ...lost];
}

export function routeExplain(
  view: StateView,
  peering: Peering,
  name: ServiceName,
  now: number,
): RouteExplanation {
  const states = peering.peers();
  const away = states
    .filter(({ report }) => report?.session.phase.state !== "established")
    .map(({ intent }) => intent.node);
  return {
    ...explain(view.routes, name),
    node: view.node,
    at: now,
    told: toldOf(view, peering, name),
    rules: rulePlaces(peering),
    away,
  };
}

/** To whom the best path goes, and what keeps it from the others. */
export function toldOf(
  { routes }: StateView,
  { exports }: Pick<Peering, "exports">,
  name: ServiceName,
): RouteExplanation["told"] {
  const [best] = routes.best(name) ?? [];
  if (best === undefined) return [];
  return [...routes.peers()]
    .filter(({ terms }) => terms.local !== true)
    .map(({ terms }) => {
      if (comesFrom(best, terms)) return { peer: terms.node, send: false, reason: "loop" };
      const decision = exports.decide(terms.node, best);
      const { send, reason, rule } = decision ?? { send: false, reason: "export-default", rule: undefined };
      return { peer: terms.node, send, reason, ...(rule === undefined ? {} : { rule }) };
    })
    .toSorted((a, b) => (a.peer < b.peer ? -1 : 1));
}
