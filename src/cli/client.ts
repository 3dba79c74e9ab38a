// The calling end of the admin interface: finds the node, opens one session, ends it. A node that authenticates nobody is
// marked on every screen that speaks to it, also when the answer is about something else.

import {
  type AdminApi,
  type AdminVerb,
  type AdminVerbs,
  CatalystError,
  OWN_PARTS_RPC_LIMITS,
  type Session,
  connect,
} from "#rpc";
import { type NodeAddress, findNode, unreachable } from "./node.ts";
import type { Call } from "./verb.ts";

export interface NodeClient {
  readonly address: NodeAddress;
  readonly session: Session<AdminApi>;
  call<V extends AdminVerb>(
    verb: V,
    args: AdminVerbs[V]["args"],
    deadlineMs?: number,
  ): Promise<AdminVerbs[V]["result"]>;
}

export const NONE_MARK =
  "warning: identity.mode is none: this node asks nobody who they are; for connectivity tests only";

/** Runs `use` with a session to the node; ends the session whatever happens. */
export async function withNode<T>(call: Call, use: (node: NodeClient) => Promise<T>): Promise<T> {
  const node = await connectNode(call);
  // Asked beside the verb's own question: it costs no round trip more.
  const marked = markNone(node, call);
  try {
    const result = await use(node);
    await marked;
    return result;
  } finally {
    node.session.close();
  }
}

/** Connects without asking anything; the caller closes `session`. */
export async function connectNode(call: Call): Promise<NodeClient> {
  const address = await findNode(call);
  const { timeoutMs } = call.globals;
  let session: Session<AdminApi>;
  try {
    // The node is the operator's own: a table of 100,000 routes is one answer.
    const limits = OWN_PARTS_RPC_LIMITS;
    const options = { deadlineMs: timeoutMs, connectMs: timeoutMs, signal: call.signal, limits };
    session = await connect<AdminApi>({ unix: address.adminSock }, options);
  } catch (cause) {
    call.signal.throwIfAborted();
    throw unreachable(`no node answers in ${address.dataDir}`, rootOf(cause));
  }
  return {
    address,
    session,
    call: (verb, args, deadlineMs) =>
      (deadlineMs === undefined ? session.stub : session.within(deadlineMs)).call(verb, args),
  };
}

/** The innermost cause: "connect ENOENT …" says more than "nothing answers". */
function rootOf(error: unknown): unknown {
  let at = error;
  while (at instanceof Error && at.cause instanceof Error) at = at.cause;
  return at;
}

async function markNone(node: NodeClient, { out, verb }: Call): Promise<void> {
  try {
    const { identity } = await node.call("identity", {});
    if (identity === "none" && verb.name !== "status") out.warn(out.errorStyle.yellow(NONE_MARK));
  } catch (error) {
    // The verb's own call fails in the same way and says it.
    if (!(error instanceof CatalystError)) throw error;
  }
}
