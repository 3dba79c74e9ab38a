// Verification keys: what the auth part last told goes into the state and from there to Envoy's ingress. The
// same keys told again (a restarted auth part does) change nothing, so Envoy hears nothing.

import type { Effect, Event, NodePlugin, TrustKeys } from "#routing";

export function keys(): NodePlugin {
  return {
    name: "keys",
    apiVersion: 1,
    handles: ["keys.changed"] satisfies Event["kind"][],
    apply(event, view, out) {
      if (event.kind !== "keys.changed" || sameKeys(event.keys, view.keys)) return;
      out.push({ kind: "keys.set", keys: event.keys });
    },
    react(commit, _view, out) {
      const changed = commit.changes.keys;
      if (changed === undefined) return;
      out.push({ kind: "envoy.keys", key: "keys", want: changed.after } satisfies Effect);
    },
  };
}

/** The revision is the auth part's own counter; only what verifies counts. */
function sameKeys(a: TrustKeys, b: TrustKeys | undefined): boolean {
  return b !== undefined && a.issuer === b.issuer && a.audience === b.audience && a.jwks === b.jwks;
}
