// Reaches a peer: TCP, TLS 1.3 under the server name that tells the other side who calls, and the judgement of its certificate, before
// a byte of HTTP is sent. The host in the address is only the way there; who answers is proved by SPIFFE name, never by DNS.

import type { Duplex } from "node:stream";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { Clock } from "#kernel";
import { CatalystError, type ConnectOptions, connectOver, type Session } from "#rpc";
import type { OrgName } from "#routing";
import { WireError } from "../link.ts";
import { serverName } from "./identity.ts";
import type { Reached } from "./meeting.ts";
import { prove } from "./proof.ts";
import { PEER_PROTOCOL, PEER_RPC_LIMITS, WIRE } from "./terms.ts";
import type { KnownPeer, Trust } from "./trust.ts";

export interface DialTerms {
  readonly organization: OrgName;
  readonly trust: Trust;
  readonly clock: Clock;
}

export interface Host {
  readonly host: string;
  readonly port: number;
}

/** Fails with `WireError`. */
export async function dialPeer(
  known: KnownPeer,
  address: string,
  signal: AbortSignal,
  terms: DialTerms,
): Promise<Reached> {
  const { clock } = terms;
  return await attempt(address, signal, clock, async (at, within) => {
    const socket = start(known, at, terms);
    try {
      await secured(socket, within);
      const proof = prove(socket, (node) => (node === known.peer.node ? known : undefined));
      if ("refused" in proof)
        throw new WireError(`${known.peer.node} at ${address}: ${proof.refused}`, { auth: true });
      return { session: await upgrade(socket, address, within, { protocol: PEER_PROTOCOL, clock }), proof };
    } catch (error) {
      socket.destroy();
      throw error;
    }
  });
}

/** A dial, within the time that one may take. Whatever it fails with becomes a `WireError`. */
export async function attempt<T>(
  address: string,
  signal: AbortSignal,
  clock: Clock,
  dial: (at: Host, within: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const cancel = clock.after(WIRE.dialMs, () =>
    late.abort(new WireError(`no answer at ${address} within ${WIRE.dialMs} ms`, { auth: false })),
  );
  try {
    const [, host, port] = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(address) ?? [];
    if (host === undefined) throw new WireError(`"${address}" is no address`, { auth: false });
    return await dial({ host, port: Number(port) }, AbortSignal.any([signal, late.signal]));
  } catch (error) {
    throw asWireError(error, address, late.signal);
  } finally {
    cancel();
  }
}

function start(known: KnownPeer, at: Host, { trust, organization }: DialTerms): TLSSocket {
  const secureContext = trust.dialling(known);
  if (secureContext === undefined) throw new WireError("this node has no certificate", { auth: true });
  return connectTls({
    ...at,
    servername: serverName(organization, known.peer.node),
    secureContext,
    minVersion: "TLSv1.3",
    ALPNProtocols: [PEER_PROTOCOL],
    // Both judged in `prove`, by SPIFFE name.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  });
}

async function secured(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const stop = (): void => reject(signal.reason);
  socket.once("secureConnect", () => resolve(undefined));
  socket.once("close", () => reject(new Error("the connection was closed within the handshake")));
  // Stays: what goes wrong later is seen by the session.
  socket.on("error", reject);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  try {
    await promise;
    socket.setNoDelay(true);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** The WebSocket and its session, over a connection that stands or is about to. */
export async function upgrade(
  socket: Duplex,
  address: string,
  signal: AbortSignal,
  more: Pick<ConnectOptions, "protocol" | "headers" | "clock">,
): Promise<Session> {
  return await connectOver(() => socket, address, address, {
    ...more,
    bytes: true,
    limits: PEER_RPC_LIMITS,
    // Hold and keepalive belong to the session.
    keepaliveMs: 0,
    deadlineMs: WIRE.callMs,
    connectMs: WIRE.dialMs,
    signal,
  });
}

/** The alert of a peering port that speaks without TLS (`open-gate.ts`); one that asks for certificates never sends it. */
const NO_PROTOCOL = "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL";

function asWireError(error: unknown, address: string, late: AbortSignal): WireError {
  if (error instanceof WireError) return error;
  if (late.reason instanceof WireError) return late.reason;
  switch (statusOf(error)) {
    case 403:
      return new WireError(`${address} refuses the certificate of this node`, { auth: true, cause: error });
    case 404:
      // It may become one there at any time, so it is asked again.
      return new WireError(`this node is no peer of the one at ${address}`, { auth: false, cause: error });
    case 503:
      return new WireError(`${address} has too many connections of this node`, { auth: false, cause: error });
  }
  const cause = error instanceof CatalystError && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof Error && "code" in cause && cause.code === NO_PROTOCOL) {
    const text = `the node at ${address} asks for no certificates, as with identity.mode none, and this one does`;
    return new WireError(text, { auth: false, notice: "unproven", cause: error });
  }
  const text = cause instanceof Error ? cause.message : String(cause);
  return new WireError(`nothing answers at ${address}: ${text}`, { auth: false, cause: error });
}

function statusOf(error: unknown): unknown {
  const detail = error instanceof CatalystError ? error.detail : undefined;
  return typeof detail === "object" && detail !== null && "status" in detail ? detail.status : undefined;
}
