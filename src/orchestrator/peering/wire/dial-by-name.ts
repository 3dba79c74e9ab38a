// Reaches a peer that proves nothing (`identity.mode: none`): TCP, and a WebSocket whose upgrade request claims this node's name. Where
// the other side hangs up without a word it is asked once whether it speaks TLS: a node that asks for certificates does, and that
// is no failure that another try heals.

import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Clock } from "#kernel";
import { CatalystError, type Session } from "#rpc";
import type { NodeName } from "#routing";
import { WireError } from "../link.ts";
import { attempt, type Host, upgrade } from "./dial.ts";
import { PEER_PROTOCOL } from "./terms.ts";
import { CLAIM_HEADER, OPEN_PROTOCOL } from "./unproven.ts";

/** Fails with `WireError`. */
export async function dialByName(
  own: NodeName,
  peer: NodeName,
  address: string,
  signal: AbortSignal,
  clock: Clock,
): Promise<Session> {
  return await attempt(address, signal, clock, async (at, within) => {
    const socket = connect({ ...at, noDelay: true });
    try {
      return await upgrade(socket, address, within, {
        protocol: OPEN_PROTOCOL,
        headers: { [CLAIM_HEADER]: own },
        clock,
      });
    } catch (error) {
      socket.destroy();
      if (!hungUp(error) || !(await speaksTls(at, within))) throw error;
      const text = `${peer} at ${address} asks for certificates, and this node runs with identity.mode none`;
      throw new WireError(text, { auth: false, notice: "unproven", cause: error });
    }
  });
}

/** It took the connection and ended it. */
function hungUp(error: unknown): boolean {
  const cause = error instanceof CatalystError ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && cause.code === "ECONNRESET";
}

/** Whether a handshake that names nobody is answered at all, be it by a refusal. */
async function speaksTls(at: Host, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  // Nothing is said on it, and nobody is believed.
  const socket = connectTls({ ...at, rejectUnauthorized: false, ALPNProtocols: [PEER_PROTOCOL] });
  const stop = (): void => void socket.destroy();
  socket.once("secureConnect", () => resolve(true));
  socket.once("error", (error) => resolve("code" in error && String(error.code).includes("_ALERT_")));
  socket.once("close", () => resolve(false));
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", stop);
    socket.destroy();
  }
}
