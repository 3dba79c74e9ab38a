// What is kept over a restart of the words of peers, as the driver of sessions and the store see it. Invariant: routes and the place of
// a peer's words are of one moment. Follows docs/internals/session.md section 9.

import type { Millis } from "#kernel";
import type { Frame, FrameHead, NodeName, Route, Routes, Speaker } from "#routing";

/** A frame as it came. */
export interface Original {
  readonly head: FrameHead;
  readonly bytes: Uint8Array;
}

/** What is kept of the words of peers over a restart. */
export interface LearnedPort {
  told(node: NodeName, told: Routes, original: Original | undefined): void;
  /** What was kept of a peer, where its words stood, and since when it is away. Once, at its first configuration. */
  restore(node: NodeName): Kept;
  forget(node: NodeName): void;
}
export interface Kept {
  readonly routes: readonly Route[];
  readonly place: Place | undefined;
  readonly since: Millis | undefined;
}
/** Where a peer's words stand, and how many routes it holds here, those included that were refused. */
export interface Standing {
  readonly place: Place | undefined;
  readonly routes: number;
  /** When it was lost, while what it told is kept without it. */
  readonly since: Millis | undefined;
}
export type ReadFrame =
  | { readonly ok: true; readonly frame: Frame }
  | { readonly ok: false; readonly reason: string };
export type Place = NonNullable<ReturnType<Speaker["place"]>>;
