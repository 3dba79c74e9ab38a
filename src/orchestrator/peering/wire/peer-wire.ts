// Peers over real sockets: `PeerWire` made of the trust, the port, dials and links. It ends the links of a peer whose trust changed or
// that is removed; new ones are judged by what is then believed.
// Invariant: each link in `#links` belongs to a peer that is configured, and has proved so under its present trust.

import type { Clock, Log } from "#kernel";
import type { NodeName, OrgName } from "#routing";
import { peerSchema, serve, type Server } from "#rpc";
import {
  type DialledLink,
  type Knock,
  type LinkHandler,
  type PeerWire,
  WireError,
  type WirePeer,
} from "../link.ts";
import { dialPeer } from "./dial.ts";
import { Gate } from "./gate.ts";
import { LiveLink } from "./live-link.ts";
import type { Proof } from "./proof.ts";
import { PEER_PROTOCOL, PEER_RPC_LIMITS, WIRE } from "./terms.ts";
import { Trust } from "./trust.ts";

export interface PeerWireOptions {
  readonly node: NodeName;
  readonly organization: OrgName;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a connection may take to become a link; default `WIRE.acceptMs`. */
  readonly acceptMs?: number;
  /** Of one link; default `WIRE.messagesPerSecond`. */
  readonly messagesPerSecond?: number;
}

export async function createPeerWire(options: PeerWireOptions): Promise<PeerWire> {
  return new SocketPeers(options, await peerSchema());
}

class SocketPeers implements PeerWire {
  readonly #options: PeerWireOptions;
  readonly #schema: Awaited<ReturnType<typeof peerSchema>>;
  readonly #trust: Trust;
  readonly #links = new Map<NodeName, Set<LiveLink>>();
  readonly #gates: { readonly gate: Gate; readonly server: Server }[] = [];
  #closing = false;

  constructor(options: PeerWireOptions, schema: Awaited<ReturnType<typeof peerSchema>>) {
    this.#options = options;
    this.#schema = schema;
    this.#trust = new Trust(options.node);
  }

  setPeer(peer: WirePeer): void {
    if (this.#trust.setPeer(peer)) this.#drop(peer.node, "the trust in this peer has changed");
  }

  removePeer(node: NodeName): void {
    this.#trust.removePeer(node);
    this.#drop(node, "the peer was removed");
  }

  setCertificate(own: { readonly certificate: string; readonly key: string }): void {
    this.#trust.setCertificate(own);
  }

  async dial(
    node: NodeName,
    address: string,
    handler: LinkHandler,
    signal: AbortSignal,
  ): Promise<DialledLink> {
    const known = this.#trust.peer(node);
    if (known === undefined || this.#closing) throw new WireError(`${node} is no peer`, { auth: false });
    const { organization, clock } = this.#options;
    const { session, proof } = await dialPeer(known, address, signal, {
      organization,
      trust: this.#trust,
      clock,
    });
    // It may have been given another trust meanwhile.
    if (this.#trust.peer(node) !== known || this.#closing) {
      session.close("the peer has changed");
      throw new WireError(`${node} has changed while it was dialled`, { auth: false });
    }
    return this.#link(session, proof).attach(handler);
  }

  async listen(
    at: { readonly host: string; readonly port: number },
    knock: (knock: Knock) => LinkHandler,
  ): Promise<{ readonly port: number }> {
    const { node, clock, log, acceptMs } = this.#options;
    const gate = new Gate({
      node,
      trust: this.#trust,
      clock,
      log,
      ...(acceptMs === undefined ? {} : { acceptMs }),
    });
    const server = await serve(
      { server: gate.http },
      (session, request) => {
        const proof = gate.proofOf(request);
        // `allow` has seen it; a request without proof never becomes a session.
        if (proof === undefined) throw new Error("a session without proof");
        gate.entered(request);
        return this.#link(session, proof).door(knock);
      },
      {
        protocol: PEER_PROTOCOL,
        bytes: true,
        limits: PEER_RPC_LIMITS,
        keepaliveMs: 0,
        deadlineMs: WIRE.callMs,
        // The gate counts by peer.
        sessionsMax: Number.MAX_SAFE_INTEGER,
        // The trust is asked again: it may have changed since the handshake.
        allow: (request) => {
          const peer = gate.proofOf(request)?.peer;
          return peer !== undefined && this.#trust.peer(peer.node)?.peer.trust === peer.trust;
        },
        clock,
        log,
      },
    );
    const port = await gate.listen(at);
    this.#gates.push({ gate, server });
    return { port };
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const node of [...this.#links.keys()]) this.#drop(node, "the node is stopping");
    for (const { gate, server } of this.#gates.splice(0)) {
      await server.close();
      await gate.close();
    }
  }

  #link(session: ConstructorParameters<typeof LiveLink>[0], proof: Proof): LiveLink {
    const { own } = this.#trust;
    const link = new LiveLink(session, {
      proof,
      ownNotAfter: own?.notAfter ?? 0,
      chain: own?.chain ?? [],
      clock: this.#options.clock,
      messagesPerSecond: this.#options.messagesPerSecond ?? WIRE.messagesPerSecond,
      schema: this.#schema,
    });
    const links = this.#links.get(link.node) ?? new Set();
    this.#links.set(link.node, links.add(link));
    void session.closed.then(() => {
      links.delete(link);
      if (links.size === 0 && this.#links.get(link.node) === links) this.#links.delete(link.node);
    });
    return link;
  }

  #drop(node: NodeName, text: string): void {
    for (const link of this.#links.get(node) ?? []) link.close(text);
  }
}
