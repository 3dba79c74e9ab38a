// What each admin verb does, one entry a verb, so that CLI, console and tests have the same answers. Arguments were checked by
// their schema; here they meet the state. Changes of services go through the event loop like everything else.

import type { Clock, Loop, Outcome, Refusal } from "#kernel";
import { type AdminVerb, type AdminVerbs, type AuthControl, CatalystError, isErrorCode } from "#rpc";
import type { EnvoyResource, EnvoyStatus, PeeringVerbs, ServiceRecord } from "#rpc";
import { fullName, type NodeName, type NodeTypes, type ServiceName } from "#routing";
import { intentOf, type ServiceConfig } from "../intents.ts";
import type { Journal } from "./journal.ts";
import { untilServed } from "./served.ts";
import { type ReachOptions, serviceRecord } from "./view.ts";

/** Events answered when the caller names no number. */
const EVENTS_DEFAULT = 100;
/** Overlap of a rotated API key: time to bring the new one out to every client. */
const ROTATE_OVERLAP_MS = 24 * 3_600_000;

export interface VerbPorts {
  readonly loop: Loop<NodeTypes>;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly node: NodeName;
  readonly reach: ReachOptions;
  readonly auth: AuthControl;
  readonly identity: AdminVerbs["identity"]["result"];
  readonly status: () => Promise<AdminVerbs["status"]["result"]>;
  readonly check: () => Promise<AdminVerbs["check"]["result"]>;
  readonly envoyStatus: () => EnvoyStatus;
  readonly envoyConfig: (filter: { type?: string; name?: string }) => readonly EnvoyResource[];
  readonly config: () => AdminVerbs["config.show"]["result"];
  /** Checks a service as the configuration does; throws ERR_INVALID_ARGUMENT with every problem. */
  readonly parseService: (service: unknown) => Promise<ServiceConfig>;
  /** Absent where no routes are exchanged. */
  readonly peering?: Pick<Verbs, keyof PeeringVerbs>;
}

export type Verbs = {
  readonly [V in AdminVerb]: (args: AdminVerbs[V]["args"]) => Promise<AdminVerbs[V]["result"]>;
};

/** What was asked for could not be done. A plugin that threw is the plugin's fault: the rest of the event was done. */
export function throwRefusal({ refused, problems }: Pick<Outcome, "refused" | "problems">): void {
  const refusal = refused ?? problems.find(({ code }) => code !== "ERR_PLUGIN_FAILED");
  if (refusal !== undefined) throw refusalError(refusal);
}

function refusalError({ code, text, hint }: Refusal): CatalystError {
  return new CatalystError(
    isErrorCode(code) ? code : "ERR_INTERNAL",
    text,
    hint === undefined ? {} : { hint },
  );
}

/** What nobody answers here is refused when it is asked. */
type Answered = Omit<Verbs, keyof PeeringVerbs> & Partial<Verbs>;

export function verbs(ports: VerbPorts): Answered {
  const { loop, journal, auth } = ports;
  return {
    identity: async () => ports.identity,
    status: ports.status,
    check: ports.check,
    ...serviceVerbs(ports),
    ...ports.peering,
    ...authVerbs(auth, ports.clock),
    "envoy.status": async () => ports.envoyStatus(),
    "envoy.config": async (filter) => ports.envoyConfig(filter),
    "config.show": async () => ports.config(),
    events: async ({ after, limit = EVENTS_DEFAULT }) => {
      await loop.idle();
      return after === undefined ? journal.last(limit) : journal.read(after, limit);
    },
  };
}

type ServiceVerb = "service.list" | "service.show" | "service.add" | "service.remove";

function serviceVerbs(ports: VerbPorts): Pick<Verbs, ServiceVerb> {
  const { loop, clock, node } = ports;
  const show = (name: ServiceName): ServiceRecord => {
    const service = loop.view.services.get(name);
    if (service === undefined)
      throw new CatalystError("ERR_NOT_FOUND", `no service named "${name}"`, {
        hint: "catalyst service list",
      });
    const record = serviceRecord(service, clock.now(), ports.reach);
    // A part that is away says nothing of a single service; what fails about this one does.
    const failing = loop.effects
      .status()
      .failing.filter((each) => each.key === name && (each.kind === "graph" || each.kind === "envoy.service"))
      .map(({ kind, code, text }) => ({ by: kind === "graph" ? "gateway" : "envoy", code, text }));
    return failing.length === 0 ? record : { ...record, quarantine: [...record.quarantine, ...failing] };
  };
  return {
    "service.list": async () =>
      [...loop.view.services.values()]
        .map((service) => serviceRecord(service, clock.now(), ports.reach))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    "service.show": async ({ name }) => show(fullName(name, node) ?? name),
    "service.add": async ({ waitMs, endpoints, ...rest }) => {
      const service = await ports.parseService({ ...rest, endpoints });
      const intent = intentOf(service, { kind: "admin" }, node);
      throwRefusal(await loop.submit({ kind: "service.add", intent }));
      const stored = loop.effects.settled("persist", intent.name);
      if (waitMs !== undefined && waitMs > 0) await untilServed(loop, clock, intent.name, waitMs);
      await stored;
      return show(intent.name);
    },
    "service.remove": async ({ name }) => {
      const full = fullName(name, node) ?? name;
      if (!loop.view.services.has(full)) show(full);
      const done = await loop.submit({ kind: "service.remove", name: full, owner: "admin" });
      throwRefusal(done);
      await loop.effects.settled("persist", full);
      return { name: full, revision: done.revision };
    },
  };
}

type AuthVerb = Extract<AdminVerb, `${"apikey" | "token" | "key"}.${string}`>;

function authVerbs(auth: AuthControl, clock: Clock): Pick<Verbs, AuthVerb> {
  return {
    "apikey.create": ({ principal, scopes, expiresInMs }) =>
      auth.apiKeyCreate({
        principal,
        createdBy: "admin",
        ...(scopes === undefined ? {} : { scopes }),
        ...(expiresInMs === undefined ? {} : { expiresAt: clock.now() + expiresInMs }),
      }),
    "apikey.list": () => auth.apiKeyList(),
    "apikey.revoke": ({ id }) => auth.apiKeyRevoke(id),
    "apikey.rotate": ({ id, overlapMs = ROTATE_OVERLAP_MS }) => auth.apiKeyRotate(id, { overlapMs }),
    "token.mint": (request) => auth.sign(request),
    "token.verify": ({ token }) => auth.verify(token),
    "key.list": () => auth.keyList(),
    "key.rotate": ({ now = false }) => auth.keyRotate({ now }),
    "key.revoke": ({ kid }) => auth.keyRevoke(kid),
    "key.jwks": () => auth.jwks(),
  };
}
