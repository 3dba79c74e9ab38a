// Whether plugins from outside fit beside the built-in ones: names, what each requires, kinds of effects. Asked of the loop itself,
// before a node starts, so that what does not fit is an error of the start and not of a part that ends again and again.

import { setImmediate as later } from "node:timers";
import { Loop } from "#kernel";
import { type NodeName, type NodePlugin, type NodeTypes, State } from "#routing";
import { CatalystError, isErrorCode } from "#rpc";
import { systemClock, systemRandom } from "../ports.ts";
import { builtInPlugins } from "./index.ts";

const nothing = (): void => {};
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** Throws ERR_PLUGIN_LOAD. Nothing runs: no event, no effect. */
export function tryTogether(outside: readonly NodePlugin[], node: NodeName): void {
  try {
    new Loop<NodeTypes>({
      store: new State(node),
      plugins: builtInPlugins(),
      outside,
      ports: { clock: systemClock, random: systemRandom, log },
      schedule: (run) => void later(run),
      effects: false,
    });
  } catch (error) {
    // The kernel's own error, with a code of the product's union.
    if (!(error instanceof Error) || !("code" in error) || !isErrorCode(error.code)) throw error;
    const hint = "hint" in error && typeof error.hint === "string" ? { hint: error.hint } : {};
    throw new CatalystError(error.code, error.message, { cause: error, ...hint });
  }
}
