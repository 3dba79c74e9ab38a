// A session that is there again after it broke. Nothing survives a break, so the owner gets each new session
// in `onConnect` and brings the other side up to date there (apply the graph, watch the keys): desired state,
// never a replay of lost calls. Redials back off with full jitter from 50 ms to 2 s; the count starts anew
// only after a session that lasted, so a part that accepts and dies at once is not dialled in a tight loop.

import type { Clock, Log, Random } from "#kernel";
import { CatalystError } from "./errors.ts";
import { silentLog, systemClock, systemRandom } from "./ports.ts";
import type { Session } from "./session-types.ts";
import { ended } from "./wire.ts";
import { fromWire } from "./wire-error.ts";

export interface ReconnectingOptions<T extends object> {
  /** Called with each new session; when it throws, the session is closed and dialled again later. */
  readonly onConnect?: (stub: T, session: Session<T>) => void | Promise<void>;
  /** Called when a session ended or a dial failed; `attempt` counts failures in a row. */
  readonly onLoss?: (reason: CatalystError, attempt: number) => void;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Log;
  /** First and largest delay; default 50 ms and 2 s. */
  readonly delayMs?: { readonly first: number; readonly max: number };
  /** A session that lasted this long was a good one; default 5 s. */
  readonly steadyMs?: number;
}

export interface Reconnecting<T extends object> {
  /** Calls go to the present session, or fail at once with ERR_RPC_CLOSED when there is none. */
  readonly stub: T;
  /** The present session, once `onConnect` was through. */
  readonly session: Session<T> | undefined;
  /** Resolves with the present or the next session; rejects when this is closed or the time is over. */
  ready(deadlineMs: number): Promise<Session<T>>;
  close(): Promise<void>;
}

export function reconnecting<T extends object>(
  connect: (signal: AbortSignal) => Promise<Session<T>>,
  options: ReconnectingOptions<T> = {},
): Reconnecting<T> {
  return new Redialer(connect, options);
}

class Redialer<T extends object> implements Reconnecting<T> {
  readonly stub: T;
  readonly #connect: (signal: AbortSignal) => Promise<Session<T>>;
  readonly #options: ReconnectingOptions<T>;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #waiting = new Set<PromiseWithResolvers<Session<T>>>();
  readonly #done: Promise<void>;
  #session: Session<T> | undefined;
  #lost: CatalystError = ended("not connected yet");

  constructor(connect: (signal: AbortSignal) => Promise<Session<T>>, options: ReconnectingOptions<T>) {
    this.#connect = connect;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.stub = this.#delegate();
    this.#done = this.#run();
  }

  get session(): Session<T> | undefined {
    return this.#session;
  }

  async ready(deadlineMs: number): Promise<Session<T>> {
    if (this.#session !== undefined) return this.#session;
    if (this.#stop.signal.aborted) throw this.#lost;
    const waiter = Promise.withResolvers<Session<T>>();
    this.#waiting.add(waiter);
    const cancel = this.#clock.after(deadlineMs, () =>
      waiter.reject(
        new CatalystError("ERR_TIMEOUT", `no session within ${deadlineMs} ms: ${this.#lost.message}`, {
          cause: this.#lost,
        }),
      ),
    );
    try {
      return await waiter.promise;
    } finally {
      cancel();
      this.#waiting.delete(waiter);
    }
  }

  async close(): Promise<void> {
    this.#lost = ended("closed");
    this.#stop.abort();
    await this.#done;
    for (const waiter of this.#waiting) waiter.reject(this.#lost);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let attempt = 0; !signal.aborted;) {
      const since = this.#clock.monotonic();
      const reason = await this.#live(signal);
      if (signal.aborted) return;
      this.#lost = reason;
      const steady = this.#clock.monotonic() - since >= (this.#options.steadyMs ?? 5_000);
      attempt = steady ? 1 : attempt + 1;
      this.#options.onLoss?.(reason, attempt);
      await this.#pause(attempt, signal);
    }
  }

  /** One session from dial to end; the reason of its end. */
  async #live(signal: AbortSignal): Promise<CatalystError> {
    let session: Session<T> | undefined;
    const close = (): void => session?.close();
    signal.addEventListener("abort", close, { once: true });
    try {
      session = await this.#connect(signal);
      if (signal.aborted) return this.#lost;
      await this.#options.onConnect?.(session.stub, session);
      if (!session.signal.aborted) this.#present(session);
      return await session.closed;
    } catch (error) {
      return fromWire(error);
    } finally {
      this.#session = undefined;
      session?.close();
      signal.removeEventListener("abort", close);
    }
  }

  #present(session: Session<T>): void {
    this.#session = session;
    for (const waiter of this.#waiting) waiter.resolve(session);
  }

  #pause(attempt: number, signal: AbortSignal): Promise<void> {
    const { first, max } = this.#options.delayMs ?? { first: 50, max: 2_000 };
    const ceiling = Math.min(max, first * 2 ** Math.min(attempt - 1, 16));
    const ms = (this.#options.random ?? systemRandom).next() * ceiling;
    (this.#options.log ?? silentLog).debug({ attempt, ms, reason: this.#lost.message }, "dialling again");
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, resolve);
      signal.addEventListener(
        "abort",
        () => {
          cancel();
          resolve();
        },
        { once: true },
      );
    });
  }

  #delegate(): T {
    const get = (_target: object, name: string | symbol): unknown => {
      if (typeof name !== "string" || name === "then") return undefined;
      const session = this.#session;
      if (session !== undefined) return Reflect.get(session.stub, name);
      return (): Promise<never> => Promise.reject(this.#lost);
    };
    // The proxy stands for T, as the session's own stub does.
    return new Proxy(Object.freeze({}), { get }) as T;
  }
}
