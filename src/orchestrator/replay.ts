// A record stepped through a fresh event loop with the same plugins and no effects: the same states, or the line where they part.

import { setImmediate as later } from "node:timers";
import { type Ports, Loop, replay, type RecordHead, type Replayed } from "#kernel";
import { CatalystError, isErrorCode } from "#rpc";
import { type NodePlugin, type NodeTypes, State } from "#routing";
import { builtInPlugins } from "./plugins/index.ts";
import { systemClock, systemRandom } from "./ports.ts";

const nothing = (): void => {};
const ports: Ports = {
  clock: systemClock,
  random: systemRandom,
  log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
};

/** `partial`: a record without its last line, as a killed node leaves it, is replayed as far as it goes. */
export async function replayRecord(
  lines: AsyncIterable<string> | Iterable<string>,
  outside: readonly NodePlugin[] = [],
): Promise<Replayed> {
  const open = (head: RecordHead): Loop<NodeTypes> =>
    new Loop<NodeTypes>({
      store: new State(head.node),
      plugins: builtInPlugins(),
      outside,
      ports,
      schedule: (run) => void later(run),
      effects: false,
    });
  try {
    return await replay(lines, { open, partial: true });
  } catch (error) {
    // The kernel's own error, with a code of the product's union.
    if (!(error instanceof Error) || !("code" in error) || !isErrorCode(error.code)) throw error;
    throw new CatalystError(error.code, error.message, { cause: error });
  }
}
