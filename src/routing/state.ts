// The node's state behind the kernel's port: one mutable table of services with a journal (immutable maps
// cost hundreds of times the CPU, docs/internals/kernel.md section 2), and the indexes that are derived from it. Every
// change goes through `#put`, an undo is a put of the old value, so indexes and table cannot part.
// Invariants: a service is up when one of its endpoints is; an ingress prefix and a host have one owner; a
// commit lists, per key, the first value before and the last one after.

import { LIMITS, type Millis, type StateStore } from "#kernel";
import { type Claim, claimsOf, IngressIndex } from "./ingress-index.ts";
import { LeaseIndex } from "./lease-index.ts";
import type { Commit, Delta, NodeTypes, StateView, TrustKeys } from "./plugin.ts";
import { isDue, OwnRoutes, ownTerms, showsOther } from "./own-routes.ts";
import type { RuleLists } from "./rule.ts";
import { organizationOf } from "./service-name.ts";
import type { Endpoint, Health, NodeName, Quarantine, Service, ServiceName } from "./service.ts";
import { hashOf, hex, TableHash } from "./state-hash.ts";
import { RouteTable } from "./table.ts";

/**
 * Undo steps of the many are instances of a class: an object literal that survived the load of a large table is from then on made in
 * the old generation, and holds there, long dead, the service it names.
 */
class ServiceUndo {
  readonly kind = "service";
  readonly name: ServiceName;
  readonly before: Service | undefined;

  constructor(name: ServiceName, before: Service | undefined) {
    this.name = name;
    this.before = before;
  }
}

type Undo =
  | ServiceUndo
  | { readonly kind: "keys"; readonly before: TrustKeys | undefined }
  | { readonly kind: "rules"; readonly before: RuleLists }
  /** Mark of the route table. */
  | { readonly kind: "routes"; readonly mark: number };

type EndpointDelta = Extract<Delta, { kind: "service.endpoint" | "service.endpoint.delete" }>;
type ServiceChange = { readonly before?: Service; readonly after?: Service };

const NO_RULES: RuleLists = { imports: [], exports: [] };
const NO_CLAIMS: readonly Claim[] = [];

export class State implements StateStore<NodeTypes> {
  readonly #services = new Map<ServiceName, Service>();
  readonly #leases = new LeaseIndex();
  readonly #ingress = new IngressIndex();
  readonly #quarantined = new Map<Quarantine["by"], Set<ServiceName>>();
  readonly #hash = new TableHash<ServiceName>();
  readonly #view: StateView;
  readonly #routes: RouteTable;
  readonly #own: OwnRoutes;
  #rules: RuleLists = NO_RULES;
  #keys: TrustKeys | undefined;
  #renew = false;
  #revision = 0;

  /** First value before, per service touched since the last commit. */
  #journal = new Map<ServiceName, Service | undefined>();
  /** Keys before, boxed because undefined is a value here. */
  #journalKeys: { readonly before: TrustKeys | undefined } | undefined;
  readonly #undo: Undo[] = [];
  /** The last point that somebody may come back to. */
  #marked = 0;

  constructor(node: NodeName) {
    this.#routes = new RouteTable(organizationOf(node));
    this.#routes.apply({ kind: "peer.set", terms: ownTerms(node) });
    this.#routes.seal();
    this.#own = new OwnRoutes(node);
    const rules = () => this.#rules;
    const revision = () => this.#revision;
    const keys = () => this.#keys;
    this.#view = {
      node,
      services: this.#services,
      routes: this.#routes,
      get rules() {
        return rules();
      },
      get revision() {
        return revision();
      },
      get keys() {
        return keys();
      },
      lease: (id) => this.#leases.get(id),
      leasesEnding: (at) => this.#leases.ending(at),
      quarantined: (by) => this.#quarantined.get(by) ?? [],
      ingressOwner: (kind, value) => this.#ingress.owner(kind, value),
    };
  }

  view(): StateView {
    return this.#view;
  }

  stage(deltas: readonly Delta[]): void {
    for (const delta of deltas) this.#apply(delta);
    this.#ingress.resolve();
  }

  mark(): number {
    this.#marked = this.#undo.length;
    return this.#marked;
  }

  undo(mark: number): void {
    this.#marked = mark;
    while (this.#undo.length > mark) {
      const step = this.#undo.pop();
      if (step === undefined) break;
      if (step.kind === "keys") this.#keys = step.before;
      else if (step.kind === "rules") this.#rules = step.before;
      else if (step.kind === "routes") this.#routes.undo(step.mark);
      else this.#write(step.name, this.#services.get(step.name), step.before);
    }
    // What was taken back cannot contradict itself: it stood before.
    this.#ingress.resolve();
  }

  commit(deltas: readonly Delta[], at: Millis): Commit {
    this.stage(deltas);
    const services = new Map<ServiceName, ServiceChange>();
    // Without a loop's iterator, which costs two objects an entry.
    this.#journal.forEach((before, name) => {
      const after = this.#services.get(name);
      if (before === after) return;
      this.#tellOwn(name, before, after, at);
      services.set(name, before === undefined ? { after: after as Service } : changeOf(before, after));
    });
    const keys = this.#changedKeys();
    if (this.#renew) this.#renewOwn(at);
    const { routes, peers } = this.#routes.seal();
    this.#journal = new Map();
    this.#journalKeys = undefined;
    this.#undo.length = 0;
    this.#marked = 0;
    this.#leases.prune();
    this.#revision += 1;
    const changes = { services, routes, peers };
    return { revision: this.#revision, at, changes: keys === undefined ? changes : { ...changes, keys } };
  }

  hash(): string {
    const services = this.#hash.sum(
      (name) => this.#services.get(name),
      () => this.#services.keys(),
    );
    const rest = [this.#keys, this.#rules, this.#routes.hash()];
    return hex(hashOf([this.#revision, this.#services.size, services.a, services.b, ...rest]));
  }

  #apply(delta: Delta): void {
    switch (delta.kind) {
      case "service.set":
        return this.#set(delta.service);
      case "service.delete":
        return this.#put(delta.name, undefined);
      case "service.endpoint":
      case "service.endpoint.delete":
        return this.#endpoints(delta);
      case "service.schema":
        return this.#replace(delta.name, "schema", delta.schema);
      case "service.quarantine":
        return this.#replace(delta.name, "quarantine", this.#quarantine(delta));
      case "keys.set":
        this.#undo.push({ kind: "keys", before: this.#keys });
        this.#journalKeys ??= { before: this.#keys };
        this.#keys = delta.keys;
        return;
      case "rules.set":
        this.#undo.push({ kind: "rules", before: this.#rules });
        this.#rules = delta.rules;
        return;
      case "route.renew":
        this.#renew = true;
        return;
      default:
        this.#markRoutes();
        this.#routes.apply(delta);
    }
  }

  /** One step for all changes of routes in a row: nobody can come back to a point between them. */
  #markRoutes(): void {
    const { length } = this.#undo;
    if (length > this.#marked && this.#undo[length - 1]?.kind === "routes") return;
    this.#undo.push({ kind: "routes", mark: this.#routes.mark() });
  }

  /** An own service as others see it. */
  #tellOwn(name: ServiceName, before: Service | undefined, after: Service | undefined, at: Millis): void {
    if (!showsOther(before, after)) return;
    const seq = this.#revision + 1;
    this.#routes.apply(after === undefined ? this.#own.bury(name, seq, at) : this.#own.learn(after, seq, at));
  }

  #renewOwn(at: Millis): void {
    this.#renew = false;
    for (const path of [...(this.#routes.received(this.#view.node)?.paths() ?? [])]) {
      const service = this.#services.get(path.key);
      if (service === undefined || !isDue(path, at)) continue;
      this.#routes.apply(this.#own.learn(service, this.#revision + 1, at));
    }
  }

  #set(service: Service): void {
    const { name, endpoints } = service;
    checkEndpoints(name, endpoints);
    if (this.#services.size >= LIMITS.services && !this.#services.has(name)) {
      throw new Error(`more than ${LIMITS.services} services`);
    }
    this.#put(name, { ...service, health: healthOf(endpoints), revision: this.#revision + 1 });
  }

  /**
   * A delta about a service that is gone says nothing: an earlier plugin may have removed it for the same
   * event.
   */
  #endpoints(delta: EndpointDelta): void {
    const { name } = delta;
    const service = this.#services.get(name);
    if (service === undefined) return;
    const endpoints =
      delta.kind === "service.endpoint"
        ? withEndpoint(service.endpoints, delta.endpoint)
        : service.endpoints.filter(({ url }) => url !== delta.url);
    checkEndpoints(name, endpoints);
    this.#put(name, { ...service, endpoints, health: healthOf(endpoints), revision: this.#revision + 1 });
  }

  #replace<K extends "schema" | "quarantine">(name: ServiceName, member: K, value: Service[K]): void {
    const service = this.#services.get(name);
    if (service === undefined) return;
    const { [member]: _old, ...rest } = service;
    const next = value === undefined ? rest : { ...rest, [member]: value };
    this.#put(name, { ...(next as Service), revision: this.#revision + 1 });
  }

  #quarantine(delta: Extract<Delta, { kind: "service.quarantine" }>): readonly Quarantine[] | undefined {
    const others = this.#services.get(delta.name)?.quarantine?.filter(({ by }) => by !== delta.by) ?? [];
    if (delta.because !== undefined) return [...others, { by: delta.by, ...delta.because }].sort(byPart);
    return others.length === 0 ? undefined : others;
  }

  #put(name: ServiceName, after: Service | undefined): void {
    const before = this.#services.get(name);
    if (before === undefined && after === undefined) return;
    if (!this.#journal.has(name)) this.#journal.set(name, before);
    this.#undo.push(new ServiceUndo(name, before));
    this.#write(name, before, after);
  }

  /**
   * The table and what is derived from it. Each index looks only when the part it is made of was replaced.
   */
  #write(name: ServiceName, before: Service | undefined, after: Service | undefined): void {
    if (after === undefined) this.#services.delete(name);
    else this.#services.set(name, after);
    this.#hash.touch(name);
    if (before?.endpoints !== after?.endpoints) {
      this.#leases.change(name, before?.endpoints ?? [], after?.endpoints ?? []);
    }
    if (before === undefined || after === undefined || before.ingress !== after.ingress) {
      this.#ingress.change(
        name,
        before === undefined ? NO_CLAIMS : claimsOf(before),
        after === undefined ? NO_CLAIMS : claimsOf(after),
      );
    }
    if (before?.quarantine !== after?.quarantine) this.#indexQuarantine(name, before, after);
  }

  #indexQuarantine(name: ServiceName, before: Service | undefined, after: Service | undefined): void {
    for (const { by } of before?.quarantine ?? []) this.#quarantined.get(by)?.delete(name);
    for (const { by } of after?.quarantine ?? []) {
      const names = this.#quarantined.get(by) ?? new Set();
      this.#quarantined.set(by, names.add(name));
    }
  }

  #changedKeys(): Commit["changes"]["keys"] {
    const before = this.#journalKeys?.before;
    const after = this.#keys;
    if (this.#journalKeys === undefined || after === undefined || before === after) return undefined;
    return before === undefined ? { after } : { before, after };
  }
}

function checkEndpoints(name: ServiceName, endpoints: readonly Endpoint[]): void {
  if (endpoints.length <= LIMITS.endpoints) return;
  throw new Error(`service "${name}" has more than ${LIMITS.endpoints} endpoints`);
}

const changeOf = (before: Service, after: Service | undefined): ServiceChange =>
  after === undefined ? { before } : { before, after };

const byPart = (a: Quarantine, b: Quarantine): number => (a.by < b.by ? -1 : 1);

/** "up" when one endpoint is, "down" when all are known and none is. */
export function healthOf(endpoints: readonly Endpoint[]): Health {
  let health: Health = endpoints.length === 0 ? "unknown" : "down";
  for (const endpoint of endpoints) {
    if (endpoint.health === "up") return "up";
    if (endpoint.health === "unknown") health = "unknown";
  }
  return health;
}

/** In its place when the URL is known, else at the end. */
function withEndpoint(endpoints: readonly Endpoint[], endpoint: Endpoint): readonly Endpoint[] {
  const next = endpoints.slice();
  for (let i = 0; i < next.length; i++) {
    if (next[i]?.url !== endpoint.url) continue;
    next[i] = endpoint;
    return next;
  }
  next.push(endpoint);
  return next;
}
