// The registry of declared services: the configuration file's, the admin API's and those of plugins. Each has
// one owner, and only the owner changes it; the same name again from the same owner is one more endpoint
// (docs/internals/contracts.md section 5). What the file says stands first: at a reload, a service of another owner that is
// in its way leaves and is reported, which is also what a restart would come to. Invariant: neither the order
// of a list nor that of file and store changes the result.

import type { Proposals } from "#kernel";
import {
  type Event,
  type IServicePlugin,
  type ServiceDelta,
  type ServiceIntent,
  type StateView,
  fullName,
} from "#routing";
import { Claims, describeOwner, ownedByOther, placeTaken } from "./claims.ts";
import { checkIntent, endpointsOf, freshEndpoint, intentOf, refusal, serviceOf } from "./intent.ts";
import { equal } from "#kernel";

type Out = Proposals<ServiceDelta>;
type Of<K extends Event["kind"]> = Extract<Event, { kind: K }>;

export function registry(): IServicePlugin {
  return {
    name: "registry",
    apiVersion: 1,
    handles: ["config.services", "store.services", "service.add", "service.remove"],
    apply(event, view, out) {
      switch (event.kind) {
        case "config.services":
          return replaceConfigured(event, view, out);
        case "store.services":
          return addStored(event, view, out);
        case "service.add":
          return add(event, view, out);
        case "service.remove":
          return remove(event, view, out);
        default:
          return;
      }
    },
  };
}

function add({ intent }: Of<"service.add">, view: StateView, out: Out): void {
  const checked = checkIntent(intent, view.node);
  if (!checked.ok) return out.refuse(checked.refusal);
  const refused = new Claims(view).refusal(checked.intent);
  if (refused !== undefined) return out.refuse(refused);
  declare(checked.intent, view, out);
}

/** Sets the service; endpoints that the same owner declared before stay beside the new ones. */
function declare(intent: ServiceIntent, view: StateView, out: Out): void {
  const known = view.services.get(intent.name);
  const urls = new Set([...intent.endpoints, ...(known?.endpoints ?? []).map(({ url }) => url)]);
  const whole = checkIntent({ ...intent, endpoints: [...urls] }, view.node);
  if (!whole.ok) return out.refuse(whole.refusal);
  if (known !== undefined && equal(intentOf(known), whole.intent)) return;
  out.push({
    kind: "service.set",
    service: serviceOf(whole.intent, endpointsOf(whole.intent, known), known),
  });
}

function remove(event: Of<"service.remove">, view: StateView, out: Out): void {
  const name = fullName(event.name, view.node) ?? event.name;
  const service = view.services.get(name);
  if (service === undefined) {
    return out.refuse(refusal("ERR_NOT_FOUND", name, `no service "${name}"`, "catalyst service list"));
  }
  if (service.owner.kind !== event.owner) return out.refuse(ownedByOther(name, service.owner));
  out.push({ kind: "service.delete", name });
}

/**
 * What the admin API had added before the restart. One that cannot stand any more is reported; its row may
 * go.
 */
function addStored({ services }: Of<"store.services">, view: StateView, out: Out): void {
  const claims = new Claims(view);
  for (const intent of inOrder(services)) {
    const checked = checkIntent(intent, view.node);
    const refused = checked.ok ? claims.refusal(checked.intent) : checked.refusal;
    if (!checked.ok || refused !== undefined) {
      if (refused !== undefined) out.report({ ...refused, subject: intent.name });
      continue;
    }
    claims.take(checked.intent);
    const { intent: stored } = checked;
    const endpoints = stored.endpoints.map((url) => freshEndpoint(url, stored.probe));
    out.push({ kind: "service.set", service: serviceOf(stored, endpoints) });
  }
}

function replaceConfigured({ services }: Of<"config.services">, view: StateView, out: Out): void {
  const claims = new Claims(view);
  const wanted = configured(services, claims, view, out);
  for (const service of view.services.values()) {
    const { name, owner } = service;
    if (wanted.has(name)) continue;
    const taken = owner.kind === "config" ? undefined : claims.takenBy(service);
    if (owner.kind !== "config" && taken === undefined) continue;
    out.push({ kind: "service.delete", name });
    if (taken !== undefined) out.report(placeTaken(name, taken.place, taken.name));
  }
  for (const intent of wanted.values()) {
    const there = view.services.get(intent.name);
    // What another owner declared is replaced as a whole: leases, health and schema were those of its
    // service.
    const known = there?.owner.kind === "config" ? there : undefined;
    if (known !== undefined && equal(intentOf(known), intent)) continue;
    if (there !== undefined && known === undefined) {
      const [old, now] = [describeOwner(there.owner), describeOwner(intent.owner)];
      const text = `service "${intent.name}" of ${old} was replaced: ${now} owns the name now`;
      out.report(refusal("ERR_OWNED_BY_CONFIG", intent.name, text));
    }
    out.push({ kind: "service.set", service: serviceOf(intent, endpointsOf(intent, known), known) });
  }
}

/**
 * The file's services that can stand together, by full name. Names go before places, so that a host never
 * takes a name away.
 */
function configured(
  services: readonly ServiceIntent[],
  claims: Claims,
  view: StateView,
  out: Out,
): Map<string, ServiceIntent> {
  const wanted = new Map<string, ServiceIntent>();
  for (const intent of inOrder(services)) {
    const checked = checkIntent(intent, view.node);
    if (!checked.ok) {
      out.report(checked.refusal);
      continue;
    }
    const { name } = checked.intent;
    const first = wanted.get(name);
    if (first === undefined) {
      wanted.set(name, checked.intent);
      claims.take({ ...checked.intent, ingress: {} });
      continue;
    }
    const text = `service "${name}" is declared twice; ${describeOwner(first.owner)} holds`;
    out.report(refusal("ERR_SERVICE_CONFLICT", name, text));
  }
  for (const [name, intent] of wanted) {
    const taken = claims.takenBy(intent);
    if (taken === undefined) {
      claims.take(intent);
      continue;
    }
    out.report(placeTaken(name, taken.place, taken.name));
    wanted.delete(name);
  }
  return wanted;
}

/** An order of the content, so that the one of the list does not matter. */
function inOrder(services: readonly ServiceIntent[]): ServiceIntent[] {
  const keyed = services.map((intent) => ({ intent, key: `${intent.name} ${JSON.stringify(intent)}` }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ intent }) => intent);
}
