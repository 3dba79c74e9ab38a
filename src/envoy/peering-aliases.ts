// Further names of imported services at egress. A name belongs to the service that is imported under it, else to the first by name
// of those that ask for it as an alias, so the order in which wants come does not matter. Each name is one scope, wherever it
// leads; so a name that goes over to another service is one changed resource and never two with one key.

import type { ServiceName } from "#routing";

export class Aliases {
  readonly #wanted = new Map<ServiceName, readonly ServiceName[]>();
  readonly #claims = new Map<ServiceName, Set<ServiceName>>();
  /** Aliases that were last written for a service. */
  readonly #written = new Map<ServiceName, readonly ServiceName[]>();

  /** Answers the services for whom something may be different now. */
  set(service: ServiceName, aliases: readonly ServiceName[]): Iterable<ServiceName> {
    const touched = new Set(this.#claims.get(service));
    const before = this.#wanted.get(service) ?? [];
    if (aliases.length === 0) this.#wanted.delete(service);
    else this.#wanted.set(service, aliases);
    for (const alias of before) {
      const claims = this.#claims.get(alias);
      claims?.delete(service);
      if (claims?.size === 0) this.#claims.delete(alias);
    }
    for (const alias of aliases) {
      const claims = this.#claims.get(alias) ?? new Set();
      this.#claims.set(alias, claims.add(service));
    }
    for (const alias of new Set([...before, ...aliases]))
      for (const other of this.#claims.get(alias) ?? []) touched.add(other);
    touched.delete(service);
    return touched;
  }

  /** Whose the name is as an alias; `imported`: a service is imported under that very name. */
  owner(alias: ServiceName, imported: (name: ServiceName) => boolean): ServiceName | undefined {
    const claims = this.#claims.get(alias);
    if (claims === undefined || imported(alias)) return undefined;
    return [...claims].reduce((first, one) => (one < first ? one : first));
  }

  /** Scopes to be written for a service, and those that are nobody's any more. `served`: it has routes to lead to. */
  scopes(
    service: ServiceName,
    imported: (name: ServiceName) => boolean,
    served = true,
  ): { readonly own: readonly ServiceName[]; readonly gone: readonly ServiceName[] } {
    const wanted = served ? (this.#wanted.get(service) ?? []) : [];
    const own = wanted.filter((alias) => this.owner(alias, imported) === service);
    const gone: ServiceName[] = [];
    for (const alias of this.#written.get(service) ?? []) {
      if (own.includes(alias) || imported(alias)) continue;
      const owner = this.owner(alias, imported);
      // Whoever has it now writes it.
      if (owner === undefined || owner === service) gone.push(alias);
    }
    if (own.length === 0) this.#written.delete(service);
    else this.#written.set(service, own);
    return { own, gone };
  }
}
