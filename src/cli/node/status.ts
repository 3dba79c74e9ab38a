// `catalyst status [--watch]`: the node on one screen. Watching draws again with every event (and once a second, for what only
// time changes), finds a node that was restarted again, and leaves the terminal as it was.

import type { EventRecord, NodeStatus, ServiceRecord } from "#rpc";
import { type NodeClient, connectNode, withNode } from "../client.ts";
import { asCatalystError } from "../failure.ts";
import { screenText } from "../render/screen.ts";
import { statusText } from "../render/status.ts";
import type { Answer, Call } from "../verb.ts";

interface Picture {
  readonly status: NodeStatus;
  readonly services: readonly ServiceRecord[];
  readonly events: readonly EventRecord[];
}

/** Events that stand below a watched screen. */
const RECENT = 8;
const REDRAW_MS = 1_000;

async function ask(node: NodeClient, recent: number): Promise<Picture> {
  const [status, services, events] = await Promise.all([
    node.call("status", {}),
    node.call("service.list", {}),
    recent === 0 ? [] : node.call("events", { limit: recent }),
  ]);
  return { status, services, events };
}

export async function run(call: Call): Promise<Answer | number> {
  if (call.flags.on("watch")) return await watch(call);
  const { status, services } = await withNode(call, (node) => ask(node, 0));
  return { data: status, text: (style) => statusText(status, services, style) };
}

async function watch(call: Call): Promise<number> {
  const { out, signal } = call;
  const screen = out.isTerminal && !out.json;
  // The second screen of the terminal: what stood there comes back at the end.
  if (screen) out.raw("\u001b[?1049h\u001b[?25l");
  try {
    while (!signal.aborted) await watchSession(call, screen);
  } finally {
    if (screen) out.raw("\u001b[?25h\u001b[?1049l");
  }
  return 0;
}

/** Draws until the session or the watching ends; a node that is away is looked for again. */
async function watchSession(call: Call, screen: boolean): Promise<void> {
  const { out, signal } = call;
  let node: NodeClient | undefined;
  try {
    node = await connectNode(call);
    const woken = new Bell(signal);
    await node.session.stub.follow({}, () => woken.ring());
    void node.session.closed.then(() => woken.ring());
    while (!signal.aborted && !node.session.signal.aborted) {
      const picture = await ask(node, RECENT);
      draw(call, picture, screen);
      // Without a screen only events are worth another picture.
      await woken.wait(screen ? REDRAW_MS : undefined);
    }
  } catch (error) {
    if (signal.aborted) return;
    const failure = asCatalystError(error);
    const lost = failure.code === "ERR_NODE_UNREACHABLE" || failure.code.startsWith("ERR_RPC_");
    if (!lost) throw failure;
    if (screen) out.raw(`\u001b[H\u001b[J${out.style.red("away")}  ${failure.message}; looking for it ...\n`);
    else out.note(failure.message);
    await new Bell(signal).wait(REDRAW_MS);
  } finally {
    node?.session.close();
  }
}

function draw({ out, signal }: Call, { status, services, events }: Picture, screen: boolean): void {
  if (signal.aborted) return;
  if (!screen) return out.record(status, (style) => `${statusText(status, services, style)}\n`);
  const { columns, rows } = out.screen;
  const text = screenText(status, services, events, { ...out.style, width: columns }, rows - 1);
  // Each line is cleared behind its end, the rest of the screen at last: no flicker between two pictures.
  out.raw(`\u001b[H${text.replaceAll("\n", "\u001b[K\n")}\u001b[K\n\u001b[J`);
}

/** Wakes one waiter; a ring before the wait is not lost, several are one. */
class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  constructor(signal: AbortSignal) {
    signal.addEventListener("abort", () => this.ring(), { once: true });
    this.#rung = signal.aborted;
  }

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  async wait(ms: number | undefined): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (ms !== undefined) timer = setTimeout(resolve, ms);
      });
    }
    clearTimeout(timer);
    this.#rung = false;
    this.#wake = undefined;
  }
}
