// The ordered sets of next hops that services use, one cluster each (translate/paths-cluster.ts). Kept as long as something
// uses them; what nobody uses any more is handed out, to be taken from Envoy once its routes have moved. A node has one
// address: when it says another one, every set it is in changes in place, under its name, and open streams stay.

import type { NodeName, PeerPath } from "#routing";
import { encode } from "./encode.ts";
import { NODE_CERT, pathsCluster, pathsClusterOf, trustSecretOf } from "./translate/index.ts";
import type { Between } from "./translate/index.ts";
import { refOf } from "./xds/index.ts";
import type { Change, Ref } from "./xds/index.ts";

interface PathsSet {
  /** How many use it: thousands, one of whom comes or goes with each change. */
  users: number;
  paths: readonly PeerPath[];
  change: Change;
  /** Envoy acknowledged it as it is. */
  known: boolean;
}

export class PathsSets<User> {
  readonly #sets = new Map<string, PathsSet>();
  readonly #ofUser = new Map<User, string>();
  readonly #addresses = new Map<NodeName, string>();
  /** Nobody uses them since the last `takeIdle`. */
  #idle = new Set<string>();
  readonly #between: Between;

  constructor(between: Between) {
    this.#between = between;
  }

  /** The clusters to be published before the user's routes: its own, unless Envoy has it, and those a new address changed. */
  use(
    user: User,
    paths: readonly PeerPath[],
  ): { readonly name: string; readonly changes: readonly Change[] } {
    const name = pathsClusterOf(paths.map((p) => p.node));
    const changes = this.#move(paths);
    let set = this.#sets.get(name);
    if (set === undefined) {
      set = { users: 0, paths, change: changeOf(name, paths, this.#between), known: false };
      this.#sets.set(name, set);
    }
    if (this.#ofUser.get(user) !== name) {
      this.drop(user);
      this.#ofUser.set(user, name);
      set.users += 1;
    }
    this.#idle.delete(name);
    if (!set.known && !changes.includes(set.change)) changes.push(set.change);
    return { name, changes };
  }

  drop(user: User): void {
    const name = this.#ofUser.get(user);
    if (name === undefined) return;
    this.#ofUser.delete(user);
    const set = this.#sets.get(name);
    if (set === undefined) return;
    set.users -= 1;
    if (set.users === 0) this.#idle.add(name);
  }

  /** Envoy answered for this very content. */
  settled(change: Change, acknowledged: boolean): void {
    const set = this.#sets.get(change.name);
    if (set?.change === change) set.known = acknowledged;
  }

  /** Envoy dropped it: it has to be published anew. Answers who uses it. */
  refused(name: string): Iterable<User> {
    const set = this.#sets.get(name);
    if (set === undefined) return [];
    set.known = false;
    return [...this.#ofUser].flatMap(([user, of]) => (of === name ? [user] : []));
  }

  /** Those that fell out of use since the last call; whoever takes them says `remove` when their routes have moved. */
  takeIdle(): ReadonlySet<string> {
    const idle = this.#idle;
    this.#idle = new Set();
    return idle;
  }

  /** False when it is in use again; true also for one that was removed before. */
  remove(name: string): boolean {
    const set = this.#sets.get(name);
    if (set === undefined) return true;
    if (set.users > 0) return false;
    this.#sets.delete(name);
    const used = new Set([...this.#sets.values()].flatMap((other) => other.paths.map((p) => p.node)));
    for (const { node } of set.paths) if (!used.has(node)) this.#addresses.delete(node);
    return true;
  }

  #move(paths: readonly PeerPath[]): Change[] {
    const changes: Change[] = [];
    for (const { node, address } of paths) {
      const before = this.#addresses.get(node);
      if (before === address) continue;
      this.#addresses.set(node, address);
      if (before === undefined) continue;
      for (const [name, set] of this.#sets) {
        if (!set.paths.some((p) => p.node === node)) continue;
        set.paths = set.paths.map((p) => (p.node === node ? { ...p, address } : p));
        set.change = changeOf(name, set.paths, this.#between);
        set.known = false;
        changes.push(set.change);
      }
    }
    return changes;
  }
}

function changeOf(name: string, paths: readonly PeerPath[], between: Between): Change {
  const trust = new Set<Ref>(paths.map((p) => refOf("secret", trustSecretOf(p.organization))));
  return {
    type: "cluster",
    name,
    bytes: encode("envoy.config.cluster.v3.Cluster", pathsCluster(paths, between)),
    needs: between === "none" ? [] : [refOf("secret", NODE_CERT), ...trust],
  };
}
