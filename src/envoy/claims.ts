// Who has a host or prefix at ingress: the first that asked for it, until it lets go.

import type { ServiceName } from "#routing";

export class Claims {
  readonly #owners = new Map<string, ServiceName>();
  readonly #of = new Map<ServiceName, readonly string[]>();

  /** All of them or none: the one that is another's, with its owner. What it had before and does not ask for is let go. */
  take(
    service: ServiceName,
    claims: readonly string[],
  ): { readonly claim: string; readonly owner: ServiceName } | undefined {
    for (const claim of claims) {
      const owner = this.#owners.get(claim);
      if (owner !== undefined && owner !== service) return { claim, owner };
    }
    this.release(service);
    this.#of.set(service, claims);
    for (const claim of claims) this.#owners.set(claim, service);
    return undefined;
  }

  /** The same as it has. */
  has(service: ServiceName, claims: readonly string[]): boolean {
    const own = this.#of.get(service) ?? [];
    return own.length === claims.length && own.every((claim, i) => claim === claims[i]);
  }

  /** False: it had none. */
  release(service: ServiceName): boolean {
    for (const claim of this.#of.get(service) ?? []) this.#owners.delete(claim);
    return this.#of.delete(service);
  }
}
