// The one way to make a call: it ends within a deadline, fails with a coded error and leaves nothing behind.
// 100,000 calls that are neither awaited nor disposed keep 100,001 entries on both ends, so nobody else may
// touch a raw stub: `remote` wraps it.

import type { Clock } from "#kernel";
import { CatalystError } from "./errors.ts";
import { systemClock } from "./ports.ts";
import { fromWire } from "./wire-error.ts";

export interface CallOptions {
  readonly deadlineMs: number;
  readonly clock?: Clock;
  /** Names the call in the error. */
  readonly what?: string;
}

/**
 * Awaits the answer of a remote call; when the deadline passes, takes the call back and throws ERR_TIMEOUT.
 */
export async function call<R>(promise: PromiseLike<R>, options: CallOptions): Promise<R> {
  const { deadlineMs, clock = systemClock, what = "call" } = options;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const cancel = clock.after(deadlineMs, () => {
    // Disposing releases the call on both ends; its answer, should it still come, is thrown away.
    dispose(promise);
    reject(new CatalystError("ERR_TIMEOUT", `no answer to ${what} within ${deadlineMs} ms`));
  });
  try {
    return await Promise.race([late, promise]);
  } catch (error) {
    throw fromWire(error);
  } finally {
    cancel();
  }
}

export interface RemoteOptions extends Omit<CallOptions, "what"> {
  /**
   * Calls in flight at most; more are refused here with ERR_LIMIT, as the other side would end the session.
   */
  readonly callsMax: number;
  readonly inFlight: { count: number };
}

/** A raw stub as the interface it implements: each method is a `call`. */
export function remote<T extends object>(raw: unknown, options: RemoteOptions): T {
  const methods = new Map<string, (...args: unknown[]) => Promise<unknown>>();
  const get = (_target: object, name: string | symbol): unknown => {
    // A stub may be the result of an async function, which asks for `then`.
    if (typeof name !== "string" || name === "then") return undefined;
    const known = methods.get(name);
    if (known !== undefined) return known;
    const method = (...args: unknown[]): Promise<unknown> => invoke(raw, name, args, options);
    methods.set(name, method);
    return method;
  };
  // The proxy stands for T: capnweb's stub has every name, the contract says which exist.
  return new Proxy(Object.freeze({}), { get }) as T;
}

async function invoke(
  raw: unknown,
  name: string,
  args: readonly unknown[],
  options: RemoteOptions,
): Promise<unknown> {
  const { inFlight, callsMax } = options;
  if (inFlight.count >= callsMax) {
    throw new CatalystError("ERR_LIMIT", `more than ${callsMax} calls are open in this session`);
  }
  const promise = start(raw, name, args);
  inFlight.count++;
  try {
    return await call(promise, { ...options, what: name });
  } finally {
    inFlight.count--;
  }
}

/** capnweb answers these names locally; no contract may use them. */
const RESERVED: ReadonlySet<string> = new Set([
  "constructor",
  "catch",
  "finally",
  "dup",
  "map",
  "onRpcBroken",
]);

/** What a raw capnweb stub looks like from here. */
type RawStub = Readonly<Record<string, (...args: readonly unknown[]) => PromiseLike<unknown>>>;

function start(raw: unknown, name: string, args: readonly unknown[]): PromiseLike<unknown> {
  try {
    if (RESERVED.has(name)) throw new TypeError("the name belongs to the stub itself");
    const method = (raw as RawStub)[name];
    if (method === undefined) throw new TypeError("no stub to call it on");
    return method(...args);
  } catch (error) {
    if (error instanceof CatalystError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw new CatalystError("ERR_INVALID_ARGUMENT", `${name} cannot be called: ${text}`, { cause: error });
  }
}

/** Lets go of a stub or a pending call; of anything else nothing. */
export function dispose(value: unknown): void {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return;
  if (!(Symbol.dispose in value)) return;
  const release = value[Symbol.dispose];
  if (typeof release === "function") release.call(value);
}
