// Organizations with CAs, nodes with certificates and wires between them, for tests of the peering port. Everything is real but the
// session: handlers keep what they were called with. Names are those of test/kit: "edge1.acme.test" and "edge1.globex.test".

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOrganizationCa, issueNodeCertificate, type OrganizationCa } from "#auth";
import { silentLog, systemClock } from "#rpc";
import type { Answer, Open } from "#routing";
import type { Clock, Log } from "#kernel";
import type { DialledLink, Knock, LinkHandler, PeerLink, PeerWire } from "../link.ts";
import { createPeerWire } from "./peer-wire.ts";

export interface Identity {
  readonly node: string;
  readonly organization: string;
  readonly certificate: string;
  readonly key: string;
  readonly notAfter: number;
}

/** CAs and nodes in one folder, made when first asked for. */
export class World {
  readonly #folder: string;
  readonly #cas = new Map<string, Promise<OrganizationCa>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** `which` names a second CA of the same organization. */
  ca(organization: string, which = ""): Promise<OrganizationCa> {
    const name = `${organization}${which}`;
    const made =
      this.#cas.get(name) ??
      createOrganizationCa({ dataDir: join(this.#folder, name), organization, clock: systemClock });
    this.#cas.set(name, made);
    return made;
  }

  async trust(organization: string, which = ""): Promise<string> {
    return (await this.ca(organization, which)).certificatePem;
  }

  async node(
    node: string,
    some: { readonly which?: string; readonly lifeMs?: number; readonly clock?: Clock } = {},
  ): Promise<Identity> {
    const organization = node.slice(node.indexOf(".") + 1);
    const ca = await this.ca(organization, some.which);
    const dataDir = await mkdtemp(join(this.#folder, "node-"));
    await mkdir(join(dataDir, "certs"));
    const { certificatePem } = await issueNodeCertificate({
      dataDir,
      node,
      ca,
      clock: some.clock ?? systemClock,
      ...(some.lifeMs === undefined ? {} : { lifeMs: some.lifeMs }),
    });
    const notAfter = Date.parse(new X509Certificate(certificatePem).validTo);
    const key = await readFile(join(dataDir, "keys", "node.key"), "utf8");
    return { node, organization, certificate: certificatePem, key, notAfter };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true });
  }
}

export const newWorld = async (): Promise<World> =>
  new World(await mkdtemp(join(tmpdir(), "catalyst-wire-")));

export function openOf({ node, organization }: Named): Open {
  return {
    versions: [1, 1],
    node,
    organization,
    incarnation: "1",
    role: "lateral",
    holdMs: 9_000,
    sendHoldMs: 18_000,
    encodings: ["zstd"],
    limits: { routes: 1_000, rate: 1_000, bytes: 1 << 20, pathLength: 16 },
    capabilities: {},
  };
}

/** Keeps what it hears, in order. */
export class Recorder implements LinkHandler {
  readonly heardFrames: number[] = [];
  readonly words: string[] = [];
  readonly ended = Promise.withResolvers<string>();
  signs = 0;
  closes = 0;

  frame: LinkHandler["frame"] = (head, bytes) => {
    this.heardFrames.push(head.seq);
    this.words.push(`frame ${head.seq} ${bytes.byteLength}`);
    return Promise.resolve({ acked: head.seq, credit: 8 });
  };
  alive: LinkHandler["alive"] = (progress) => ({ ...progress, receivedSeq: this.heardFrames.length });
  digest: LinkHandler["digest"] = (mark) => {
    this.words.push(`digest ${mark.seq}`);
    return Promise.resolve({ same: true });
  };
  refresh: LinkHandler["refresh"] = (buckets) => void this.words.push(`refresh ${String(buckets)}`);
  blob: LinkHandler["blob"] = (_hash, offset) =>
    Promise.resolve({ bytes: new Uint8Array(100_000).fill(7).subarray(offset), size: 100_000 });
  keys: LinkHandler["keys"] = () => Promise.resolve({ keys: [{ kid: "one", kty: "EC" }] });
  notify: LinkHandler["notify"] = (said) => void this.words.push(`notice ${said.code} ${said.text}`);
  heard: LinkHandler["heard"] = () => void (this.signs += 1);
  closed: LinkHandler["closed"] = (text) => {
    this.closes += 1;
    this.ended.resolve(text);
  };
}

/** A node that proves nothing has a name only. */
export type Named = Pick<Identity, "node" | "organization">;

const isIdentity = (name: Named): name is Identity => "certificate" in name;

export interface Station<I extends Named = Identity> {
  readonly identity: I;
  readonly wire: PeerWire;
  readonly port: number;
  readonly address: string;
  /** Of those who knocked, newest last. */
  readonly knocks: { readonly theirs: Open; readonly link: PeerLink; readonly handler: Recorder }[];
  readonly refusals: string[];
}

export interface StationOptions {
  /** What is said to those who knock; default yes. */
  readonly answer?: (knock: Knock) => Answer | undefined;
  readonly acceptMs?: number;
  readonly messagesPerSecond?: number;
  readonly clock?: Clock;
  readonly listen?: boolean;
  /** Frames of this node are never answered. */
  readonly framesHangOf?: string;
}

/** A node with a wire that listens and says yes to who may knock. */
export async function station<I extends Named>(
  identity: I,
  options: StationOptions = {},
): Promise<Station<I>> {
  const refusals: string[] = [];
  const knocks: Station["knocks"] = [];
  const log: Log = {
    ...silentLog,
    warn: (fields) => void refusals.push("reason" in fields ? String(fields.reason) : ""),
  };
  const { node, organization } = identity;
  const { clock = systemClock, acceptMs, messagesPerSecond } = options;
  const wire = await createPeerWire({
    node,
    organization,
    clock,
    log,
    ...(isIdentity(identity) ? {} : { unproven: true }),
    ...(acceptMs === undefined ? {} : { acceptMs }),
    ...(messagesPerSecond === undefined ? {} : { messagesPerSecond }),
  });
  if (isIdentity(identity)) wire.setCertificate(identity);
  const yes = (): Answer => ({ ok: true, open: openOf(identity) });
  const accept = (knock: Knock): LinkHandler => {
    const handler = new Recorder();
    if (options.framesHangOf === knock.theirs.node) handler.frame = () => new Promise(() => undefined);
    knocks.push({ theirs: knock.theirs, link: knock.link, handler });
    const answer = (options.answer ?? yes)(knock);
    if (answer !== undefined) knock.answer(answer);
    return handler;
  };
  const { port } =
    options.listen === false ? { port: 0 } : await wire.listen({ host: "127.0.0.1", port: 0 }, accept);
  return { identity, wire, port, address: `127.0.0.1:${port}`, knocks, refusals };
}

/** `to` becomes a peer of `at`, believed by this trust. */
export const know = (at: Station<Named>, { node, organization }: Named, trust: string | undefined): void =>
  at.wire.setPeer({ node, organization, trust, external: organization !== at.identity.organization });

export async function dial(
  from: Station<Named>,
  to: Station<Named>,
  handler: Recorder = new Recorder(),
): Promise<DialledLink> {
  return from.wire.dial(to.identity.node, to.address, handler, new AbortController().signal);
}

/** Acme and Globex as peers, with a session from Acme to Globex. */
export async function session(acme: Station<Named>, globex: Station<Named>) {
  const near = new Recorder();
  const link = await dial(acme, globex, near);
  const answer = await link.open(openOf(acme.identity));
  assert.ok(answer.ok);
  const far = globex.knocks.at(-1);
  assert.ok(far !== undefined);
  return { near, link, far: far.handler, back: far.link };
}

export async function twoOrganizations(options: StationOptions = {}) {
  const world = await newWorld();
  const acme = await station(await world.node("edge1.acme.test"), options);
  const globex = await station(await world.node("edge1.globex.test"), options);
  know(acme, globex.identity, await world.trust("globex.test"));
  know(globex, acme.identity, await world.trust("acme.test"));
  return {
    world,
    acme,
    globex,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([acme.wire.close(), globex.wire.close()]);
      await world[Symbol.asyncDispose]();
    },
  };
}
