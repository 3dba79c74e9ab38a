// What a route received from a peer costs in processor time, the whole way: TLS, WebSocket, zstd frames of 500, check, parse, a hundred
// import rules, decision, commit, and the journal in SQLite. Two nodes' worth of the product in two processes; the receiver is
// measured. The figure to reach: 6 us a route. Run: npm run bench -- peering cost [ROUTES]

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Received, ReceiveOrder } from "./receive.ts";
import type { TellOrder } from "./tell.ts";

const REQUIRED_US = 6;
const ROUNDS = 3;

interface Round extends Received {
  /** Of the one that tells. */
  readonly tellUs: number;
}

export async function cost(args: readonly string[]): Promise<void> {
  const count = Number(args.find((arg) => /^\d+$/.test(arg)) ?? 100_000);
  print(["routes", "journal", "us CPU receiver", "us CPU teller", "routes/s"]);
  let whole = Number.POSITIVE_INFINITY;
  for (const journal of [false, true]) {
    let best: Round | undefined;
    for (let round = 0; round < ROUNDS; round++) {
      const one = await measure({ count, journal });
      if (best === undefined || one.us < best.us) best = one;
    }
    if (best === undefined) continue;
    if (journal) whole = best.us;
    const cells = [best.us.toFixed(2), best.tellUs.toFixed(2), Math.round(count / best.seconds)];
    print([count, journal ? "yes" : "no", ...cells]);
  }
  const verdict = whole <= REQUIRED_US ? "reached" : "NOT reached";
  process.stdout.write(`\n${REQUIRED_US} us a route with journal: ${verdict}.\n`);
}

async function measure(order: ReceiveOrder): Promise<Round> {
  const receiver = start("receive.ts", order);
  let teller: ChildProcess | undefined;
  try {
    const [invitation] = (await once(receiver, "message")) as [TellOrder];
    teller = start("tell.ts", invitation);
    const told = once(teller, "message");
    const [received] = (await once(receiver, "message")) as [Received];
    const [{ us: tellUs }] = (await told) as [{ us: number }];
    if (received.paths !== order.count) throw new Error(`${received.paths} of ${order.count} arrived`);
    return { ...received, tellUs };
  } finally {
    teller?.kill("SIGKILL");
    receiver.kill("SIGKILL");
  }
}

const start = (file: string, order: ReceiveOrder | TellOrder): ChildProcess =>
  fork(join(import.meta.dirname, file), [JSON.stringify(order)], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });

const print = (cells: readonly (string | number)[]) =>
  process.stdout.write(`${cells.map((cell) => String(cell).padStart(16)).join("  ")}\n`);
