// Who uses the cluster of an own service: ingress and the listener for peers share one, so that Envoy sets up one for a new service
// and not two. Invariant: who is the last to use it takes it away, and nobody else does, whatever their order.

import type { ServiceName } from "#routing";

export type ClusterUser = "ingress" | "peer";

export class ClusterUsers {
  /** "leaving": it is taking the cluster away, and will not if it is told to use it meanwhile. */
  readonly #users = new Map<ServiceName, Map<ClusterUser, "using" | "leaving">>();

  /** Before it is published. */
  use(service: ServiceName, by: ClusterUser): void {
    const users = this.#users.get(service);
    if (users === undefined) this.#users.set(service, new Map([[by, "using"]]));
    else users.set(by, "using");
  }

  /**
   * When no route of this user leads to it any more. True: there is nothing more to do. False: nobody else uses it, so whoever
   * asks takes it away now, in the same turn, and says `gone` when that is done.
   */
  leave(service: ServiceName, by: ClusterUser): boolean {
    const users = this.#users.get(service);
    if (users?.has(by) !== true) return true;
    const last = [...users].every(([user, state]) => user === by || state === "leaving");
    if (last) users.set(by, "leaving");
    else users.delete(by);
    return !last;
  }

  gone(service: ServiceName, by: ClusterUser): void {
    const users = this.#users.get(service);
    if (users?.get(by) !== "leaving") return;
    users.delete(by);
    if (users.size === 0) this.#users.delete(service);
  }
}
