// The one RouteConfiguration of ingress, joined from cached bytes: one virtual host per http service, and the node's own
// virtual host with its fixed routes around those of the services that have a prefix. A change encodes one fragment; the
// rest is one concatenation (1 ms for 10,000 hosts, where encoding it all takes 83). Invariant: the order depends on names
// alone, never on the order of changes, so that equal content is equal bytes after a restart too.

import type { ServiceName } from "#routing";
import { embed, encode } from "./encode.ts";
import { AUTH_CLUSTER, FILTER, GATEWAY_CLUSTER, INGRESS, clusterOf, unbuffered } from "./translate/index.ts";
import type { Route, VirtualHost } from "./translate/index.ts";
import { refOf } from "./xds/index.ts";
import type { Change, Ref } from "./xds/index.ts";

/** Field numbers of RouteConfiguration and VirtualHost; the golden test decodes the result with Envoy's descriptors. */
const VIRTUAL_HOSTS = 2;
const ROUTES = 3;

/** Fields may stand in any order, so the hosts follow. */
const SHELL = {
  name: INGRESS,
  virtual_hosts: [],
  typed_per_filter_config: { [FILTER.buffer]: unbuffered() },
};

export interface Fragment {
  /** What its routes lead to; the same text for its whole life, since it is looked up at each change of any service. */
  readonly need: Ref;
  readonly host: Uint8Array;
  readonly prefix: string | undefined;
  readonly routes: Uint8Array;
}

export const fragment = (
  service: ServiceName,
  host: VirtualHost,
  prefix: string | undefined,
  routes: readonly Route[],
): Fragment => ({
  need: refOf("cluster", clusterOf(service)),
  host: embed(VIRTUAL_HOSTS, encode("envoy.config.route.v3.VirtualHost", host)),
  prefix,
  routes: encodeRoutes(routes),
});

const encodeRoutes = (routes: readonly Route[]): Uint8Array =>
  Buffer.concat(routes.map((r) => embed(ROUTES, encode("envoy.config.route.v3.Route", r))));

export class IngressRoutes {
  readonly #fragments = new Map<string, Fragment>();
  #names: string[] = [];
  /** Longest prefix first: Envoy takes the first route that matches. */
  #prefixed: string[] = [];
  #head: Uint8Array = new Uint8Array();
  #first: Uint8Array = new Uint8Array();
  #last: Uint8Array = new Uint8Array();
  #changed = true;

  /** Something differs from what `change` last gave. */
  get changed(): boolean {
    return this.#changed;
  }

  setBase(first: readonly Route[], last: readonly Route[]): void {
    this.#head = encode("envoy.config.route.v3.VirtualHost", { name: "node", domains: ["*"], routes: [] });
    this.#first = encodeRoutes(first);
    this.#last = encodeRoutes(last);
    this.#changed = true;
  }

  get(service: string): Fragment | undefined {
    return this.#fragments.get(service);
  }

  set(service: string, next: Fragment | undefined): void {
    const before = this.#fragments.get(service);
    if (before === next || (before !== undefined && next !== undefined && equal(before, next))) return;
    this.#changed = true;
    if (next === undefined) this.#fragments.delete(service);
    else this.#fragments.set(service, next);
    if ((before === undefined) !== (next === undefined))
      this.#names = place(this.#names, service, next !== undefined, (a, b) => (a < b ? -1 : 1));
    if (before?.prefix === next?.prefix) return;
    if (before?.prefix !== undefined) this.#prefixed = this.#prefixed.filter((name) => name !== service);
    if (next?.prefix !== undefined)
      this.#prefixed = place(this.#prefixed, service, true, (a, b) => {
        const [pa, pb] = [this.#prefix(a), this.#prefix(b)];
        return pb.length - pa.length || (pa < pb ? -1 : 1);
      });
  }

  /** Forgets every service. */
  clear(): void {
    this.#fragments.clear();
    this.#names = [];
    this.#prefixed = [];
    this.#changed = true;
  }

  /** What `change` gave did not get out. */
  notSent(): void {
    this.#changed = true;
  }

  #prefix(name: string): string {
    return this.#fragments.get(name)?.prefix ?? "";
  }

  /** The whole resource. */
  change(): Change {
    this.#changed = false;
    const own = [this.#head, this.#first];
    for (const name of this.#prefixed) own.push(this.#fragments.get(name)?.routes ?? new Uint8Array());
    own.push(this.#last);
    const parts = [encode("envoy.config.route.v3.RouteConfiguration", SHELL)];
    for (const name of this.#names) parts.push(this.#fragments.get(name)?.host ?? new Uint8Array());
    parts.push(embed(VIRTUAL_HOSTS, Buffer.concat(own)));
    return { type: "route", name: INGRESS, bytes: Buffer.concat(parts), needs: this.#needs() };
  }

  #needs(): Ref[] {
    const needs: Ref[] = [refOf("cluster", GATEWAY_CLUSTER), refOf("cluster", AUTH_CLUSTER)];
    for (const name of this.#names) {
      const need = this.#fragments.get(name)?.need;
      if (need !== undefined) needs.push(need);
    }
    return needs;
  }
}

const equal = (a: Fragment, b: Fragment): boolean =>
  a.prefix === b.prefix && Buffer.compare(a.host, b.host) === 0 && Buffer.compare(a.routes, b.routes) === 0;

/** A sorted list with `item` in or out. */
function place(
  list: string[],
  item: string,
  present: boolean,
  order: (a: string, b: string) => number,
): string[] {
  if (!present) return list.filter((other) => other !== item);
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (order(list[middle] ?? "", item) < 0) low = middle + 1;
    else high = middle;
  }
  list.splice(low, 0, item);
  return list;
}
