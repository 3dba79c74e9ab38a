// One connection of one peer, from the first words on: what the other side calls becomes inputs of the speaker, what the speaker wants
// becomes calls. It keeps the promises of the other side's calls until they can be answered, holds back what comes before this
// side knows that the session is up, and says last words before it closes. It knows no session state beyond that.
// Invariants: nothing is heard after the end; every promise given to the other side is settled, at the latest by the end.

import type { Acknowledged, JwkSet } from "#rpc";
import {
  type Answer,
  type Conn,
  type DigestAnswer,
  type DigestMark,
  type Encoding,
  type Frame,
  type FrameHead,
  type Lost,
  type NodeName,
  type Notice,
  NOTICES,
  type Open,
  type Progress,
  type SpeakerInput,
  TIMERS,
} from "#routing";
import { type DialledLink, type Knock, type LinkHandler, type PeerLink, WireError } from "./link.ts";
import { encodeFrame } from "./wire/frames.ts";

type Untimed<I> = I extends unknown ? Omit<I, "at" | "random"> : never;
/** What happened, without its time. */
export type Happened = Untimed<SpeakerInput>;

/** What a connection needs of the driver. */
export interface Driven {
  happened(what: Happened): void;
  /** A frame arrived; its bytes are the peer's until they parse. */
  frame(connection: Connection, head: FrameHead, bytes: Uint8Array): void;
  progress(node: NodeName): Progress;
  blob(node: NodeName, hash: string, offset: number): ReturnType<LinkHandler["blob"]>;
  keys(): Promise<JwkSet>;
  ended(connection: Connection): void;
  /** A call that failed while its connection lives on. */
  failed(connection: Connection, what: string, error: unknown): void;
  after(ms: number, run: () => void): () => void;
}

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/** More than any window: who sends more waits for nothing. */
const UNANSWERED_MAX = 64;

export class Connection {
  readonly node: NodeName;
  readonly conn: Conn;
  encoding: Encoding = "identity";
  readonly #driven: Driven;
  readonly #abort = new AbortController();
  #link: PeerLink | undefined;
  #answer: ((answer: Answer) => void) | undefined;
  #words: ((open: Open) => Promise<Answer>) | undefined;
  /** Calls that came before this side knew that the session is up. */
  #early: (() => void)[] | undefined;
  #ended = false;
  readonly #frames = new Map<number, Waiting<Acknowledged>>();
  readonly #compares: Waiting<DigestAnswer>[] = [];
  #lastWords: Promise<void> | undefined;

  constructor(node: NodeName, conn: Conn, driven: Driven) {
    this.node = node;
    this.conn = conn;
    this.#driven = driven;
  }

  get link(): PeerLink | undefined {
    return this.#link;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The other side dialled, and waits for an answer. */
  accepted(knock: Knock): void {
    this.#link = knock.link;
    this.#answer = (answer) => knock.answer(answer);
  }

  /** After a no the wire ends the link, when that is delivered. */
  answer(answer: Answer): void {
    this.#answer?.(answer);
    if (!answer.ok) this.#finish("refused");
  }

  dial(dial: (handler: LinkHandler, signal: AbortSignal) => Promise<DialledLink>): void {
    this.#early = [];
    dial(this.handler, this.#abort.signal).then(
      (link) => {
        this.#link = link;
        this.#words = (open) => link.open(open);
        if (this.#ended) link.close("no longer wanted");
        else this.#driven.happened({ kind: "dialled", node: this.node, conn: this.conn });
      },
      (error: unknown) => this.#over(lostBy(error)),
    );
  }

  open(open: Open): void {
    const { node, conn } = this;
    if (this.#words === undefined) return;
    this.#words(open).then(
      (answer) => {
        if (this.#ended) return;
        this.#driven.happened({ kind: "answered", node, conn, answer });
        const early = this.#early ?? [];
        this.#early = undefined;
        for (const call of early) call();
      },
      (error: unknown) => {
        this.#link?.close("no answer to the first words");
        this.#over(lostBy(error));
      },
    );
  }

  frame(seq: number, frame: Frame, routes: number): void {
    const { node, conn } = this;
    const { encoding, bytes, rawBytes } = encodeFrame(frame, this.encoding);
    const head: FrameHead = { seq, encoding, rawBytes, routes };
    this.#call(
      "frame",
      (link) => link.frame(head, bytes),
      ({ acked, credit }) => {
        this.#driven.happened({ kind: "acked", node, conn, seq: acked, credit });
      },
    );
  }

  compare(mark: DigestMark): void {
    const { node, conn } = this;
    this.#call(
      "digest",
      (link) => link.digest(mark),
      (answer) => {
        this.#driven.happened({ kind: "compared", node, conn, answer });
      },
    );
  }

  refresh(buckets: Parameters<PeerLink["refresh"]>[0]): void {
    this.#call(
      "refresh",
      (link) => link.refresh(buckets),
      () => this.#heard(),
    );
  }

  alive(progress: Progress): void {
    const { node, conn } = this;
    this.#call(
      "alive",
      (link) => link.alive(progress),
      (theirs) => {
        this.#driven.happened({ kind: "progress", node, conn, progress: theirs });
        this.#heard();
      },
    );
  }

  ping(): void {
    this.#link?.ping();
  }

  /** Last words; `close` waits for them. */
  notify(notice: Notice): void {
    const { node, conn } = this;
    const link = this.#link;
    if (link === undefined) return;
    this.#lastWords = link.notify(notice).then(
      () => this.#driven.happened({ kind: "said", node, conn }),
      // Words that did not arrive: the other side sees the connection end, which says enough.
      () => this.#driven.happened({ kind: "said", node, conn }),
    );
  }

  /** From now on nothing is heard; the link ends when last words are out, within a second. */
  close(text: string, notice?: Notice): void {
    if (this.#ended) return;
    if (notice !== undefined) this.notify(notice);
    this.#finish(text);
    this.#abort.abort();
    const link = this.#link;
    if (link === undefined) return;
    if (this.#lastWords === undefined) return link.close(text);
    const cancel = this.#driven.after(TIMERS.closeMs, () => link.close(text));
    void this.#lastWords.then(() => {
      cancel();
      link.close(text);
    });
  }

  /** Ends now, and the session hears of it like of any lost connection. */
  broken(text: string): void {
    const link = this.#link;
    this.#over({ text });
    this.#abort.abort();
    link?.close(text);
  }

  acknowledge(seq: number, answer: Acknowledged): void {
    const waiting = this.#frames.get(seq);
    this.#frames.delete(seq);
    waiting?.resolve(answer);
  }

  compared(answer: DigestAnswer): void {
    this.#compares.shift()?.resolve(answer);
  }

  readonly handler: LinkHandler = {
    frame: (head, bytes) =>
      this.#when((resolve: Waiting<Acknowledged>["resolve"], reject) => {
        if (this.#frames.size >= UNANSWERED_MAX || this.#frames.has(head.seq)) {
          return reject(new Error("more frames than the window allows"));
        }
        this.#frames.set(head.seq, { resolve, reject });
        this.#driven.frame(this, head, bytes);
      }),
    digest: (mark) =>
      this.#when((resolve: Waiting<DigestAnswer>["resolve"], reject) => {
        if (this.#compares.length >= UNANSWERED_MAX) return reject(new Error("too many comparisons at once"));
        this.#compares.push({ resolve, reject });
        this.#driven.happened({ kind: "compare", node: this.node, conn: this.conn, mark });
      }),
    alive: (progress) => {
      const own = this.#driven.progress(this.node);
      this.#later(() => {
        this.#driven.happened({ kind: "progress", node: this.node, conn: this.conn, progress });
        this.#heard();
      });
      return own;
    },
    refresh: (buckets) =>
      this.#later(() =>
        this.#driven.happened({ kind: "refresh", node: this.node, conn: this.conn, buckets }),
      ),
    blob: (hash, offset) => this.#driven.blob(this.node, hash, offset),
    keys: () => this.#driven.keys(),
    notify: (notice) =>
      this.#later(() => this.#driven.happened({ kind: "noticed", node: this.node, conn: this.conn, notice })),
    heard: () => this.#later(() => this.#heard()),
    closed: (text) => this.#over({ text }),
  };

  #heard(): void {
    this.#driven.happened({ kind: "heard", node: this.node, conn: this.conn });
  }

  #later(run: () => void): void {
    if (this.#ended) return;
    if (this.#early === undefined) return run();
    // A side that calls before its answer can have arrived is given as much room as a window has.
    if (this.#early.length < UNANSWERED_MAX) this.#early.push(run);
  }

  #when<T>(run: (resolve: (value: T) => void, reject: (error: Error) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(new Error("the session ended"));
      if (this.#early === undefined) return run(resolve, reject);
      if (this.#early.length >= UNANSWERED_MAX) return reject(new Error("too many calls before the answer"));
      this.#early.push(() => run(resolve, reject));
    });
  }

  #call<T>(what: string, call: (link: PeerLink) => Promise<T>, answered: (answer: T) => void): void {
    const link = this.#link;
    if (link === undefined || this.#ended) return;
    call(link).then(
      (answer) => {
        if (!this.#ended) answered(answer);
      },
      (error: unknown) => {
        if (!this.#ended) this.#driven.failed(this, what, error);
      },
    );
  }

  /** The connection ended by itself, or never was. */
  #over(lost: Lost): void {
    if (this.#ended) return;
    this.#finish(lost.text);
    const { node, conn } = this;
    this.#driven.happened({ kind: "closed", node, conn, ...lost });
  }

  #finish(text: string): void {
    this.#ended = true;
    this.#early = undefined;
    const error = new Error(text);
    for (const { reject } of [...this.#frames.values(), ...this.#compares]) reject(error);
    this.#frames.clear();
    this.#compares.length = 0;
    this.#driven.ended(this);
  }
}

function lostBy(error: unknown): Lost {
  if (!(error instanceof WireError)) return { text: error instanceof Error ? error.message : String(error) };
  const { message: text, auth, notice } = error;
  return { text, ...(auth ? { auth } : {}), ...(notice === undefined ? {} : { code: NOTICES[notice].code }) };
}
