// Reaches a peer: TCP, TLS 1.3 under the server name that tells the other side who calls, and the judgement of its certificate, before
// a byte of HTTP is sent. The host in the address is only the way there; who answers is proved by SPIFFE name, never by DNS.

import type { Duplex } from "node:stream";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { Clock } from "#kernel";
import { CatalystError, connectOver, type Session } from "#rpc";
import type { OrgName } from "#routing";
import { WireError } from "../link.ts";
import { serverName } from "./identity.ts";
import { type Proof, prove } from "./proof.ts";
import { PEER_PROTOCOL, PEER_RPC_LIMITS, WIRE } from "./terms.ts";
import type { KnownPeer, Trust } from "./trust.ts";

export interface DialTerms {
  readonly organization: OrgName;
  readonly trust: Trust;
  readonly clock: Clock;
}

interface Reached {
  readonly session: Session;
  readonly proof: Proof;
}

/** Fails with `WireError`. */
export async function dialPeer(
  known: KnownPeer,
  address: string,
  signal: AbortSignal,
  terms: DialTerms,
): Promise<Reached> {
  const late = new AbortController();
  const cancel = terms.clock.after(WIRE.dialMs, () =>
    late.abort(new WireError(`no answer at ${address} within ${WIRE.dialMs} ms`, { auth: false })),
  );
  const within = AbortSignal.any([signal, late.signal]);
  let socket: TLSSocket | undefined;
  try {
    socket = start(known, address, terms);
    await secured(socket, within);
    const proof = prove(socket, (node) => (node === known.peer.node ? known : undefined));
    if ("refused" in proof)
      throw new WireError(`${known.peer.node} at ${address}: ${proof.refused}`, { auth: true });
    const session = await upgrade(socket, address, within, terms.clock);
    return { session, proof };
  } catch (error) {
    socket?.destroy();
    throw asWireError(error, address, late.signal);
  } finally {
    cancel();
  }
}

function start(known: KnownPeer, address: string, { trust, organization }: DialTerms): TLSSocket {
  const secureContext = trust.dialling(known);
  if (secureContext === undefined) throw new WireError("this node has no certificate", { auth: true });
  const [, host, port] = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(address) ?? [];
  if (host === undefined) throw new WireError(`"${address}" is no address`, { auth: false });
  return connectTls({
    host,
    port: Number(port),
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

async function upgrade(
  socket: TLSSocket,
  address: string,
  signal: AbortSignal,
  clock: Clock,
): Promise<Session> {
  const reach = (): Duplex => socket;
  return await connectOver(reach, address, address, {
    protocol: PEER_PROTOCOL,
    bytes: true,
    limits: PEER_RPC_LIMITS,
    // Hold and keepalive belong to the session.
    keepaliveMs: 0,
    deadlineMs: WIRE.callMs,
    connectMs: WIRE.dialMs,
    clock,
    signal,
  });
}

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
  const text = cause instanceof Error ? cause.message : String(cause);
  return new WireError(`nothing answers at ${address}: ${text}`, { auth: false, cause: error });
}

function statusOf(error: unknown): unknown {
  const detail = error instanceof CatalystError ? error.detail : undefined;
  return typeof detail === "object" && detail !== null && "status" in detail ? detail.status : undefined;
}
