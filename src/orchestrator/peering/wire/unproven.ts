// What is peculiar to connections between nodes that ask nobody for proof (`identity.mode: none`), and what is said where such a node
// meets one that does ask.

/**
 * Between nodes that ask nobody for proof (`identity.mode: none`). Another subprotocol, in the clear: a connection of one kind can
 * never be taken for one of the other, whatever stands in between.
 */
export const OPEN_PROTOCOL = "catalyst.peer-unproven.1";
/** Who calls, in the upgrade request of that protocol: a claim. */
export const CLAIM_HEADER = "x-catalyst-node";

/** What a refusal adds when one side asks for proof and the other has none to give. */
export const UNPROVEN = {
  code: "ERR_PEER_UNPROVEN",
  hint: "give both nodes the same identity.mode: none speaks with none only",
} as const;
