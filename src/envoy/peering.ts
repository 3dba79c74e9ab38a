// Keeps Envoy's two listeners between nodes as the node wants them: imports (egress), exports (peer listener), trust, and the
// own certificate. Each service is a scope and a RouteConfiguration of its own, so a change costs the same with any number
// of services, and a bad one stands alone: quarantined by name, with what was good of it before still in force. `flush`
// publishes what changed; services whose paths Envoy knows never wait for those whose paths are new.
// Invariant: closed unless told otherwise. Without a certificate, or anybody trusted, the peer listener is not there, and an
// export names only peers that are trusted now. Between "none" they are trusted by name, and there are no certificates.

import type { EnvoyExportWant, EnvoyImportWant, NodeName, OrgName, PeerPath, ServiceName } from "#routing";
import type { ErrorCode } from "#rpc";
import { CatalystError } from "#rpc";
import { checkCertificate, checkTrust } from "./certificates.ts";
import { ClusterUsers } from "./cluster-users.ts";
import { PathsSets } from "./paths-sets.ts";
import { Aliases } from "./peering-aliases.ts";
import {
  aliasChange,
  egressListenerChange,
  exportChanges,
  healthChanges,
  importChanges,
  nodeCertChange,
  ownClusterChanges,
  peerListenerChange,
  peersChange,
  trustChange,
} from "./prepare-peering.ts";
import type { Certificate, RouteChanges } from "./prepare-peering.ts";
import {
  EGRESS,
  NODE_CERT,
  PEER,
  PEERS_SECRET,
  checkExport,
  checkImport,
  clusterOf,
  serviceOf,
  trustSecretOf,
} from "./translate/index.ts";
import type { Between, PeeringBase, PeeringRefusal, PeeringTrust, Proven, Side } from "./translate/index.ts";
import { verdictOf } from "./verdict.ts";
import type { Failure, Verdict } from "./verdict.ts";
import { refOf } from "./xds/index.ts";
import type { Change, Outcome, Ref, XdsServer } from "./xds/index.ts";

export interface PeeringFlushed {
  readonly ms: number;
  /** For every service that changed since the last flush, or was moved; one that a newer flush took over is told by that. */
  readonly imports: ReadonlyMap<ServiceName, Verdict>;
  readonly exports: ReadonlyMap<ServiceName, Verdict>;
  /** Listeners, certificate and trust; absent when none changed. */
  readonly base?: Verdict;
}

/** "egress/NAME" for an import, "peer/NAME" for an export: also the name of its scope and of its routes. */
type Key = `${Side}/${ServiceName}`;

/** What one service is to become. */
interface Ready {
  readonly key: Key;
  readonly changes: readonly Change[];
  /** Its cluster is not with Envoy yet. */
  readonly fresh: boolean;
}

/** Calls it after a while: a request that is tried again looks for its cluster anew, and the routes moved meanwhile. */
export type Linger = (collect: () => Promise<void>) => void;

export class PeeringConfigurator {
  readonly #server: Pick<XdsServer, "publish">;
  readonly #linger: Linger | undefined;
  readonly #between: Between;
  /** Collections that are still to come. */
  #lingering = 0;
  readonly #imports = new Map<ServiceName, EnvoyImportWant>();
  readonly #exports = new Map<ServiceName, EnvoyExportWant>();
  readonly #trust = new Map<OrgName, PeeringTrust>();
  /** All nodes of it. */
  #trusted: ReadonlySet<NodeName> = new Set();
  readonly #dirty = new Set<Key>();
  readonly #failures = new Map<Key, Failure>();
  readonly #sets: PathsSets<Key>;
  readonly #aliases = new Aliases();
  /** Exports that lead to the own service's cluster. */
  readonly #own = new Set<ServiceName>();
  readonly #users: ClusterUsers;
  /** Clusters that fell out of use and may still be with Envoy: they go when the routes have moved. */
  #gone = new Set<string>();
  /** Whose scope is with Envoy: it never changes while it is there, so a change of paths is one resource. */
  readonly #scoped = new Set<Key>();
  /** Secrets that were published. */
  readonly #secrets = new Set<string>();
  /** The flush that has a service in hand; an older one has nothing to say of it any more. */
  readonly #turns = new Map<Key, number>();
  #turn = 0;
  #base: PeeringBase | undefined;
  #certificate: Certificate | undefined;
  #baseDirty = false;
  #baseTail: Promise<unknown> = Promise.resolve();

  /** `users`: shared with the configurator of ingress. */
  constructor(
    server: Pick<XdsServer, "publish">,
    linger?: Linger,
    between: Between = "certificate",
    users = new ClusterUsers(),
  ) {
    this.#server = server;
    this.#users = users;
    this.#linger = linger;
    this.#between = between;
    this.#sets = new PathsSets(between);
  }

  /** This node's name, and the addresses of the two listeners. */
  setListeners(base: PeeringBase): void {
    if (this.#base !== undefined && this.#base.node !== base.node)
      throw new CatalystError("ERR_INVALID_ARGUMENT", "a node's name does not change");
    this.#base = base;
    this.#baseDirty = true;
  }

  /** A renewed one is used for new connections, open ones go on. Throws, and keeps the old one, when it is unusable. */
  setNodeCertificate(own: Certificate | undefined): void {
    if (own !== undefined) checkCertificate(own);
    const changed = (this.#certificate === undefined) !== (own === undefined);
    this.#certificate = own;
    this.#baseDirty = true;
    if (changed) this.#markAll(() => true);
  }

  /**
   * Undefined, or without nodes: nobody of this organization is believed any more, from the next flush on. Throws when the
   * certificates are unusable; then nobody of it is believed either.
   */
  setTrust(organization: OrgName, trust: PeeringTrust | undefined): void {
    const before = this.#trust.get(organization);
    this.#trust.delete(organization);
    try {
      if (trust === undefined || trust.nodes.length === 0) return;
      if (this.#between === "certificate") checkTrust(organization, trust.pem);
      this.#trust.set(organization, this.#between === "none" ? { ...trust, pem: undefined } : trust);
    } finally {
      this.#trusted = new Set([...this.#trust.values()].flatMap((t) => t.nodes));
      this.#baseDirty = true;
      if (before?.nodes.join() !== this.#trust.get(organization)?.nodes.join()) {
        const touched = (node: string): boolean => node.endsWith(`.${organization}`);
        this.#markAll((nodes) => nodes.some(touched));
      }
    }
  }

  /** Undefined, or a want without paths: its name is answered 404. */
  setImport(service: ServiceName, want: EnvoyImportWant | undefined): void {
    if (want === undefined) this.#imports.delete(service);
    else this.#imports.set(service, want);
    this.#dirty.add(`egress/${service}`);
    for (const other of this.#aliases.set(service, want?.aliases ?? [])) this.#dirty.add(`egress/${other}`);
  }

  /** Undefined, or a want for nobody: peers are answered 404. */
  setExport(service: ServiceName, want: EnvoyExportWant | undefined): void {
    if (want === undefined) this.#exports.delete(service);
    else this.#exports.set(service, want);
    this.#dirty.add(`peer/${service}`);
  }

  /** Everything that is left out, with the reason. */
  quarantined(): {
    readonly side: Side;
    readonly service: ServiceName;
    readonly code: ErrorCode;
    readonly text: string;
  }[] {
    return [...this.#failures].map(([key, { code, text }]) => ({ ...split(key), code, text }));
  }

  /** Envoy refused something nobody waited for. True when it was one of these; the next flush tries it again. */
  refusedLater(type: string, name: string): boolean {
    if (type === "listener" ? name === PEER || name === EGRESS : type === "secret" && isOwnSecret(name))
      this.#baseDirty = true;
    else if ((type === "route" || type === "scope") && isKey(name)) {
      this.#scoped.delete(name);
      this.#dirty.add(name);
      const owner = this.#aliasOwner(name);
      if (owner !== undefined) this.#dirty.add(`egress/${owner}`);
    } else if (this.#own.has(serviceOf(name) ?? "")) this.#dirty.add(`peer/${serviceOf(name)}`);
    else if (name.startsWith("paths:")) for (const key of this.#sets.refused(name)) this.#dirty.add(key);
    else return false;
    return true;
  }

  /** Publishes what changed. May be called again before it is done: each call has what changed since the one before. */
  async flush(): Promise<PeeringFlushed> {
    const startedAt = performance.now();
    const turn = ++this.#turn;
    // Taken before anything is waited for: what changes from here on is told by a later call.
    const keys = [...this.#dirty];
    this.#dirty.clear();
    let gone = new Set<string>();
    let ready: readonly Ready[] = [];
    let base: Verdict | undefined;
    const outcomes = new Map<Ref, Outcome>();
    try {
      base = await this.#flushBaseInTurn(startedAt);
      ready = keys.map((key) => this.#prepare(key, turn));
      gone = this.#takeGone();
      await Promise.all(
        [true, false].map((fresh) =>
          this.#publish(
            ready.filter((r) => r.fresh === fresh),
            outcomes,
          ),
        ),
      );
      if (this.#linger === undefined) await this.#collect(gone);
      else if (gone.size > 0 || this.#idleSecrets().length > 0) {
        this.#lingering += 1;
        this.#linger(() => this.#collectLate(gone));
      }
    } catch (error) {
      // Not published, or only in part: all of it is still to be told.
      for (const key of keys) this.#dirty.add(key);
      for (const name of gone) this.#gone.add(name);
      throw error;
    }
    return {
      ms: performance.now() - startedAt,
      ...this.#verdicts(ready, turn, outcomes, startedAt),
      ...(base === undefined ? {} : { base }),
    };
  }

  #flushBaseInTurn(startedAt: number): Promise<Verdict | undefined> {
    const run = this.#baseTail.then(() => this.#flushBase(startedAt));
    // Who called is told of a failure; the next call goes on.
    this.#baseTail = run.catch(() => undefined);
    return run;
  }

  /** Certificates, trust, listeners, the health check: what the services stand on. */
  async #flushBase(startedAt: number): Promise<Verdict | undefined> {
    const base = this.#base;
    if (base === undefined) throw new CatalystError("ERR_INTERNAL", "flush before setListeners");
    if (!this.#baseDirty) return undefined;
    this.#baseDirty = false;
    try {
      const outcomes = await this.#publishBase(base);
      const verdict = verdictOf(outcomes, performance.now() - startedAt);
      this.#baseDirty ||= !verdict.ok && verdict.retry;
      return verdict;
    } catch (error) {
      this.#baseDirty = true;
      throw error;
    }
  }

  async #publishBase(base: PeeringBase): Promise<readonly Outcome[]> {
    const own = this.#certificate;
    const proven = [...this.#trust].flatMap(([name, trust]) => (isProven(trust) ? { name, trust } : []));
    const peers = own && peersChange(proven.map(({ trust }) => trust));
    const changes: Change[] = proven.map(({ name, trust }) => trustChange(name, trust));
    if (own !== undefined) changes.push(nodeCertChange(own));
    if (peers !== undefined) changes.push(peers);
    const meets = this.#between === "none" ? this.#trust.size > 0 : peers !== undefined;
    if (meets) changes.push(...healthChanges(base.node, this.#between));
    changes.push(
      meets && base.peer !== undefined
        ? peerListenerChange(base.node, base.peer, this.#between)
        : { type: "listener", name: PEER, bytes: undefined },
      base.egress === undefined
        ? { type: "listener", name: EGRESS, bytes: undefined }
        : egressListenerChange(base.egress),
    );
    const { outcomes } = await this.#server.publish(changes);
    for (const change of changes) if (change.type === "secret") this.#secrets.add(change.name);
    return [...outcomes.values()];
  }

  #markAll(concerns: (nodes: readonly string[]) => boolean): void {
    const nodesOf = (paths: readonly PeerPath[]): string[] => paths.map((p) => p.node);
    for (const [service, { paths }] of this.#imports)
      if (concerns(nodesOf(paths))) this.#dirty.add(`egress/${service}`);
    for (const [service, { to, target }] of this.#exports)
      if (concerns([...to, ...(target.kind === "paths" ? nodesOf(target.paths) : [])]))
        this.#dirty.add(`peer/${service}`);
  }

  #prepare(key: Key, turn: number): Ready {
    const { side, service } = split(key);
    this.#failures.delete(key);
    this.#turns.set(key, turn);
    try {
      const ready = side === "egress" ? this.#prepareImport(key, service) : this.#prepareExport(key, service);
      if (ready !== undefined) return ready;
    } catch (error) {
      const code = error instanceof CatalystError ? error.code : "ERR_INTERNAL";
      const text = error instanceof Error ? error.message : String(error);
      this.#failures.set(key, { ok: false, code, text, retry: false });
    }
    // It goes; what was refused for what it wants too, since what was in force before was another want.
    this.#scoped.delete(key);
    this.#sets.drop(key);
    if (side === "peer") this.#leaveOwn(service);
    const gone = (type: "scope" | "route", name: string = key): Change => ({ type, name, bytes: undefined });
    // Its name may lead elsewhere now, and is written there.
    const scopes = this.#aliasOwner(key) === undefined ? [gone("scope")] : [];
    if (side === "egress")
      for (const alias of this.#aliases.scopes(service, this.#imported, false).gone)
        scopes.push(gone("scope", alias));
    return { key, changes: [...scopes, gone("route")], fresh: false };
  }

  #aliasOwner(key: Key): ServiceName | undefined {
    const { side, service } = split(key);
    const owner = side === "egress" ? this.#aliases.owner(service, this.#imported) : undefined;
    return owner === undefined || this.#failures.has(`egress/${owner}`) ? undefined : owner;
  }

  readonly #imported = (name: ServiceName): boolean => (this.#imports.get(name)?.paths.length ?? 0) > 0;

  #prepareImport(key: Key, service: ServiceName): Ready | undefined {
    const want = this.#imports.get(service);
    if (want === undefined || want.paths.length === 0) return undefined;
    refuse(this.#blind ? NO_CERTIFICATE : checkImport(this.#trust, want));
    const { name, changes } = this.#sets.use(key, want.paths);
    const { own, gone } = this.#aliases.scopes(service, this.#imported);
    const aliases = own.map((alias) => aliasChange(service, alias));
    for (const alias of gone) aliases.push({ type: "scope", name: `egress/${alias}`, bytes: undefined });
    return {
      key,
      changes: [...changes, ...this.#routes(key, importChanges(this.#node, want, name)), ...aliases],
      fresh: changes.length > 0,
    };
  }

  #prepareExport(key: Key, service: ServiceName): Ready | undefined {
    const want = this.#exports.get(service);
    if (want === undefined) return undefined;
    const to = want.to.filter((node) => this.#trusted.has(node));
    const { target } = want;
    if (to.length === 0 || (target.kind === "own" && target.endpoints.length === 0)) return undefined;
    refuse(this.#blind && target.kind === "paths" ? NO_CERTIFICATE : checkExport(this.#trust, want));
    const admitted = { ...want, to };
    if (target.kind === "paths") {
      this.#leaveOwn(service);
      const { name, changes } = this.#sets.use(key, target.paths);
      return {
        key,
        changes: [...changes, ...this.#routes(key, exportChanges(this.#node, admitted, name, this.#between))],
        fresh: changes.length > 0,
      };
    }
    this.#sets.drop(key);
    const fresh = !this.#own.has(service);
    this.#own.add(service);
    this.#users.use(service, "peer");
    const cluster = clusterOf(service);
    const routes = this.#routes(key, exportChanges(this.#node, admitted, cluster, this.#between));
    return { key, changes: [...ownClusterChanges(service, target), ...routes], fresh };
  }

  #routes(key: Key, { route, scope }: RouteChanges): Change[] {
    return this.#scoped.has(key) ? [route] : [route, scope()];
  }

  /** It could not show who it is. */
  get #blind(): boolean {
    return this.#between === "certificate" && this.#certificate === undefined;
  }

  get #node(): string {
    return this.#base?.node ?? "";
  }

  /** One publication; when something in it names what is not there, each service alone, so that the others go on. */
  async #publish(some: readonly Ready[], outcomes: Map<Ref, Outcome>): Promise<void> {
    const changes = [...new Set(some.flatMap((r) => r.changes))];
    if (changes.length === 0) return;
    try {
      const published = await this.#server.publish(changes);
      for (const [ref, outcome] of published.outcomes) outcomes.set(ref, outcome);
    } catch (error) {
      if (!(error instanceof CatalystError) || error.code !== "ERR_XDS_REFERENCE") throw error;
      const [only] = some;
      if (only === undefined) return;
      if (some.length > 1) for (const one of some) await this.#publish([one], outcomes);
      else this.#failures.set(only.key, { ok: false, code: error.code, text: error.message, retry: true });
      return;
    }
    for (const change of changes)
      if (change.type === "cluster")
        this.#sets.settled(change, outcomes.get(refOf("cluster", change.name))?.state === "acknowledged");
  }

  #leaveOwn(service: ServiceName): void {
    if (this.#own.delete(service)) this.#gone.add(clusterOf(service));
  }

  /** What a flush may take away once its own routes have moved; what falls out of use later is the matter of a later one. */
  #takeGone(): Set<string> {
    const gone = this.#gone;
    this.#gone = new Set();
    for (const name of this.#sets.takeIdle()) gone.add(name);
    return gone;
  }

  async #collectLate(gone: ReadonlySet<string>): Promise<void> {
    this.#lingering -= 1;
    await this.#collect(gone);
  }

  /** Takes away what nothing names any more: only now, when the routes have moved. */
  async #collect(gone: ReadonlySet<string>): Promise<void> {
    const changes: Change[] = [];
    for (const name of gone) {
      const service = serviceOf(name);
      if (service === undefined) {
        if (this.#sets.remove(name)) changes.push({ type: "cluster", name, bytes: undefined });
      } else if (!this.#own.has(service) && !this.#users.leave(service, "peer")) {
        changes.push(
          { type: "cluster", name, bytes: undefined },
          { type: "endpoint", name, bytes: undefined },
        );
      }
    }
    // What lingers still names some.
    const secrets = this.#lingering > 0 ? [] : this.#idleSecrets();
    for (const name of secrets) changes.push({ type: "secret", name, bytes: undefined });
    if (changes.length === 0) return;
    const { outcomes } = await this.#server.publish(changes).catch((error: unknown) => {
      for (const { type, name } of changes) if (type === "cluster") this.#stays(name);
      throw error;
    });
    for (const { type, name } of changes) {
      // A route that was refused is as it was, and names it still.
      const kept = outcomes.get(refOf(type, name))?.state === "kept";
      if (type === "cluster" && kept) this.#stays(name);
      else if (type === "cluster") this.#users.gone(serviceOf(name) ?? "", "peer");
      else if (type === "secret" && !kept) this.#secrets.delete(name);
    }
  }

  /** A cluster that could not be taken away: a later flush does. */
  #stays(name: string): void {
    this.#gone.add(name);
    const service = serviceOf(name);
    if (service !== undefined) this.#users.use(service, "peer");
  }

  #idleSecrets(): string[] {
    return [...this.#secrets].filter((name) => !this.#wantsSecret(name));
  }

  #wantsSecret(name: string): boolean {
    if (name === NODE_CERT) return this.#certificate !== undefined;
    if (name === PEERS_SECRET) return this.#certificate !== undefined && this.#trust.size > 0;
    return this.#trust.has(name.slice(trustSecretOf("").length));
  }

  #verdicts(
    ready: readonly Ready[],
    turn: number,
    outcomes: ReadonlyMap<Ref, Outcome>,
    startedAt: number,
  ): Pick<PeeringFlushed, "imports" | "exports"> {
    const [imports, exports] = [new Map<ServiceName, Verdict>(), new Map<ServiceName, Verdict>()];
    const ms = performance.now() - startedAt;
    for (const { key, changes } of ready) {
      if (this.#turns.get(key) !== turn) continue;
      this.#turns.delete(key);
      const own = changes.flatMap((c) => outcomes.get(refOf(c.type, c.name)) ?? []);
      const verdict = this.#failures.get(key) ?? verdictOf(own, ms);
      // Only by the newest flush, for one that is newer may have taken it away again.
      const scope = changes.some((c) => c.type === "scope" && c.name === key && c.bytes !== undefined);
      if (scope && verdict.ok) this.#scoped.add(key);
      if (!verdict.ok) this.#failures.set(key, verdict);
      const { side, service } = split(key);
      (side === "egress" ? imports : exports).set(service, verdict);
    }
    return { imports, exports };
  }
}

const NO_CERTIFICATE: PeeringRefusal = { code: "ERR_NOT_FOUND", text: "this node has no certificate" };

const split = (key: Key): { readonly side: Side; readonly service: ServiceName } =>
  key.startsWith("peer/")
    ? { side: "peer", service: key.slice("peer/".length) }
    : { side: "egress", service: key.slice("egress/".length) };

const isKey = (name: string): name is Key => name.startsWith("peer/") || name.startsWith("egress/");

const isProven = (trust: PeeringTrust): trust is Proven => trust.pem !== undefined;

const isOwnSecret = (name: string): boolean =>
  name === NODE_CERT || name === PEERS_SECRET || name.startsWith(trustSecretOf(""));

function refuse(refusal: PeeringRefusal | undefined): void {
  if (refusal !== undefined) throw new CatalystError(refusal.code, refusal.text);
}
