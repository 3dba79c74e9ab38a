// What peers may reach through this node's Envoy: own services with a healthy endpoint, and learned ones passed on over their best
// paths; by exactly those nodes that are told of the best path (src/orchestrator/peering/exports.ts decides both). A changed name
// costs itself; another peer or other rules concern every name, which is worked off in slices, each one commit without changes.
// Invariant: an alternate path is used for a peer only if the peer might be told of that path too.

import {
  type Best,
  type Commit,
  type EnvoyExportWant,
  type ExportTarget,
  type IRouteTablePlugin,
  organizationOf,
  type Path,
  type PeerPath,
  type Service,
  type ServiceName,
  type StateView,
} from "#routing";
import type { RunnerContext, Runners } from "#kernel";
import { Exports } from "../peering/exports.ts";
import { alike, healthyUrls } from "./follow.ts";
import { isCarried, peerPaths, usable } from "./imports.ts";
import { hostPortOf, pathOf } from "./intent.ts";

/** Names of one slice: some milliseconds of the loop. */
const SLICE = 2_000;

const runners: Runners = {
  "export.walk": async (_: { readonly key: string }, context: RunnerContext) => {
    context.emit({ kind: "export.walk" });
    return { ok: true };
  },
};

export function exports(slice = SLICE): IRouteTablePlugin {
  let told: Exports | undefined;
  const walk = new Walk();
  return {
    name: "exports",
    apiVersion: 1,
    handles: ["export.walk"],
    runners,
    apply(_event, view, out) {
      // A revision without changes, for reactions go on with the next slice.
      if (walk.on) out.push({ kind: "route.sweep", peer: view.node, most: 0 });
    },
    react(commit, view, out) {
      const { node } = view;
      const policies = (told ??= new Exports(
        { node, organization: organizationOf(node), address: "" },
        view,
      ));
      const emit = (key: ServiceName, best = view.routes.best(key), known = true): void => {
        const want = exportWant(key, best, view, policies);
        if (known || want !== undefined) out.push({ kind: "envoy.export", key, want });
      };
      const others = policies.follow(commit);
      const { routes, services, peers } = commit.changes;
      // What had no path was not exported.
      routes.forEach(({ before, after }, key) => emit(key, after, before !== undefined));
      services.forEach(({ before, after }, key) => {
        if (!routes.has(key) && !alike(before, after)) emit(key);
      });
      if (others || cameOrWent(peers)) walk.start();
      if (!walk.on) return;
      for (const key of walk.next(view, slice)) emit(key);
      out.push({ kind: "export.walk", key: "exports", want: walk.on ? commit.revision : undefined });
    },
  };
}

function cameOrWent(peers: Commit["changes"]["peers"]): boolean {
  for (const { before, after } of peers.values())
    if (before === undefined || after === undefined) return true;
  return false;
}

/** Over all names, a slice at a time. What begins while it runs is a second round, so that no change can hold it up for ever. */
class Walk {
  #keys: Iterator<ServiceName> | undefined;
  #rounds = 0;

  get on(): boolean {
    return this.#rounds > 0;
  }

  start(): void {
    this.#rounds = this.#keys === undefined ? 1 : 2;
  }

  *next(view: StateView, most: number): Generator<ServiceName> {
    for (let left = most; left > 0 && this.on; left--) {
      // Names that go meanwhile are not met, names that come are: the iterator of a Map is a live one.
      this.#keys ??= view.routes.keys()[Symbol.iterator]();
      const { done, value } = this.#keys.next();
      if (done !== true) yield value;
      else {
        this.#rounds -= 1;
        this.#keys = undefined;
      }
    }
  }
}

function exportWant(
  service: ServiceName,
  best: Best | undefined,
  view: Pick<StateView, "services">,
  told: Exports,
): EnvoyExportWant | undefined {
  const first = best?.[0];
  if (best === undefined || first === undefined || !isCarried(first.protocol)) return undefined;
  if (!first.own && !usable(first)) return undefined;
  const to = told.to(best);
  if (to.length === 0) return undefined;
  const target = first.own ? ownTarget(view.services.get(service)) : pathsTarget(best, to, told);
  return target === undefined ? undefined : { service, protocol: first.protocol, to, target };
}

function ownTarget(service: Service | undefined): ExportTarget | undefined {
  if (service === undefined) return undefined;
  const urls = healthyUrls(service);
  const [first] = urls;
  if (first === undefined) return undefined;
  const path = pathOf(first);
  return {
    kind: "own",
    endpoints: urls.map(hostPortOf).sort(),
    ...(path === "/" ? {} : { basePath: path }),
    timeoutMs: service.timeoutMs,
  };
}

function pathsTarget(best: Best, to: readonly string[], told: Exports): ExportTarget {
  const [first, ...others] = best;
  // One node of each policy speaks for all that are under it.
  const asked = others.length === 0 ? [] : new Map(to.map((node) => [told.policy(node), node])).values();
  const judges = [...asked];
  const allowed = (path: Path): boolean => usable(path) && judges.every((node) => told.sends(node, path));
  return targetOf(peerPaths(first === undefined ? [] : [first, ...others.filter(allowed)]));
}

/** The one path of a course is one array, and so is the target that it makes. */
const targets = new WeakMap<readonly PeerPath[], ExportTarget>();

function targetOf(paths: readonly PeerPath[]): ExportTarget {
  const known = targets.get(paths);
  if (known !== undefined) return known;
  const target = { kind: "paths", paths } as const;
  if (paths.length === 1) targets.set(paths, target);
  return target;
}
