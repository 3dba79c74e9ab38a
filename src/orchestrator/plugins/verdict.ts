// What the gateway or Envoy refused, noted on the services, so that `status` and `service show` tell why one
// is left out. Each verdict replaces the earlier one of the same part: services that are in it no more are
// free again.

import type { IServicePlugin } from "#routing";

export function verdict(): IServicePlugin {
  return {
    name: "verdict",
    apiVersion: 1,
    handles: ["verdict"],
    apply(event, view, out) {
      if (event.kind !== "verdict") return;
      const { by } = event;
      const named = new Map(event.quarantined.map((one) => [one.service, one]));
      for (const name of view.quarantined(by)) {
        if (!named.has(name)) out.push({ kind: "service.quarantine", name, by });
      }
      for (const { service: name, code, text } of named.values()) {
        const service = view.services.get(name);
        // Gone since the part was told of it.
        if (service === undefined) continue;
        const known = service.quarantine?.find((one) => one.by === by);
        if (known?.code === code && known.text === text) continue;
        out.push({ kind: "service.quarantine", name, by, because: { code, text } });
      }
    },
  };
}
