// Defects that can be put into simulated nodes: a harness that does not find them proves nothing. Follows docs/internals/session.md
// section 8.

export const BUGS = [
  /** The end mark sweeps nothing. */
  "no-sweep",
  /** What a peer told stays when the peering is taken down. */
  "stale-for-ever",
  /** A route goes to whom its role forbids. */
  "role-leak",
  "scope-leak",
  /** Rules change and nothing is judged anew. */
  "rules-not-rerun",
  /** Under loss: gaps in the sequence are not seen, and nothing is compared. */
  "no-sequence-no-digest",
  /** Under loss: gaps are not seen; comparisons find what is missing, so this one must pass. */
  "no-sequence",
  /** Comparisons repair it, and that they had to is the finding. */
  "no-withdraw",
] as const;

export type Bug = (typeof BUGS)[number];
