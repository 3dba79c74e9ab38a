// Which headers cross the border of a node. They go before anything else looks at a request, on the listener and not on its
// routes, so that no route can forget it: nobody outside may write what nodes tell each other, and no user's token leaves
// the node before tokens for peers exist (docs/reference/contracts.md section 4).

import type { Any, Messages } from "../generated/messages.ts";

type Matcher = Messages["envoy.type.matcher.v3.StringMatcher"];

const prefix = (text: string): Matcher => ({ prefix: text, ignore_case: true });
const exact = (text: string): Matcher => ({ exact: text, ignore_case: true });

/** Every x-catalyst-* but the path: RE2 knows no "but", so the name is spelt out. */
const ALL_BUT_PATH: Matcher = {
  safe_regex: {
    regex: "x-catalyst-(?:|[^p].*|p|p[^a].*|pa|pa[^t].*|pat|pat[^h].*|path.+)",
  },
};

const mutation = (matchers: readonly Matcher[]): Any => ({
  "@type":
    "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
  mutations: matchers.map((key_matcher) => ({ remove_on_match: { key_matcher } })),
});

/** From a peer. */
export const stripPeerHeaders = (): Any =>
  mutation([
    prefix("x-envoy-"),
    prefix("x-forwarded-"),
    prefix("x-internal-"),
    exact("x-real-ip"),
    exact("authorization"),
    exact("proxy-authorization"),
    ALL_BUT_PATH,
  ]);

/** From a program of this node. The path is written anew by the routes. */
export const stripEgressHeaders = (): Any =>
  mutation([
    exact("authorization"),
    exact("proxy-authorization"),
    prefix("x-envoy-"),
    prefix("x-forwarded-"),
    prefix("x-internal-"),
    prefix("x-catalyst-"),
  ]);
