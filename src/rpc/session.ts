// One live RPC session over a wire, from either end. It owns the guard, the keepalive and the deadlines, and
// turns an `Exposed` into the object that capnweb serves. A session ends once, with a reason that is always a
// CatalystError: ERR_RPC_CLOSED when a side went away, ERR_RPC_PROTOCOL when one broke a limit. Sessions
// never heal; `reconnecting` makes new ones.

import { RpcSession, RpcTarget } from "capnweb";
import type { Clock, Log } from "#kernel";
import { call, dispose, remote } from "./call.ts";
import { CatalystError } from "./errors.ts";
import type { Exposed } from "./expose.ts";
import { Guard } from "./guard.ts";
import { broken } from "./inspect.ts";
import { DEFAULT_RPC_LIMITS, type RpcLimits } from "./limits.ts";
import { silentLog, systemClock } from "./ports.ts";
import type { Borrowed, Session, SessionOptions, SessionStats } from "./session-types.ts";
import { ended, type Wire } from "./wire.ts";
import { toWire } from "./wire-error.ts";

/** Unexpected errors logged per session; a hostile caller could else fill the disk. The rest is counted. */
const LOGGED_ERRORS_MAX = 20;
/** Missed signs of life in a row until the other side counts as dead. */
const MISSED_MAX = 3;

export class LiveSession<T extends object> implements Session<T> {
  readonly remote: string;
  readonly stub: T;
  readonly closed: Promise<CatalystError>;
  readonly #guard: Guard;
  readonly #raw: RpcSession<undefined>;
  readonly #limits: RpcLimits;
  readonly #deadlineMs: number;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #abort = new AbortController();
  readonly #inFlight = { count: 0 };
  readonly #held = new Set<unknown>();
  #failures = 0;
  #stopKeepalive: (() => void) | undefined;
  #heard: (() => void) | undefined;

  constructor(wire: Wire, main: (session: Session<T>) => Exposed | undefined, options: SessionOptions) {
    const { promise, resolve } = Promise.withResolvers<CatalystError>();
    this.closed = promise;
    this.remote = wire.remote;
    this.#limits = { ...DEFAULT_RPC_LIMITS, ...options.limits };
    this.#deadlineMs = options.deadlineMs ?? 10_000;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? silentLog;
    this.#guard = new Guard(wire, this.#limits, options.bytes ?? false, {
      ended: (reason) => {
        this.#stopKeepalive?.();
        this.#abort.abort(reason);
        resolve(reason);
      },
      heard: () => this.#heard?.(),
    });
    this.#raw = new RpcSession(this.#guard, this.#target(main), {
      onSendError: (error) => toWire(error, (unknown) => this.#unexpected(unknown)),
      limits: {
        maxDepth: this.#limits.depth,
        maxBigIntDigits: this.#limits.bigintDigits,
        maxMessageSize: this.#limits.messageBytes,
      },
    });
    this.stub = this.within(this.#deadlineMs);
    const keepaliveMs = options.keepaliveMs ?? 5_000;
    if (keepaliveMs > 0) this.#keepAlive(keepaliveMs, 0);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  within(deadlineMs: number): T {
    return this.#remote<T>(this.#raw.getRemoteMain(), deadlineMs);
  }

  ping(): void {
    this.#guard.ping();
  }

  onHeard(listener: () => void): void {
    this.#heard = listener;
  }

  lend(exposed: Exposed): object {
    return this.#serve(exposed);
  }

  borrow<B extends object>(reference: unknown): Borrowed<B> {
    const own = duplicate(reference);
    const within = (deadlineMs: number): B => this.#remote<B>(own, deadlineMs);
    return { stub: within(this.#deadlineMs), within, [Symbol.dispose]: () => dispose(own) };
  }

  close(reason = "closed"): void {
    this.#guard.end(ended(reason));
  }

  stats(): SessionStats {
    return { ...this.#raw.getStats(), ...this.#guard.stats(), callbacks: this.#held.size };
  }

  #remote<B extends object>(raw: unknown, deadlineMs: number): B {
    return remote<B>(raw, {
      deadlineMs,
      clock: this.#clock,
      callsMax: this.#limits.outstanding,
      inFlight: this.#inFlight,
    });
  }

  #target(main: (session: Session<T>) => Exposed | undefined): RpcTarget | undefined {
    const exposed = main(this);
    return exposed === undefined ? undefined : this.#serve(exposed);
  }

  #serve(exposed: Exposed): RpcTarget {
    // A class of its own, as capnweb serves what stands on the prototype and only that.
    const Target = class extends RpcTarget {};
    for (const name of exposed.names) {
      const method = async (...args: unknown[]): Promise<unknown> => {
        try {
          return await exposed.invoke(name, args, (stub) => this.#hold(stub));
        } catch (error) {
          // capnweb would send anything else that is thrown as plain data, past every check of errors.
          throw error instanceof Error ? error : new Error(String(error));
        }
      };
      Object.defineProperty(Target.prototype, name, { value: method });
    }
    return new Target();
  }

  /**
   * A callback of the other side. capnweb takes an argument back when the call returns; a duplicate stays.
   */
  #hold(stub: unknown): (...args: unknown[]) => Promise<void> {
    if (this.#held.size >= this.#limits.callbacks) {
      throw new CatalystError(
        "ERR_LIMIT",
        `more than ${this.#limits.callbacks} callbacks are held in this session`,
      );
    }
    const own = duplicate(stub);
    this.#held.add(own);
    let open = 0;
    return (...args) => {
      if (open >= this.#limits.callbackBacklog) {
        this.#guard.end(broken("the other side does not answer its callbacks"));
      }
      open++;
      const answer = this.#callBack(own, args).finally(() => open--);
      // Whoever only tells and does not wait must not be hit by an unhandled rejection; the promise still
      // rejects. With a session that ended its callbacks do too, and that is told already.
      answer.catch((error: unknown) => {
        if (this.#guard.reason === undefined) this.#unexpected(error, "a callback of the other side failed");
      });
      return answer;
    };
  }

  async #callBack(own: CallableStub, args: readonly unknown[]): Promise<void> {
    const reason = this.#guard.reason;
    if (reason !== undefined) throw reason;
    try {
      dispose(
        await call(own(...args), { deadlineMs: this.#deadlineMs, clock: this.#clock, what: "callback" }),
      );
    } catch (error) {
      // A watcher that missed one word would hold stale state for ever. A new session starts with the whole.
      if (error instanceof CatalystError && error.code === "ERR_TIMEOUT") {
        this.#guard.end(broken("the other side does not answer its callbacks"));
      }
      throw error;
    }
  }

  #keepAlive(everyMs: number, missed: number): void {
    this.#stopKeepalive = this.#clock.after(everyMs, () => {
      const now = this.#guard.checkAlive() ? 0 : missed + 1;
      if (now > MISSED_MAX) this.#guard.end(ended(`no sign of life for ${now * everyMs} ms`));
      else this.#keepAlive(everyMs, now);
    });
  }

  #unexpected(error: unknown, what = "a call failed unexpectedly"): void {
    if (++this.#failures > LOGGED_ERRORS_MAX) return;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#log.error({ error: text, remote: this.remote, failures: this.#failures }, what);
  }
}

interface CallableStub {
  (...args: readonly unknown[]): PromiseLike<unknown>;
}

function duplicate(stub: unknown): CallableStub {
  if (typeof stub !== "function" || !("dup" in stub) || typeof stub.dup !== "function") {
    throw new CatalystError("ERR_INVALID_ARGUMENT", "no reference to something of the other side");
  }
  return stub.dup();
}
