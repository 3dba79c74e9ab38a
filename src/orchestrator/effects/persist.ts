// Runner of the `persist` effects: what the node itself owns goes to `state.db`, all changes of a moment in one transaction.
// It works after the event loop's turn, and waits for the disk without holding up the process: a new service is probed and goes to
// Envoy meanwhile. Invariant: an effect is done when it is on disk.

import { setImmediate } from "node:timers/promises";
import type { BatchRunner } from "#kernel";
import type { Effect } from "#routing";
import type { Store } from "../store/store.ts";

type PersistEffect = Extract<Effect, { kind: "persist" }>;

export const persistRunner = (store: Pick<Store, "saveIntents" | "flushed">): BatchRunner<PersistEffect> => ({
  report: "changes",
  batch: async (effects) => {
    await setImmediate();
    try {
      store.saveIntents(effects.map((effect) => [effect.key, effect.want] as const));
      await store.flushed();
      return { ok: true };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return { ok: false, code: "ERR_INTERNAL", text: `state.db cannot be written: ${text}`, retry: true };
    }
  },
});
