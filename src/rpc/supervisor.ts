// What the supervisor process and the orchestrator tell each other in `split` mode: newline-delimited JSON over the child's
// IPC-free pipe pair `run/supervisor.sock` (0600). Small on purpose, so that the supervisor needs no heavy import.

import type { PartName, PartStatus } from "./admin.ts";

export type ToSupervisor =
  | { readonly kind: "hello"; readonly part: PartName; readonly pid: number }
  /** The part's own word on its health; "ready" after its probe would answer. */
  | { readonly kind: "state"; readonly part: PartName; readonly ready: boolean; readonly reason?: string }
  /** The answer to "ask", from the part's event loop. */
  | { readonly kind: "alive" }
  | { readonly kind: "restart"; readonly part: PartName };

export type FromSupervisor =
  /** Whether the part's event loop still turns. */
  | { readonly kind: "ask" }
  /** The whole picture, after every change. */
  | { readonly kind: "parts"; readonly parts: readonly PartStatus[] };
