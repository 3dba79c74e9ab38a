// Which endpoint a lease brought, and which leases end next. Derived from the endpoints of the services; a
// lease that two endpoints claim belongs to the one that was written last.

import type { Millis } from "#kernel";
import { LeaseHeap } from "./lease-heap.ts";
import type { Endpoint, ServiceName } from "./service.ts";

interface Lease {
  readonly id: string;
  readonly service: ServiceName;
  readonly url: string;
  readonly notAfter: Millis;
}

export class LeaseIndex {
  readonly #leases = new Map<string, Lease>();
  readonly #heap = new LeaseHeap();

  /** Ends kept in the heap, those of earlier renewals included. */
  get remembered(): number {
    return this.#heap.size;
  }

  get(id: string): Lease | undefined {
    return this.#leases.get(id);
  }

  change(service: ServiceName, before: readonly Endpoint[], after: readonly Endpoint[]): void {
    for (const { url, lease } of before) {
      if (lease === undefined) continue;
      const known = this.#leases.get(lease.id);
      if (known === undefined || known.service !== service || known.url !== url) continue;
      if (!after.some((endpoint) => endpoint.url === url && endpoint.lease?.id === lease.id)) {
        this.#leases.delete(lease.id);
      }
    }
    for (const { url, lease } of after) {
      if (lease === undefined) continue;
      const { id, notAfter } = lease;
      const known = this.#leases.get(id);
      if (known?.service === service && known.url === url && known.notAfter === notAfter) continue;
      this.#leases.set(id, { id, service, url, notAfter });
      this.#heap.add({ id, notAfter });
    }
  }

  /** Earliest first. */
  ending(at: Millis): Lease[] {
    const found = new Map<string, Lease>();
    for (const end of this.#heap.ending(at)) {
      const lease = this.#leases.get(end.id);
      if (lease?.notAfter === end.notAfter) found.set(end.id, lease);
    }
    return [...found.values()];
  }

  prune(): void {
    // Renewals far from their end leave entries behind that would not come to the top for long: begin anew
    // with those that hold.
    if (this.#heap.size > 2 * this.#leases.size + 1_024) this.#heap.reset(this.#leases.values());
    this.#heap.prune(({ id, notAfter }) => this.#leases.get(id)?.notAfter === notAfter);
  }
}
