// Peers over real sockets: `PeerWire` made of a way to know who is who, the port, dials and links. It ends the links of a peer whose
// trust changed or that is removed; new ones are judged by what is then believed.
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
import { ByCertificate } from "./by-certificate.ts";
import { ByName } from "./by-name.ts";
import { LiveLink } from "./live-link.ts";
import type { Entrance, Meeting } from "./meeting.ts";
import type { Proof } from "./proof.ts";
import { PEER_RPC_LIMITS, WIRE } from "./terms.ts";

export interface PeerWireOptions {
  readonly node: NodeName;
  readonly organization: OrgName;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a connection may take to become a link; default `WIRE.acceptMs`. */
  readonly acceptMs?: number;
  /** Of one link; default `WIRE.messagesPerSecond`. */
  readonly messagesPerSecond?: number;
  /** Nobody is asked for proof (`identity.mode: none`). Absent = certificates on both sides. */
  readonly unproven?: true;
}

export async function createPeerWire(options: PeerWireOptions): Promise<PeerWire> {
  const meeting = options.unproven === true ? new ByName(options) : new ByCertificate(options);
  return new SocketPeers(options, meeting, await peerSchema());
}

class SocketPeers implements PeerWire {
  readonly #options: PeerWireOptions;
  readonly #schema: Awaited<ReturnType<typeof peerSchema>>;
  readonly #meeting: Meeting;
  readonly #links = new Map<NodeName, Set<LiveLink>>();
  readonly #gates: { readonly gate: Entrance; readonly server: Server }[] = [];
  #closing = false;

  constructor(options: PeerWireOptions, meeting: Meeting, schema: Awaited<ReturnType<typeof peerSchema>>) {
    this.#options = options;
    this.#meeting = meeting;
    this.#schema = schema;
  }

  setPeer(peer: WirePeer): void {
    if (this.#meeting.setPeer(peer)) this.#drop(peer.node, "the trust in this peer has changed");
  }

  removePeer(node: NodeName): void {
    this.#meeting.removePeer(node);
    this.#drop(node, "the peer was removed");
  }

  setCertificate(own: { readonly certificate: string; readonly key: string }): void {
    this.#meeting.setCertificate(own);
  }

  async dial(
    node: NodeName,
    address: string,
    handler: LinkHandler,
    signal: AbortSignal,
  ): Promise<DialledLink> {
    const known = this.#meeting.peer(node);
    if (known === undefined || this.#closing) throw new WireError(`${node} is no peer`, { auth: false });
    const { session, proof } = await this.#meeting.dial(known, address, signal);
    // It may have been given another trust meanwhile.
    if (this.#meeting.peer(node) !== known || this.#closing) {
      session.close("the peer has changed");
      throw new WireError(`${node} has changed while it was dialled`, { auth: false });
    }
    return this.#link(session, proof).attach(handler);
  }

  async listen(
    at: { readonly host: string; readonly port: number },
    knock: (knock: Knock) => LinkHandler,
  ): Promise<{ readonly port: number }> {
    const { clock, log } = this.#options;
    const gate = this.#meeting.entrance();
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
        protocol: this.#meeting.protocol,
        bytes: true,
        limits: PEER_RPC_LIMITS,
        keepaliveMs: 0,
        deadlineMs: WIRE.callMs,
        // The gate counts by peer.
        sessionsMax: Number.MAX_SAFE_INTEGER,
        // The trust is asked again: it may have changed since the handshake.
        allow: (request) => {
          const peer = gate.proofOf(request)?.peer;
          const known = peer && this.#meeting.peer(peer.node)?.peer;
          return known !== undefined && known.trust === peer?.trust;
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
    const { own } = this.#meeting;
    const link = new LiveLink(session, {
      proof,
      ownNotAfter: own?.notAfter,
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
