// `catalyst peer add NODE`: the node gets the text of the trust file, which is the client's and may be gone tomorrow. With --wait
// it answers when both sides have told each other everything, or says why not.

import type { PeerAdd, PeerRecord } from "#rpc";
import { type NodeClient, withNode } from "../client.ts";
import { usage } from "../failure.ts";
import { durationFlag, fileText, numberFlag } from "../input.ts";
import { peerText } from "../render/peers.ts";
import type { Answer, Call } from "../verb.ts";

const POLL_MS = 100;
const ROLES = ["internal", "provider", "customer", "lateral"] as const;
const ON_LOSS = ["keep", "depreference", "withdraw"] as const;

export async function run(call: Call): Promise<Answer> {
  const waitMs = durationFlag(call, "wait") ?? 0;
  const request = requestOf(call);
  const peer = await withNode(call, async (node) => {
    const added = await node.call("peer.add", request);
    return waitMs === 0 ? added : await untilSynced(node, added, waitMs, call.signal);
  });
  return {
    data: peer,
    text: (style) => peerText(peer, style),
    ...(waitMs === 0 || peer.session.state === "synced"
      ? {}
      : { note: `${peer.node} is added, but not synced yet; see: catalyst peer show ${peer.node}` }),
  };
}

function requestOf(call: Call): PeerAdd {
  const { args, flags } = call;
  const [address, trust, hold] = [flags.text("address"), flags.text("trust"), flags.text("hold")];
  const role = oneOf("role", flags.text("role"), ROLES);
  const onLoss = oneOf("on-loss", flags.text("on-loss"), ON_LOSS);
  const routes = numberFlag(call, "max-routes");
  return {
    node: args[0] ?? "",
    ...(address === undefined ? {} : { address }),
    ...(trust === undefined ? {} : { trust: `${fileText(trust, "trust")}\n` }),
    ...(role === undefined ? {} : { role }),
    ...(onLoss === undefined ? {} : { onLoss }),
    ...(hold === undefined ? {} : { hold }),
    ...(routes === undefined ? {} : { limits: { routes } }),
  };
}

export function oneOf<T extends string>(
  flag: string,
  text: string | undefined,
  all: readonly T[],
): T | undefined {
  if (text === undefined) return undefined;
  const found = all.find((each) => each === text);
  if (found === undefined) throw usage(`--${flag} must be one of ${all.join(", ")}, is "${text}"`);
  return found;
}

async function untilSynced(
  node: NodeClient,
  added: PeerRecord,
  waitMs: number,
  signal: AbortSignal,
): Promise<PeerRecord> {
  const until = performance.now() + waitMs;
  let peer = added;
  while (peer.session.state !== "synced" && performance.now() < until) {
    signal.throwIfAborted();
    // Nothing but a person can end that wait.
    if (peer.session.waits === "operator") return peer;
    await new Promise((resolve) => void setTimeout(resolve, POLL_MS));
    peer = await node.call("peer.show", { node: added.node });
  }
  return peer;
}
