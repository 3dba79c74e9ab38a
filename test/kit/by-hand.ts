// One end of a session in a test's own hands: a link whose other side takes everything and says nothing by itself, what such a side
// hears, and the first words it would say. A test gives the one call it is about.

import type { Open } from "#routing";
import type { LinkHandler, PeerLink } from "../../src/orchestrator/peering/link.ts";
import { organizationOf } from "./peer-node.ts";

export const linkTo = (node: string, some: Partial<PeerLink> = {}): PeerLink => ({
  node,
  remote: `${node}:7443`,
  notAfter: Number.MAX_SAFE_INTEGER,
  frame: async ({ seq }) => ({ acked: seq, credit: 8 }),
  alive: async (progress) => progress,
  digest: async () => ({ same: true }),
  refresh: async () => {},
  blob: () => Promise.reject(new Error("no content")),
  notify: async () => {},
  ping: () => {},
  close: () => {},
  ...some,
});

export const hearing = (some: Partial<LinkHandler> = {}): LinkHandler => ({
  frame: async ({ seq }) => ({ acked: seq, credit: 8 }),
  alive: (progress) => progress,
  digest: async () => ({ same: true }),
  refresh: () => {},
  blob: () => Promise.reject(new Error("no content")),
  keys: async () => ({ keys: [] }),
  notify: () => {},
  heard: () => {},
  closed: () => {},
  ...some,
});

/** Of a node to one of another organization, unless another role is given. */
export const openOf = (node: string, some: Partial<Open> = {}): Open => ({
  versions: [1, 1],
  node,
  organization: organizationOf(node),
  incarnation: "one",
  role: "lateral",
  holdMs: 30_000,
  sendHoldMs: 60_000,
  encodings: ["identity"],
  limits: { routes: 10_000, rate: 100_000, bytes: 1 << 24, pathLength: 16 },
  capabilities: {},
  ...some,
});
