// Who has which path prefix and which host at ingress. Each has one owner; a second claim is remembered and
// decided at the end of what is staged together, because two services may swap prefixes in one reload of the
// configuration. A claim that still stands against another one then is an error of the plugin that proposed
// it. Every service's full name is a host of its own.

import type { Service, ServiceName } from "./service.ts";

export type IngressKind = "prefix" | "host";

export interface Claim {
  readonly kind: IngressKind;
  readonly value: string;
}

export function claimsOf({ name, ingress }: Pick<Service, "name" | "ingress">): Claim[] {
  const claims: Claim[] = [{ kind: "host", value: name }];
  if (ingress?.host !== undefined && ingress.host !== name)
    claims.push({ kind: "host", value: ingress.host });
  if (ingress?.prefix !== undefined) claims.push({ kind: "prefix", value: ingress.prefix });
  return claims;
}

export class IngressIndex {
  readonly #owners = { prefix: new Map<string, ServiceName>(), host: new Map<string, ServiceName>() };
  /** Claims that found another owner, still to be decided. */
  #contested: (Claim & { readonly name: ServiceName })[] = [];

  owner(kind: IngressKind, value: string): ServiceName | undefined {
    return this.#owners[kind].get(value);
  }

  change(name: ServiceName, before: readonly Claim[], after: readonly Claim[]): void {
    if (this.#contested.length > 0) {
      this.#contested = this.#contested.filter((contested) => contested.name !== name);
    }
    for (const { kind, value } of before) {
      if (this.#owners[kind].get(value) === name) this.#owners[kind].delete(value);
    }
    for (const { kind, value } of after) {
      const owner = this.#owners[kind].get(value);
      if (owner === undefined) this.#owners[kind].set(value, name);
      else if (owner !== name) this.#contested.push({ kind, value, name });
    }
  }

  /** Gives contested claims to whoever is left; throws when two are. */
  resolve(): void {
    if (this.#contested.length === 0) return;
    const contested = this.#contested;
    this.#contested = [];
    for (const { kind, value, name } of contested) {
      const owner = this.#owners[kind].get(value);
      if (owner === undefined) this.#owners[kind].set(value, name);
      else if (owner !== name) {
        throw new Error(`"${owner}" and "${name}" both claim the ingress ${kind} "${value}"`);
      }
    }
  }
}
