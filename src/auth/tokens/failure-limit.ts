// Counts bad signatures per sender, because each one costs half a millisecond of processor and costs the sender nothing. Who
// sends too many is refused without a check for a moment; all others are unharmed. Follows docs/internals/identity.md section 3.
// Invariant: memory is bounded; a sender that is forgotten starts with a full allowance.

import { BAD_SIGNATURES_BURST, BAD_SIGNATURES_PER_S, SENDERS_MAX } from "../limits.ts";

export class FailureLimit {
  readonly #senders = new Map<string, { left: number; at: number }>();

  /** Whether a token of this sender may be checked now. */
  allows(sender: string, now: number): boolean {
    const known = this.#senders.get(sender);
    return known === undefined || refilled(known, now) >= 1;
  }

  failed(sender: string, now: number): void {
    const known = this.#senders.get(sender);
    const left = known === undefined ? BAD_SIGNATURES_BURST : refilled(known, now);
    this.#senders.delete(sender);
    this.#senders.set(sender, { left: left - 1, at: now });
    if (this.#senders.size <= SENDERS_MAX) return;
    const [oldest] = this.#senders.keys();
    if (oldest !== undefined) this.#senders.delete(oldest);
  }
}

const refilled = (known: { left: number; at: number }, now: number): number =>
  Math.min(BAD_SIGNATURES_BURST, known.left + ((now - known.at) / 1_000) * BAD_SIGNATURES_PER_S);
