// Services that register themselves (SDK) and hold their endpoint by a lease. One lease is one endpoint;
// replicas under one name are several leases, the service goes with the last. A renewal only moves the end,
// so replicas that describe themselves differently do not fight; what a new lease says of the service is
// taken over. A process that came back with a new lease takes its URL over. Leases end by the tick: no timer,
// so a replay expires them at the same event.

import { LIMITS, type Proposals } from "#kernel";
import {
  type Endpoint,
  type Event,
  type IServicePlugin,
  type Service,
  type ServiceDelta,
  type ServiceName,
  type StateView,
} from "#routing";
import { equal } from "#kernel";
import { Claims } from "./claims.ts";
import { checkIntent, freshEndpoint, intentOf, refusal, serviceOf } from "./intent.ts";

type Out = Proposals<ServiceDelta>;
type Register = Extract<Event, { kind: "lease.register" }>;
interface Held {
  readonly service: ServiceName;
  readonly url: string;
}

export function leases(): IServicePlugin {
  return {
    name: "leases",
    apiVersion: 1,
    handles: ["lease.register", "lease.end", "tick"],
    apply(event, view, out) {
      if (event.kind === "lease.register") register(event, view, out);
      else if (event.kind === "lease.end") {
        const held = view.lease(event.lease);
        if (held === undefined) out.refuse(refusal("ERR_NOT_FOUND", event.lease, "no such lease"));
        else withdraw([held], view, out);
      } else if (event.kind === "tick") withdraw(view.leasesEnding(event.at), view, out);
    },
  };
}

function register(event: Register, view: StateView, out: Out): void {
  const checked = checkIntent({ ...event.intent, owner: { kind: "sdk" } }, view.node);
  if (!checked.ok) return out.refuse(checked.refusal);
  const { intent } = checked;
  const [url, ...more] = intent.endpoints;
  if (url === undefined || more.length > 0) {
    return out.refuse(refusal("ERR_INVALID_ARGUMENT", intent.name, "a lease registers exactly one endpoint"));
  }
  if (event.notAfter <= event.at) {
    return out.refuse(refusal("ERR_INVALID_ARGUMENT", intent.name, "the lease has ended already"));
  }
  const lease = { id: event.lease, notAfter: Math.min(event.notAfter, event.at + LIMITS.leaseMs) };
  const held = view.lease(event.lease);
  const known = view.services.get(intent.name);
  const endpoint = known?.endpoints.find((one) => one.url === url);
  if (endpoint !== undefined && held?.service === intent.name && held.url === url) {
    if (endpoint.lease?.notAfter === lease.notAfter) return;
    return out.push({ kind: "service.endpoint", name: intent.name, endpoint: { ...endpoint, lease } });
  }
  const urls = new Set([url, ...(known?.endpoints ?? []).map((one) => one.url)]);
  const whole = checkIntent({ ...intent, endpoints: [...urls] }, view.node);
  if (!whole.ok) return out.refuse(whole.refusal);
  const refused = new Claims(view).refusal(intent);
  if (refused !== undefined) return out.refuse(refused);
  // The same lease for something else: its holder moved.
  const moved = held !== undefined && held.service === intent.name ? held.url : undefined;
  if (held !== undefined && moved === undefined) withdraw([held], view, out);
  const now: Endpoint = { ...(endpoint ?? freshEndpoint(url, intent.probe)), lease };
  const others = (known?.endpoints ?? []).filter((one) => one.url !== url && one.url !== moved);
  const service = serviceOf(intent, [...others, now], known);
  const same = known !== undefined && moved === undefined && equal(describe(service), describe(known));
  if (same) out.push({ kind: "service.endpoint", name: intent.name, endpoint: now });
  else out.push({ kind: "service.set", service });
}

/** What a registration says of the service beside its endpoints. */
const describe = (service: Service) => ({ ...intentOf(service), endpoints: [] });

/** Takes endpoints away; a service that has none left goes too. */
function withdraw(ended: Iterable<Held>, view: StateView, out: Out): void {
  const byService = new Map<ServiceName, Set<string>>();
  for (const { service, url } of ended) {
    byService.set(service, (byService.get(service) ?? new Set()).add(url));
  }
  for (const [name, urls] of byService) {
    const left = view.services.get(name)?.endpoints.some(({ url }) => !urls.has(url)) ?? false;
    if (!left) out.push({ kind: "service.delete", name });
    else for (const url of urls) out.push({ kind: "service.endpoint.delete", name, url });
  }
}
