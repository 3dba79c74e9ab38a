// Gives back what the start of a process left behind: modules were read, compiled and parsed, and an idle V8 collects nothing by
// itself, so this garbage would stay for as long as the node is idle. One collection, once, when nobody waits for anything. Before
// it what was compiled is written down for the next start; else only a process that ends in order would do so.

import { flushCompileCache } from "node:module";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock } from "#kernel";

/** After the start, when the first probes and schemas are read as well. */
const SETTLED_MS = 3_000;

export function collectAfterStart(clock: Clock): () => void {
  return clock.after(SETTLED_MS, () => {
    flushCompileCache();
    setFlagsFromString("--expose-gc");
    const collect: unknown = runInNewContext("gc");
    if (typeof collect === "function") collect();
    setFlagsFromString("--no-expose-gc");
  });
}
