// Health from probe answers, with hysteresis: `probe.down` bad answers in a row take an endpoint out,
// `probe.up` good ones bring it back. An endpoint nobody knows yet is down at its first bad answer (it serves
// nobody, so there is nothing to protect from a single failure) and says why at once. An answer that changes
// nothing proposes nothing: steady probing costs no revision.

import { equal, type Out } from "#kernel";
import type { Effect, Endpoint, Event, IServicePlugin, Probe, ProbeWant, Service } from "#routing";

type Answer = Extract<Event, { kind: "probe.result" }>;

export function health(): IServicePlugin {
  return {
    name: "health",
    apiVersion: 1,
    handles: ["probe.result"],
    apply(event, view, out) {
      if (event.kind !== "probe.result") return;
      const service = view.services.get(event.service);
      const endpoint = service === undefined ? undefined : endpointAt(service.endpoints, event.endpoint);
      // A late answer about something that is gone, or that nobody probes any more.
      if (service === undefined || endpoint === undefined || service.probe.kind === "none") return;
      const next = judge(endpoint, event, service.probe);
      if (next !== endpoint) out.push({ kind: "service.endpoint", name: service.name, endpoint: next });
    },
    react(commit, _view, out) {
      commit.changes.services.forEach(({ before, after }) => probeChanges(before, after, out));
    },
  };
}

/** The endpoint after this answer; the same object when nothing changed. */
export function judge(endpoint: Endpoint, answer: Pick<Answer, "ok" | "reason">, probe: Probe): Endpoint {
  const { health: now, streak } = endpoint;
  if (answer.ok === (now === "up")) {
    if (now === "up") return streak === 0 ? endpoint : up(endpoint);
    // "down", or unknown, and not ok.
    const reason = answer.reason ?? "the probe failed";
    if (now === "down" && streak === 0 && endpoint.reason === reason) return endpoint;
    return down(endpoint, reason);
  }
  const against = streak + 1;
  if (answer.ok) return against >= probe.up ? up(endpoint) : { ...endpoint, streak: against };
  if (against >= probe.down) return down(endpoint, answer.reason ?? "the probe failed");
  return { ...endpoint, streak: against };
}

function up(endpoint: Endpoint): Endpoint {
  const { url, lease } = endpoint;
  return lease === undefined ? { url, health: "up", streak: 0 } : { url, health: "up", streak: 0, lease };
}

function down({ url, lease }: Endpoint, reason: string): Endpoint {
  const rest = { url, health: "down", streak: 0, reason } as const;
  return lease === undefined ? rest : { ...rest, lease };
}

function endpointAt(endpoints: readonly Endpoint[], url: string): Endpoint | undefined {
  for (const endpoint of endpoints) if (endpoint.url === url) return endpoint;
  return undefined;
}

/** One want per endpoint; endpoints whose health alone changed keep theirs. */
function probeChanges(before: Service | undefined, after: Service | undefined, out: Out<Effect>): void {
  if (before !== undefined && after !== undefined && before.probe === after.probe) {
    if (sameAddresses(before.endpoints, after.endpoints)) return;
  }
  const old = new Map((before === undefined ? [] : probesOf(before)).map((want) => [want.url, want]));
  for (const want of after === undefined ? [] : probesOf(after)) {
    const had = old.get(want.url);
    old.delete(want.url);
    if (!equal(had, want)) out.push({ kind: "probe", key: `${want.service} ${want.url}`, want });
  }
  for (const { service, url } of old.values())
    out.push({ kind: "probe", key: `${service} ${url}`, want: undefined });
}

function sameAddresses(a: readonly Endpoint[], b: readonly Endpoint[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i]?.url !== b[i]?.url) return false;
  return true;
}

/** What is to be probed of a service. */
export function probesOf(service: Service): ProbeWant[] {
  const { name, probe } = service;
  const { kind, path, intervalMs, timeoutMs } = probe;
  if (kind === "none") return [];
  const where = path === undefined ? {} : { path };
  return service.endpoints.map(({ url }) => ({ service: name, url, kind, ...where, intervalMs, timeoutMs }));
}
