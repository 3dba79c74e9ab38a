// Peering of a node that has peers: certificate, wire, store of what was learned, driver, put together. Loaded with the first peer or
// where sessions are accepted; a node without peers pays for none of it. What fails here (no certificate, a port that is taken)
// never ends the node: it is a problem that status names, and peers that are configured stay configured.

import type { Loop, Ports } from "#kernel";
import type { Encoding, FrameHead, NodeName, NodeTypes } from "#routing";
import {
  type OwnCertificate,
  type CertificateOptions,
  ownCertificate,
  watchCertificate,
} from "./certificate.ts";
import { Contents, fetchContent } from "./contents.ts";
import { Driver } from "./driver.ts";
import type { Exports } from "./exports.ts";
import type { PeerWire } from "./link.ts";
import { LearnedStore } from "./learned-store.ts";
import { openFrameReader } from "./wire/frames.ts";
import { createPeerWire } from "./wire/peer-wire.ts";

export interface RunningOptions {
  readonly ports: Ports;
  readonly loop: Loop<NodeTypes>;
  readonly exports: Exports;
  /** Undefined: nobody is asked for proof, and none is given (`identity.mode: none`). */
  readonly certificate: CertificateOptions | undefined;
  /** Where sessions are accepted. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  /** `learned.db`. */
  readonly file: string;
  readonly content: (hash: string) => string | undefined;
  readonly say: (level: "info" | "warn", kind: string, text: string, node: NodeName) => void;
}

const ENCODINGS: readonly Encoding[] = ["zstd", "deflate", "identity"];

export class Running {
  readonly driver: Driver;
  readonly problems: { readonly text: string; readonly hint: string }[] = [];
  readonly #options: RunningOptions;
  readonly #wire: PeerWire;
  readonly #learned: LearnedStore;
  readonly #stops: (() => void)[] = [];
  #identified: Promise<void> | undefined;
  port: number | undefined;

  static async open(options: RunningOptions): Promise<Running> {
    const { exports, ports, certificate } = options;
    const { clock, log } = ports;
    const { node, organization } = exports.self;
    const [wire, reader] = await Promise.all([
      createPeerWire({
        node,
        organization,
        clock,
        log,
        ...(certificate === undefined ? { unproven: true } : {}),
      }),
      openFrameReader(),
    ]);
    return new Running(options, wire, reader);
  }

  private constructor(
    options: RunningOptions,
    wire: PeerWire,
    reader: Awaited<ReturnType<typeof openFrameReader>>,
  ) {
    const { ports, loop, exports, content, say } = options;
    this.#options = options;
    this.#wire = wire;
    const contents = new Contents(exports, loop.view, content);
    const decode = (head: FrameHead, bytes: Uint8Array) => reader.decodeFrame(head, bytes);
    this.#learned = new LearnedStore({ ...ports, file: options.file, view: loop.view, decode });
    this.driver = new Driver({
      ...ports,
      loop,
      wire,
      exports,
      decode,
      encodings: ENCODINGS,
      learned: this.#learned,
      blob: async (node, hash, offset) => contents.piece(node, hash, offset),
      keys: async () => keysOf(loop),
      say,
    });
    const { driver } = this;
    this.#learned.standingBy((node) => driver.standing(node));
    this.#stops.push(
      loop.watch(({ commit }) => {
        if (commit !== undefined) contents.follow(commit);
      }),
    );
  }

  /**
   * By its certificate, in the state when this resolves: what Envoy does between nodes stands on it, so a node that starts anew
   * has to know it before it publishes anything.
   */
  identify(): Promise<void> {
    return (this.#identified ??= this.#identify());
  }

  async #identify(): Promise<void> {
    const { certificate, ports } = this.#options;
    if (certificate === undefined) return;
    const own = await this.#try(() => ownCertificate(certificate), "catalyst init");
    if (own !== undefined) await this.#known(own);
    const changed = (next: OwnCertificate): void => {
      this.#known(next).catch((error: unknown) =>
        ports.log.warn({ error: String(error) }, "the new certificate is not in use"),
      );
    };
    this.#stops.push(watchCertificate(certificate, own?.files.hash, changed, ports.log));
  }

  /** Known to peers, accepting and dialling. */
  async start(): Promise<void> {
    await this.identify();
    const { listen } = this.#options;
    if (listen !== undefined) {
      const found = await this.#try(
        () => this.#wire.listen(listen, this.driver.knock),
        "choose another control.listen",
      );
      this.port = found?.port;
    }
    this.driver.start();
  }

  /** Words of peers that are none any more are forgotten. */
  keepOnly(peers: ReadonlySet<NodeName>): void {
    this.#learned.keepOnly(peers);
  }

  async fetch(node: NodeName, hash: string): Promise<string> {
    const link = this.driver.connection(node)?.link;
    if (link === undefined) throw new Error(`there is no session with ${node}`);
    return await fetchContent(link, hash);
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.toReversed()) stop();
    await this.driver.stop();
    await this.#wire.close();
    this.#learned.close();
  }

  async #known({ certificate, key, files }: OwnCertificate): Promise<void> {
    this.#wire.setCertificate({ certificate, key });
    await this.#options.loop.submit({ kind: "node.certificate", certificate: files });
  }

  async #try<T>(run: () => Promise<T>, hint: string): Promise<T | undefined> {
    try {
      return await run();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.problems.push({ text, hint });
      this.#options.ports.log.warn({ error: text }, "peering does not work as configured");
      return undefined;
    }
  }
}

function keysOf(loop: Loop<NodeTypes>): { readonly keys: readonly Record<string, unknown>[] } {
  const { keys } = loop.view;
  // Our own text, sorted members (effects/keys.ts).
  return keys === undefined ? { keys: [] } : (JSON.parse(keys.jwks) as { keys: Record<string, unknown>[] });
}
