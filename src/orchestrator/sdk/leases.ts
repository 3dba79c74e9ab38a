// Registrations by the SDK: each is a lease that its service renews. A lease lives in the state (the event loop ends it when it
// is not renewed); here is what is needed beside it: limits, and a copy on disk that lets a restarted orchestrator take the
// services over that are running anyway. Invariant: a lease never outlives the run of the node that gave it.

import type { Clock, Loop } from "#kernel";
import { CatalystError } from "#rpc";
import type { NodeTypes, ServiceIntent } from "#routing";
import { throwRefusal } from "../admin/verbs.ts";
import type { Store } from "../store/store.ts";

/** Three renewals may be lost before a service is gone (docs/internals/contracts.md section 5). */
export const LEASE_MS = 15_000;
export const RENEW_MS = LEASE_MS / 3;
export const LEASES_MAX = 10_000;

export class Leases {
  readonly #loop: Loop<NodeTypes>;
  readonly #clock: Clock;
  readonly #store: Pick<Store, "leases" | "saveLease" | "dropLease">;
  readonly #run: string;
  readonly #known = new Map<string, { notAfter: number; json: string }>();

  constructor(
    loop: Loop<NodeTypes>,
    clock: Clock,
    store: Pick<Store, "leases" | "saveLease" | "dropLease">,
    run: string,
  ) {
    this.#loop = loop;
    this.#clock = clock;
    this.#store = store;
    this.#run = run;
  }

  get size(): number {
    return this.#known.size;
  }

  has(id: string): boolean {
    return this.#known.has(id);
  }

  /** Leases of this run of the node, given before the orchestrator was restarted: each gets one more term. */
  async restore(): Promise<void> {
    for (const { id, intent } of this.#store.leases(this.#run)) {
      const { refused } = await this.#push(id, intent);
      if (refused === undefined) this.#keep(id, intent);
      else this.#store.dropLease(id);
    }
  }

  /** Registers or renews. */
  async register(id: string, intent: ServiceIntent): Promise<void> {
    if (!this.#known.has(id) && this.#known.size >= LEASES_MAX)
      throw new CatalystError("ERR_LIMIT", `more than ${LEASES_MAX} services are registered`);
    throwRefusal(await this.#push(id, intent));
    const before = this.#known.get(id)?.json;
    const json = this.#keep(id, intent);
    if (json !== before) this.#store.saveLease(this.#run, { id, intent });
  }

  async end(id: string): Promise<void> {
    await this.#loop.submit({ kind: "lease.end", lease: id });
    this.#forget(id);
  }

  /** Forgets what was not renewed; the state ends it by itself. */
  expire(now: number): void {
    for (const [id, { notAfter }] of this.#known) if (notAfter < now) this.#forget(id);
  }

  #forget(id: string): void {
    if (this.#known.delete(id)) this.#store.dropLease(id);
  }

  #keep(id: string, intent: ServiceIntent): string {
    const json = JSON.stringify(intent);
    this.#known.set(id, { notAfter: this.#clock.now() + LEASE_MS, json });
    return json;
  }

  #push(id: string, intent: ServiceIntent): ReturnType<Loop<NodeTypes>["submit"]> {
    const notAfter = this.#clock.now() + LEASE_MS;
    return this.#loop.submit({ kind: "lease.register", lease: id, notAfter, intent });
  }
}
