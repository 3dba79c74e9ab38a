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

/** Plugins from outside that a record was made with, by name; asked only when there are any. */
export type OutsidePlugins = (names: readonly string[], node: string) => Promise<readonly NodePlugin[]>;

/** A record without its last line, as a killed node leaves it, is replayed as far as it goes. */
export async function replayRecord(
  lines: AsyncIterable<string>,
  plugins: OutsidePlugins = () => Promise.resolve([]),
): Promise<Replayed> {
  const iterator = lines[Symbol.asyncIterator]();
  const first = await iterator.next();
  const outside = first.done === true ? [] : await outsideOf(first.value, plugins);
  async function* whole(): AsyncIterable<string> {
    if (first.done === true) return;
    yield first.value;
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
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
    return await replay(whole(), { open, partial: true });
  } catch (error) {
    // The kernel's own error, with a code of the product's union.
    if (!(error instanceof Error) || !("code" in error) || !isErrorCode(error.code)) throw error;
    throw new CatalystError(error.code, error.message, { cause: error });
  }
}

/** What the head names beyond the built-in ones; a head that cannot be read is the replay's to refuse. */
async function outsideOf(line: string, plugins: OutsidePlugins): Promise<readonly NodePlugin[]> {
  try {
    const head = JSON.parse(line) as { plugins?: unknown; node?: unknown };
    const builtIn = new Set(builtInPlugins().map(({ name }) => name));
    const names = (Array.isArray(head.plugins) ? head.plugins : []).map(String);
    const missing = names.filter((name) => !builtIn.has(name));
    return missing.length === 0 ? [] : await plugins(missing, String(head.node));
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}
