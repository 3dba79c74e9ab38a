// Keeps Envoy as the node wants it: takes wants by key (base, keys, services), and `flush` publishes what changed, in an
// order in which no request fails: clusters with their endpoints first, then the routes that name them, and what is gone
// last. A service that cannot be translated, collides with another one, or is refused by Envoy is quarantined by name with
// the reason, keeps what was good of it before, and the rest goes on. Ingress opens when there are keys to check tokens by.

import type { EnvoyServiceWant, ServiceName, TrustKeys } from "#routing";
import type { ErrorCode } from "#rpc";
import { CatalystError } from "#rpc";
import { Claims } from "./claims.ts";
import { ClusterUsers } from "./cluster-users.ts";
import { encode } from "./encode.ts";
import { IngressRoutes } from "./ingress-routes.ts";
import { assertClosed, isProxied, prepareService } from "./prepare.ts";
import type { Prepare, Prepared } from "./prepare.ts";
import {
  AUTH_CLUSTER,
  FILTER,
  GATEWAY_CLUSTER,
  INGRESS,
  INGRESS_SECRET,
  clusterOf,
  firstRoutes,
  ingressListener,
  ingressSecret,
  jwtExtension,
  lastRoutes,
  openInExtension,
  openInListener,
  openInRoute,
  partCluster,
  serviceOf,
} from "./translate/index.ts";
import type { EnvoyBase } from "./translate/index.ts";
import { failureOf, refusedBy, verdictOf } from "./verdict.ts";
import type { Failure, Verdict } from "./verdict.ts";
import { refOf } from "./xds/index.ts";
import type { Change, Outcome, Ref, XdsServer } from "./xds/index.ts";

export interface Flushed {
  readonly ms: number;
  /** For every service that changed since the last flush, or whose state another change moved. */
  readonly services: ReadonlyMap<ServiceName, Verdict>;
  /** Base and keys; absent when neither changed. */
  readonly keys?: Verdict;
  readonly base?: Verdict;
}

const INGRESS_ROUTE: Ref = refOf("route", INGRESS);
const INGRESS_LISTENER: Ref = refOf("listener", INGRESS);
const JWT_EXTENSION: Ref = refOf("extension", FILTER.jwt);
/** What the base is written as, but for listener and routes. */
const OWN: ReadonlySet<string> = new Set([
  refOf("cluster", GATEWAY_CLUSTER),
  refOf("cluster", AUTH_CLUSTER),
  refOf("secret", INGRESS_SECRET),
]);

/** What each is to become; undefined = it goes. */
type Preparing = ReadonlyMap<ServiceName, Prepared | undefined>;
type Outcomes = ReadonlyMap<Ref, Outcome>;

export class EnvoyConfigurator {
  readonly #server: Pick<XdsServer, "publish" | "hold">;
  readonly #prepare: Prepare;
  readonly #users: ClusterUsers;
  readonly #wants = new Map<ServiceName, EnvoyServiceWant>();
  readonly #dirty = new Set<ServiceName>();
  /** What is with Envoy. */
  readonly #inForce = new Map<ServiceName, Prepared>();
  readonly #failures = new Map<ServiceName, Failure>();
  readonly #claims = new Claims();
  readonly #routes = new IngressRoutes();
  #base: EnvoyBase | undefined;
  #keys: TrustKeys | undefined;
  #baseDirty = false;
  #keysDirty = false;
  /** The listener was published, whatever Envoy said to it. */
  #open = false;
  /** What Envoy refused of the node's own, with its words. */
  readonly #refused = new Map<Ref, string>();
  #tail: Promise<unknown> = Promise.resolve();

  /** `users`: shared with the configurator of what is between nodes. */
  constructor(
    server: Pick<XdsServer, "publish" | "hold">,
    prepare: Prepare = prepareService,
    users = new ClusterUsers(),
  ) {
    this.#server = server;
    this.#prepare = prepare;
    this.#users = users;
  }

  /** Once at start; a later change of the identity mode is a new start. */
  setBase(base: EnvoyBase): void {
    this.#base = base;
    this.#baseDirty = true;
    // Until it is known whether there are keys, an Envoy that outlived the last orchestrator keeps its ingress.
    this.#server.hold([INGRESS_LISTENER, JWT_EXTENSION]);
    for (const name of this.#wants.keys()) this.#dirty.add(name);
  }

  /** Undefined closes ingress (but in mode none). */
  setKeys(keys: TrustKeys | undefined): void {
    this.#keys = keys;
    this.#keysDirty = true;
  }

  /** Undefined, or a want without endpoints, takes it out of Envoy. */
  setService(name: ServiceName, want: EnvoyServiceWant | undefined): void {
    if (want === undefined) this.#wants.delete(name);
    else this.#wants.set(name, want);
    this.#dirty.add(name);
  }

  /** Everything that is left out, with the reason. */
  quarantined(): { readonly service: ServiceName; readonly code: ErrorCode; readonly text: string }[] {
    return [...this.#failures].map(([service, { code, text }]) => ({ service, code, text }));
  }

  /**
   * Envoy refused something nobody was waiting for (a new Envoy connected, or another version of it): what it may be is
   * tried again with the next flush. Given to the server as `onRefused`; false when the name is of another configurator.
   */
  refusedLater(type: string, name: string): boolean {
    const ref = `${type}/${name}`;
    if (ref === INGRESS_ROUTE) {
      this.#routes.clear();
      this.#baseDirty = true;
      for (const service of this.#wants.keys()) this.#dirty.add(service);
    } else if (ref === INGRESS_LISTENER || ref === JWT_EXTENSION) this.#open = false;
    else if (OWN.has(ref)) this.#baseDirty = true;
    else {
      const service = type === "cluster" || type === "endpoint" ? serviceOf(name) : undefined;
      if (service === undefined || !this.#wants.has(service)) return false;
      this.#dirty.add(service);
    }
    return true;
  }

  /**
   * What Envoy refused of the node's own: its listener (the port is taken), its routes, its keys. No want changes when the
   * cause is gone, so whoever owns the configurator tries again by `retryRefused` and a flush.
   */
  refusals(): { readonly ref: Ref; readonly text: string }[] {
    return [...this.#refused].map(([ref, text]) => ({ ref, text }));
  }

  retryRefused(): void {
    for (const ref of this.#refused.keys()) {
      const slash = ref.indexOf("/");
      this.refusedLater(ref.slice(0, slash), ref.slice(slash + 1));
    }
  }

  /** Publishes what changed. Calls run one after the other, but new keys never wait for a service. */
  flush(): Promise<Flushed> {
    const startedAt = performance.now();
    const keys = this.#open ? this.#flushKeys() : undefined;
    // It fails before somebody waits for it. Nothing is lost by that: what failed stays to be told, here or by the next flush.
    keys?.catch(() => undefined);
    const run = this.#tail.then(() => this.#flush(startedAt, keys));
    this.#tail = run.catch(() => undefined);
    return run;
  }

  async #flush(startedAt: number, early: Promise<Verdict | undefined> | undefined): Promise<Flushed> {
    const base = this.#base;
    if (base === undefined) throw new CatalystError("ERR_INTERNAL", "flush before setBase");
    const services = new Map<ServiceName, Verdict>();
    const baseVerdict = await this.#flushBase(base);
    await this.#flushServices(base, startedAt, services);
    const keys = (await early) ?? (await this.#flushKeys());
    return {
      ms: performance.now() - startedAt,
      services,
      ...(keys === undefined ? {} : { keys }),
      ...(baseVerdict === undefined ? {} : { base: baseVerdict }),
    };
  }

  /** Clusters of the parts, certificate, fixed routes; the listener only if it is open already. */
  async #flushBase(base: EnvoyBase): Promise<Verdict | undefined> {
    if (!this.#baseDirty) return undefined;
    this.#baseDirty = false;
    try {
      const verdict = await this.#publishBase(base);
      this.#baseDirty ||= !verdict.ok && verdict.retry;
      return verdict;
    } catch (error) {
      this.#baseDirty = true;
      throw error;
    }
  }

  async #publishBase(base: EnvoyBase): Promise<Verdict> {
    const [first, last] = [firstRoutes(base), lastRoutes(base)];
    assertClosed([...first, ...last].flatMap((route) => openInRoute(base.identity, route)));
    this.#routes.setBase(first, last);
    const cluster = (name: string, at: EnvoyBase["gateway"]): Change => ({
      type: "cluster",
      name,
      bytes: encode("envoy.config.cluster.v3.Cluster", partCluster(name, at)),
    });
    const changes = [cluster(GATEWAY_CLUSTER, base.gateway), cluster(AUTH_CLUSTER, base.auth)];
    if (base.tls !== undefined) changes.push(secret(base.tls));
    changes.push(this.#routes.change());
    if (this.#open) changes.push(listener(base));
    return await this.#put(changes);
  }

  /** Extension and listener: together the first time, later the extension alone. */
  async #flushKeys(): Promise<Verdict | undefined> {
    const base = this.#base;
    if (base === undefined) return undefined;
    const open = base.identity === "none" || this.#keys !== undefined;
    if (!this.#keysDirty && open === this.#open) return undefined;
    const before = this.#open;
    this.#keysDirty = false;
    this.#open = open;
    try {
      const verdict = await this.#publishKeys(base, open, before);
      const again = !verdict.ok && verdict.retry;
      if (again && open && !before) this.#open = false;
      this.#keysDirty ||= again;
      return verdict;
    } catch (error) {
      // Not published: the listener is as it was, and the keys are still to be told.
      this.#open = before;
      this.#keysDirty = true;
      throw error;
    }
  }

  async #publishKeys(base: EnvoyBase, open: boolean, before: boolean): Promise<Verdict> {
    const changes: Change[] = [];
    if (base.identity !== "none" && this.#keys !== undefined) {
      const extension = jwtExtension(base.identity, this.#keys);
      assertClosed(openInExtension(extension));
      const bytes = encode("envoy.config.core.v3.TypedExtensionConfig", extension);
      changes.push({ type: "extension", name: FILTER.jwt, bytes });
    }
    if (open && !before) changes.push(listener(base));
    if (!open)
      changes.push(
        { type: "listener", name: INGRESS, bytes: undefined },
        { type: "extension", name: FILTER.jwt, bytes: undefined },
      );
    return await this.#put(changes);
  }

  /** As one publication; what would name something that is not there waits for the next flush. */
  async #put(changes: readonly Change[]): Promise<Verdict> {
    try {
      const { outcomes, ms } = await this.#server.publish(changes);
      for (const [ref, outcome] of outcomes)
        if (outcome.state === "refused") this.#refused.set(ref, outcome.text);
        else this.#refused.delete(ref);
      return verdictOf([...outcomes.values()], ms);
    } catch (error) {
      if (!(error instanceof CatalystError) || error.code !== "ERR_XDS_REFERENCE") throw error;
      return { ok: false, code: error.code, text: error.message, retry: true };
    }
  }

  async #flushServices(
    base: EnvoyBase,
    startedAt: number,
    verdicts: Map<ServiceName, Verdict>,
  ): Promise<void> {
    while (this.#dirty.size > 0) {
      const names = [...this.#dirty];
      this.#dirty.clear();
      try {
        await this.#flushNames(base, names, startedAt, verdicts);
      } catch (error) {
        for (const name of names) this.#dirty.add(name);
        throw error;
      }
    }
  }

  async #flushNames(
    base: EnvoyBase,
    names: readonly ServiceName[],
    startedAt: number,
    verdicts: Map<ServiceName, Verdict>,
  ): Promise<void> {
    const prepared = this.#prepareAll(base, names);
    const outcomes =
      (await this.#publishTogether(names, prepared)) ?? (await this.#publishApart(names, prepared));
    // What was refused is out again, and Envoy may have nothing good to go back to.
    if (this.#routes.changed) await this.#publishIngress();
    await this.#takeAway(names);
    for (const name of names) {
      const failure = this.#failures.get(name);
      const outcome = outcomes.get(refOf("cluster", clusterOf(name)));
      verdicts.set(
        name,
        failure ?? {
          ok: true,
          ms: performance.now() - startedAt,
          acknowledged: outcome === undefined || outcome.state === "acknowledged",
        },
      );
    }
  }

  /** What each is to become; undefined = it goes. Those that go free their hosts before others ask for them. */
  #prepareAll(base: EnvoyBase, names: readonly ServiceName[]): Map<ServiceName, Prepared | undefined> {
    const prepared = new Map<ServiceName, Prepared | undefined>();
    const staying: [ServiceName, EnvoyServiceWant][] = [];
    for (const name of names) {
      this.#failures.delete(name);
      const want = this.#wants.get(name);
      if (want !== undefined && isProxied(want)) staying.push([name, want]);
      else {
        prepared.set(name, undefined);
        this.#release(name);
      }
    }
    for (const [name, want] of staying) {
      const result = this.#tryPrepare(base, want);
      const refusal = "code" in result ? result : this.#claim(name, result.claims);
      if (refusal !== undefined) this.#failures.set(name, { ok: false, retry: false, ...refusal });
      // Refused for what it wants: what was in force before was another want, so it goes.
      prepared.set(name, "code" in result || refusal !== undefined ? undefined : result);
      if (refusal === undefined) this.#users.use(name, "ingress");
      else this.#release(name);
    }
    return prepared;
  }

  #tryPrepare(
    base: EnvoyBase,
    want: EnvoyServiceWant,
  ): ReturnType<Prepare> | { code: ErrorCode; text: string } {
    try {
      return this.#prepare(base.identity, want);
    } catch (error) {
      const code = error instanceof CatalystError ? error.code : "ERR_INTERNAL";
      return { code, text: error instanceof Error ? error.message : String(error) };
    }
  }

  #claim(name: ServiceName, claims: readonly string[]): { code: ErrorCode; text: string } | undefined {
    if (this.#claims.has(name, claims)) return undefined;
    const other = this.#claims.take(name, claims);
    if (other !== undefined)
      return { code: "ERR_SERVICE_CONFLICT", text: `${other.claim} belongs to ${other.owner}` };
    this.#lookAgain(name);
    return undefined;
  }

  #release(name: ServiceName): void {
    if (this.#claims.release(name)) this.#lookAgain(name);
  }

  /** Whoever was refused because of it. */
  #lookAgain(name: ServiceName): void {
    for (const [other, failure] of this.#failures)
      if (other !== name && failure.code === "ERR_SERVICE_CONFLICT") this.#dirty.add(other);
  }

  /**
   * Where clusters stand as soon as they are read, their routes follow in the same breath. Undefined where they do not, or
   * where Envoy did not take all of it: then one after the other, to find out whose it is.
   */
  async #publishTogether(names: readonly ServiceName[], prepared: Preparing): Promise<Outcomes | undefined> {
    if (![...prepared.values()].every((next) => next === undefined || next.cluster.atOnce === true))
      return undefined;
    const before = names.map((name) => this.#routes.get(name));
    for (const name of names) this.#routes.set(name, prepared.get(name)?.routes);
    if (!this.#routes.changed) return undefined;
    const { outcomes } = await this.#publishIngress(this.#clusters(prepared));
    if ([...outcomes.values()].every((outcome) => failureOf(outcome) === undefined)) {
      this.#tookEffect(names, prepared);
      return outcomes;
    }
    names.forEach((name, i) => this.#routes.set(name, before[i]));
    return undefined;
  }

  async #publishApart(names: readonly ServiceName[], prepared: Preparing): Promise<Outcomes> {
    const outcomes = await this.#publishClusters(prepared);
    const ready = names.filter((name) => this.#takesPart(name, prepared.get(name), outcomes));
    await this.#publishRoutes(ready, prepared);
    return outcomes;
  }

  async #publishClusters(prepared: Preparing): Promise<Outcomes> {
    const changes = this.#clusters(prepared);
    return changes.length === 0 ? new Map() : (await this.#server.publish(changes)).outcomes;
  }

  #clusters(prepared: Preparing): Change[] {
    const changes: Change[] = [];
    for (const [name, next] of prepared) {
      if (next === undefined) continue;
      changes.push(next.cluster);
      if (next.endpoints.bytes !== undefined || this.#inForce.get(name)?.endpoints.bytes !== undefined)
        changes.push(next.endpoints);
    }
    return changes;
  }

  /** False when its cluster was refused: then what was good of it stays as it is. */
  #takesPart(name: ServiceName, next: Prepared | undefined, outcomes: Outcomes): boolean {
    if (next === undefined) return true;
    for (const type of ["cluster", "endpoint"] as const) {
      const outcome = outcomes.get(refOf(type, clusterOf(name)));
      const failure = outcome === undefined ? undefined : failureOf(outcome);
      if (failure === undefined) continue;
      this.#failures.set(name, failure);
      if (outcome?.state === "refused") return false;
    }
    return true;
  }

  /** Puts the new routes of `names` in force; where Envoy refuses, halves the set until the bad ones stand alone. */
  async #publishRoutes(names: readonly ServiceName[], prepared: Preparing): Promise<void> {
    const before = names.map((name) => this.#routes.get(name));
    for (const name of names) this.#routes.set(name, prepared.get(name)?.routes);
    const outcome = this.#routes.changed
      ? (await this.#publishIngress()).outcomes.get(INGRESS_ROUTE)
      : undefined;
    if (outcome?.state !== "refused") {
      if (outcome !== undefined) this.#refused.delete(INGRESS_ROUTE);
      this.#tookEffect(names, prepared);
      return;
    }
    names.forEach((name, i) => this.#routes.set(name, before[i]));
    const [only] = names;
    if (only !== undefined && names.length === 1) {
      this.#failures.set(only, refusedBy(outcome.text));
      return;
    }
    const half = Math.ceil(names.length / 2);
    await this.#publishRoutes(names.slice(0, half), prepared);
    await this.#publishRoutes(names.slice(half), prepared);
  }

  #tookEffect(names: readonly ServiceName[], prepared: Preparing): void {
    for (const name of names) {
      const next = prepared.get(name);
      if (next !== undefined) this.#inForce.set(name, next);
    }
  }

  async #publishIngress(clusters: readonly Change[] = []): ReturnType<XdsServer["publish"]> {
    try {
      return await this.#server.publish([...clusters, this.#routes.change()]);
    } catch (error) {
      this.#routes.notSent();
      throw error;
    }
  }

  /** Clusters and endpoints that no route names any more. */
  async #takeAway(names: readonly ServiceName[]): Promise<void> {
    const changes: Change[] = [];
    const going: ServiceName[] = [];
    for (const name of names) {
      if (this.#routes.get(name) !== undefined) continue;
      this.#inForce.delete(name);
      if (this.#users.leave(name, "ingress")) continue;
      going.push(name);
      const cluster = clusterOf(name);
      changes.push(
        { type: "cluster", name: cluster, bytes: undefined },
        { type: "endpoint", name: cluster, bytes: undefined },
      );
    }
    if (changes.length > 0) await this.#server.publish(changes);
    for (const name of going) this.#users.gone(name, "ingress");
  }
}

const secret = (tls: NonNullable<EnvoyBase["tls"]>): Change => ({
  type: "secret",
  name: INGRESS_SECRET,
  bytes: encode("envoy.extensions.transport_sockets.tls.v3.Secret", ingressSecret(tls)),
});

function listener(base: EnvoyBase): Change {
  const resource = ingressListener(base);
  assertClosed(openInListener(base.identity, resource));
  return {
    type: "listener",
    name: INGRESS,
    bytes: encode("envoy.config.listener.v3.Listener", resource),
    needs: [
      INGRESS_ROUTE,
      ...(base.identity === "none" ? [] : [refOf("extension", FILTER.jwt), refOf("cluster", AUTH_CLUSTER)]),
      ...(base.tls === undefined ? [] : [refOf("secret", INGRESS_SECRET)]),
    ],
  };
}
