// One connection between two nodes, the same for both ends: calls to the other side with deadlines and checked answers, calls of the
// other side checked and handed on, the first words, and every reason for which the wire itself ends a link. It holds no state of
// the session. Who breaks the contract is told why, if it listens, and heard no more.
// Invariants: nothing reaches the handler before first words were said yes to, nor after `closed`; `closed` comes once.

import type { Clock } from "#kernel";
import {
  type Acknowledged,
  type Borrowed,
  CatalystError,
  expose,
  type Exposed,
  type JwkSet,
  type Opened,
  type PeerDoor,
  type peerSchema,
  type PeerSession,
  type Reference,
  type Session,
} from "#rpc";
import {
  type Answer,
  type Buckets,
  type DigestAnswer,
  type DigestMark,
  type FrameHead,
  type NodeName,
  notice,
  type Notice,
  type NoticeName,
  type Open,
  type Progress,
} from "#routing";
import { type DialledLink, type Knock, type LinkHandler, WireError } from "../link.ts";
import type { Proof } from "./proof.ts";
import { Rate } from "./rate.ts";
import { WIRE } from "./terms.ts";

/** What a link needs from its wire. */
export interface LinkTerms {
  readonly proof: Proof;
  /** The own certificate's end; undefined where none is shown. */
  readonly ownNotAfter: number | undefined;
  /** Own intermediates, PEM, for first words. */
  readonly chain: readonly string[];
  readonly clock: Clock;
  readonly messagesPerSecond: number;
  readonly schema: Awaited<ReturnType<typeof peerSchema>>;
}

interface Answers<T> {
  safeParse(value: unknown): { readonly success: true; readonly data: T } | { readonly success: false };
}

/** Timers of most clocks hold at most 24 days. */
const TIMER_MS = 86_400_000;

export class LiveLink implements DialledLink {
  readonly node: NodeName;
  readonly remote: string;
  readonly notAfter: number | undefined;
  readonly #session: Session;
  readonly #terms: LinkTerms;
  readonly #rate: Rate;
  #handler: LinkHandler | undefined;
  #theirs: Borrowed<PeerSession> | undefined;
  #quick: PeerSession | undefined;
  #slow: PeerSession | undefined;
  #asked = false;
  #deaf = false;
  #closed = false;
  #stopExpiry: () => void = () => undefined;
  #stopOpening: () => void = () => undefined;

  constructor(session: Session, terms: LinkTerms) {
    this.#session = session;
    this.#terms = terms;
    this.node = terms.proof.peer.node;
    this.remote = session.remote;
    const { proof, ownNotAfter } = terms;
    this.notAfter = proof.notAfter === undefined ? undefined : Math.min(proof.notAfter, ownNotAfter ?? 0);
    this.#rate = new Rate(terms.clock, terms.messagesPerSecond, WIRE.messagesBurst);
    session.signal.addEventListener("abort", () => (this.#deaf = true), { once: true });
    void session.closed.then((reason) => this.#end(reason.message));
    session.onHeard(() => this.#heard());
    this.#expire();
  }

  /** The other side's door, until its first words. */
  door(knock: (knock: Knock) => LinkHandler): Exposed {
    this.#stopOpening = this.#terms.clock.after(WIRE.openMs, () => this.close("no first words"));
    const open = (theirs: Open, back: Reference) => this.#answer(theirs, back, knock);
    return this.#strict(expose({ open }, this.#terms.schema.peerDoorMethods));
  }

  /** From this side: whom the link serves, before the first words. */
  attach(handler: LinkHandler): this {
    this.#handler = handler;
    return this;
  }

  async open(mine: Open): Promise<Answer> {
    const handler = this.#handler;
    if (this.#asked || handler === undefined)
      throw new WireError("first words are said once", { auth: false });
    this.#asked = true;
    const { proof, clock, schema } = this.#terms;
    const door = (this.#session as Session<PeerDoor>).within(WIRE.answerMs + WIRE.callMs);
    const back = this.#session.lend(this.#served(handler)) as PeerSession;
    const said: Opened & Partial<Disposable> = await door.open(this.#introduced(mine), back);
    try {
      const read = schema.peerAnswers.open.safeParse(said);
      if (!read.success) throw this.#breach("malformed", "first words that cannot be read");
      if (!read.data.ok) return read.data;
      const wrong = proof.wrong(read.data.open, clock.now());
      if (wrong !== undefined) {
        this.close(wrong.text);
        throw new WireError(wrong.text, { auth: true });
      }
      this.#borrow("session" in said ? said.session : undefined);
      return { ok: true, open: read.data.open };
    } finally {
      // The link holds its own copy of the reference.
      said[Symbol.dispose]?.();
    }
  }

  frame(head: FrameHead, bytes: Uint8Array): Promise<Acknowledged> {
    return this.#call(this.#slow, (far) => far.frame(head, bytes), this.#terms.schema.peerAnswers.frame);
  }

  alive(progress: Progress): Promise<Progress> {
    return this.#call(this.#quick, (far) => far.alive(progress), this.#terms.schema.peerAnswers.alive);
  }

  digest(mark: DigestMark): Promise<DigestAnswer> {
    return this.#call(this.#slow, (far) => far.digest(mark), this.#terms.schema.peerAnswers.digest);
  }

  refresh(buckets: Buckets): Promise<void> {
    return this.#tell((far) => far.refresh(buckets));
  }

  blob(hash: string, offset: number): Promise<{ readonly bytes: Uint8Array; readonly size: number }> {
    return this.#call(this.#quick, (far) => far.blob(hash, offset), this.#terms.schema.peerAnswers.blob);
  }

  keys(): Promise<JwkSet> {
    return this.#call(this.#quick, (far) => far.keys(), this.#terms.schema.peerAnswers.keys);
  }

  notify(said: Notice): Promise<void> {
    return this.#tell((far) => far.notify(said));
  }

  ping(): void {
    this.#session.ping();
  }

  close(text: string): void {
    this.#session.close(text);
  }

  async #answer(theirs: Open, back: Reference, knock: (knock: Knock) => LinkHandler): Promise<Opened> {
    if (this.#asked) throw this.#breach("malformed", "first words came twice");
    this.#asked = true;
    this.#stopOpening();
    const { proof, clock } = this.#terms;
    const wrong = proof.wrong(theirs, clock.now());
    if (wrong !== undefined) return this.#refuse(wrong);
    this.#borrow(back.target);
    const said = Promise.withResolvers<Answer>();
    const late = clock.after(WIRE.answerMs, () =>
      said.resolve({ ok: false, notice: notice("internal", "no answer in time") }),
    );
    this.#stopOpening = late;
    const handler = knock({ link: this, theirs, answer: said.resolve });
    this.#handler = handler;
    // It may have ended within the knock; then nobody else says so.
    if (this.#closed) handler.closed("the link ended");
    const answer = await said.promise;
    late();
    if (!answer.ok) return this.#refuse(answer.notice);
    // The contract's type is what the stub of the lent object implements.
    const session = this.#session.lend(this.#served(handler)) as PeerSession;
    return { ok: true, open: this.#introduced(answer.open), session };
  }

  /** The caller closes when it has heard the refusal; if not, this side does. */
  #refuse(said: Notice): Opened {
    this.#stopOpening = this.#terms.clock.after(WIRE.closeMs, () => this.close(said.text));
    return { ok: false, notice: said };
  }

  #introduced(open: Open): Open {
    const { chain } = this.#terms;
    return chain.length === 0 ? open : { ...open, chain };
  }

  #borrow(reference: unknown): void {
    this.#theirs = this.#session.borrow<PeerSession>(reference);
    this.#quick = this.#theirs.within(WIRE.callMs);
    this.#slow = this.#theirs.within(WIRE.frameMs);
  }

  #served(handler: LinkHandler): Exposed {
    const own: PeerSession = {
      frame: async (head, bytes) => handler.frame(head, bytes),
      alive: async (progress) => handler.alive(progress),
      digest: async (mark) => handler.digest(mark),
      refresh: async (buckets) => handler.refresh(buckets),
      blob: async (hash, offset) => handler.blob(hash, offset),
      keys: async () => handler.keys(),
      notify: async (said) => handler.notify(said),
    };
    return this.#strict(expose(own, this.#terms.schema.peerSessionMethods));
  }

  /** What the schema refuses ends the link: nobody who speaks this contract says it. */
  #strict(exposed: Exposed): Exposed {
    return {
      names: exposed.names,
      invoke: (name, args, hold) => {
        if (this.#deaf) throw new CatalystError("ERR_RPC_CLOSED", "the link is closing");
        try {
          return exposed.invoke(name, args, hold);
        } catch (error) {
          if (error instanceof CatalystError) this.#breach("malformed", error.message);
          throw error;
        }
      },
    };
  }

  #heard(): void {
    if (this.#deaf) return;
    if (this.#rate.take()) this.#handler?.heard();
    else this.#breach("rate", "too many messages");
  }

  /** Tells the other side why, and ends. */
  #breach(name: NoticeName, text: string): CatalystError {
    const error = new CatalystError("ERR_RPC_PROTOCOL", text);
    if (this.#deaf) return error;
    this.#deaf = true;
    const close = () => this.close(text);
    const cancel = this.#terms.clock.after(WIRE.closeMs, close);
    // A side that broke the contract may hear why; when it does not, nothing is lost.
    void this.#tell((far) => far.notify(notice(name, text)))
      .then(close, close)
      .finally(cancel);
    this.#end(text);
    return error;
  }

  /** An answer that does not parse ends the link. */
  async #call<T>(
    far: PeerSession | undefined,
    call: (far: PeerSession) => Promise<T>,
    schema: Answers<T>,
  ): Promise<T> {
    if (far === undefined) throw new WireError("no session on this link", { auth: false });
    const read = schema.safeParse(await call(far));
    if (read.success) return read.data;
    throw this.#breach("malformed", "an answer that cannot be read");
  }

  async #tell(call: (far: PeerSession) => Promise<void>): Promise<void> {
    if (this.#quick === undefined) throw new WireError("no session on this link", { auth: false });
    await call(this.#quick);
  }

  #expire(): void {
    if (this.notAfter === undefined) return;
    const left = this.notAfter - this.#terms.clock.now();
    if (left <= 0) return this.close("a certificate of this link has expired");
    this.#stopExpiry = this.#terms.clock.after(Math.min(left, TIMER_MS), () => this.#expire());
  }

  #end(text: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#deaf = true;
    this.#stopExpiry();
    this.#stopOpening();
    this.#theirs?.[Symbol.dispose]();
    this.#handler?.closed(text);
  }
}
