// Contents by hash between nodes (the SDL of GraphQL services): a peer gets those, and only those, that a route it is told of names; what
// is fetched from a peer is verified by its hash. Which names speak of a hash is kept from commits, so a question costs a lookup
// whatever the table holds. Bounded: 256 KiB a piece, 2 MiB a content.

import { CatalystError, PEER_LIMITS } from "#rpc";
import type { Best, Commit, Hash, NodeName, ServiceName, StateView } from "#routing";
import { sha256 } from "../store/store.ts";
import type { Exports } from "./exports.ts";
import type { PeerLink } from "./link.ts";

const CONTENT_MAX = 2 * 1024 * 1024;

export interface PieceAt {
  readonly bytes: Uint8Array;
  readonly size: number;
}

export class Contents {
  readonly #exports: Exports;
  readonly #get: (hash: Hash) => string | undefined;
  /** Names whose best path speaks of a hash. */
  readonly #names = new Map<Hash, Set<ServiceName>>();

  constructor(exports: Exports, view: Pick<StateView, "routes">, get: (hash: Hash) => string | undefined) {
    this.#exports = exports;
    this.#get = get;
    for (const key of view.routes.keys()) this.#add(key, view.routes.best(key));
  }

  follow({ changes }: Pick<Commit, "changes">): void {
    for (const [key, { before, after }] of changes.routes) {
      const [was, is] = [hashOf(before), hashOf(after)];
      if (was === is) continue;
      if (was !== undefined) {
        const names = this.#names.get(was);
        names?.delete(key);
        if (names?.size === 0) this.#names.delete(was);
      }
      this.#add(key, after);
    }
  }

  /** For a peer; a hash it was not told of is as good as unknown. */
  piece(node: NodeName, hash: Hash, offset: number): PieceAt {
    const names = this.#names.get(hash) ?? [];
    const policy = this.#exports.policy(node);
    const told =
      policy !== undefined &&
      [...names].some((key) => this.#exports.exported(policy, key)?.path.attributes.schema === hash);
    const text = told ? this.#get(hash) : undefined;
    if (text === undefined) throw new CatalystError("ERR_NOT_FOUND", "no content of this hash");
    const all = Buffer.from(text, "utf8");
    return { bytes: all.subarray(offset, offset + PEER_LIMITS.blobPieceBytes), size: all.byteLength };
  }

  #add(key: ServiceName, best: Best | undefined): void {
    const hash = hashOf(best);
    if (hash === undefined) return;
    const names = this.#names.get(hash) ?? new Set();
    this.#names.set(hash, names.add(key));
  }
}

/** The whole content, verified. */
export async function fetchContent(link: Pick<PeerLink, "blob">, hash: Hash): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  let have = 0;
  do {
    const piece = await link.blob(hash, have);
    if (have > 0 && piece.size !== size) throw wrong("it changed while it was read");
    size = piece.size;
    if (size > CONTENT_MAX) throw wrong(`it has ${size} bytes, ${CONTENT_MAX} are the most`);
    if (piece.bytes.byteLength === 0 && size > have) throw wrong("it ends too early");
    pieces.push(piece.bytes);
    have += piece.bytes.byteLength;
  } while (have < size);
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(pieces));
  if (sha256(text) !== hash) throw wrong("its hash is another one");
  return text;
}

const wrong = (why: string): CatalystError =>
  new CatalystError("ERR_SCHEMA_UNREACHABLE", `a content told by a peer cannot be used: ${why}`);

/** Only GraphQL has content; the attributes of all others stay packed. */
function hashOf(best: Best | undefined): Hash | undefined {
  const path = best?.[0];
  return path?.protocol === "http:graphql" ? path.attributes.schema : undefined;
}
