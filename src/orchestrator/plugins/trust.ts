// Whose certificates Envoy believes: for each organization with peers exactly these nodes, by the CA certificates its file holds,
// or by name alone where no node proves anything (`identity.mode: none`); and by which certificate this node is known. Both are
// files with a hash of what was in them, so that a changed file is a changed want and no secret is in the state.
// Invariant: a node without trust of its own is in no list.

import { equal } from "#kernel";
import type { EnvoyTrustWant, IRouteTablePlugin, OrgName, PeerIntent, StateView } from "#routing";

export function trust(): IRouteTablePlugin {
  return {
    name: "trust",
    apiVersion: 1,
    handles: ["node.certificate"],
    apply(event, view, out) {
      if (event.kind !== "node.certificate") return;
      const own = view.routes.received(view.node);
      if (own === undefined || equal(own.terms.certificate, event.certificate)) return;
      out.push({ kind: "peer.set", terms: { ...own.terms, certificate: event.certificate } });
    },
    react({ changes: { peers } }, view, out) {
      const moved = new Set<OrgName>();
      for (const [node, { before, after }] of peers) {
        if (node === view.node) {
          if (!equal(before?.certificate, after?.certificate))
            out.push({ kind: "envoy.node-cert", key: "node", want: after?.certificate });
        } else if (!equal(before?.trust, after?.trust)) {
          moved.add(after?.organization ?? before?.organization ?? "");
        }
      }
      for (const key of moved) out.push({ kind: "envoy.trust", key, want: trustWant(key, view) });
    },
  };
}

/** An organization has one trust; where its peers name several, that of its first node holds for all. */
function trustWant(organization: OrgName, view: Pick<StateView, "routes">): EnvoyTrustWant | undefined {
  const nodes: string[] = [];
  let first: { readonly node: string; readonly trust: NonNullable<PeerIntent["trust"]> } | undefined;
  for (const { terms } of view.routes.peers()) {
    const { node, trust: held } = terms;
    if (terms.local === true || terms.organization !== organization || held === undefined) continue;
    nodes.push(node);
    if (first === undefined || node < first.node) first = { node, trust: held };
  }
  return first === undefined ? undefined : { organization, nodes: nodes.sort(), ...first.trust };
}
