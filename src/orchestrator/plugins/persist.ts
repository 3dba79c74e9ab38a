// What must survive a restart: services that the admin API added. The file keeps its own, SDK leases are
// registered again within a second, plugins declare theirs anew. Health and schema are knowledge, not intent:
// they are never written.

import type { IServicePlugin, Service, ServiceIntent } from "#routing";
import { intentOf, sameIntent } from "./intent.ts";

export function persist(): IServicePlugin {
  return {
    name: "persist",
    apiVersion: 1,
    react(commit, _view, out) {
      commit.changes.services.forEach(({ before, after }, key) => {
        const old = before?.owner.kind === "admin";
        const now = after?.owner.kind === "admin";
        if (!old && !now) return;
        if (old && now && sameIntent(before, after)) return;
        out.push({ kind: "persist", key, want: now ? intentOf(after) : undefined });
      });
    },
  };
}

export function persistWant(service: Service): ServiceIntent | undefined {
  return service.owner.kind === "admin" ? intentOf(service) : undefined;
}
