// A service's registration with its node: kept by a lease that is renewed at a third of its life, given again
// after every break, ended on `close`. One loop does it all: register, listen for events while renewing, and
// when either fails, wait a moment and start over. Invariant: nothing is ever thrown outside the promises
// that the caller holds; what goes wrong is told to `onError`, and the loop goes on until `close`.

import { randomUUID } from "node:crypto";
import { resolveAddress, type Environment } from "./address.ts";
import { RegistrationError } from "./error.ts";
import { exchange, listen, type Target } from "./http.ts";
import { PATHS, type Registered, type Registering } from "./wire.ts";

export type State = "registering" | "registered" | "lost" | "draining" | "closed";

export interface RegisterOptions extends Omit<Registering, "lease"> {
  /** The node: "http://host:port" or "unix:/path". Default: CATALYST_SDK_URL, or the node of this user. */
  readonly url?: string;
  /** Needed over TCP: an API key with the scope `register:NAME`. */
  readonly apiKey?: string;
  /** Hears of every failed attempt; the attempts go on. */
  readonly onError?: (error: RegistrationError) => void;
  /**
   * Keeps the process alive also after the first success. Default false: the service's own server does that.
   */
  readonly keepAlive?: boolean;
  readonly env?: Environment;
}

export interface Registration {
  /** The full name once registered, before that the name asked for. */
  readonly name: string;
  readonly state: State;
  /**
   * Resolves with the first success; rejects when the node refuses the first time it answers, or on `close`
   * before.
   */
  readonly ready: Promise<void>;
  /** Called when the node stops; the returned function takes the listener away. */
  onDrain(listener: () => void): () => void;
  onError(listener: (error: RegistrationError) => void): () => void;
  /** Takes the service out of the node; never rejects. */
  close(): Promise<void>;
}

/**
 * Starts registering; resolves at once, also when no node runs yet. Rejects only for arguments that can never
 * work.
 */
export async function register(options: RegisterOptions): Promise<Registration> {
  if (options.name === "" || options.protocol === "") {
    throw new RegistrationError("ERR_INVALID_ARGUMENT", "name and protocol must be given");
  }
  if ((options.endpoint === undefined) === (options.endpoints === undefined)) {
    throw new RegistrationError(
      "ERR_INVALID_ARGUMENT",
      "exactly one of endpoint and endpoints must be given",
    );
  }
  return new Keeper(options);
}

/** Delays of retries: full jitter below the ceiling. A node that comes back is found within a second. */
const FIRST_MS = 100;
const LOST_MAX_MS = 1_000;
/** After a refusal: a name that is taken may become free, but not soon. */
const REFUSED_MAX_MS = 15_000;
/** The node writes to the stream every 15 s at least; silence for three times that means that it is gone. */
const SILENCE_MS = 45_000;

class Keeper implements Registration {
  readonly ready: Promise<void>;
  readonly #options: RegisterOptions;
  readonly #drains = new Set<() => void>();
  readonly #errors = new Set<(error: RegistrationError) => void>();
  readonly #done: Promise<void>;
  readonly #abort = new AbortController();
  #name: string;
  #state: State = "registering";
  /** Chosen here, so that a registration whose answer was lost is renewed and not doubled. */
  #lease: string = randomUUID();
  #asked = false;
  #wake: (() => void) | undefined;
  #everRegistered = false;
  #resolveReady: () => void = () => undefined;
  #rejectReady: (error: RegistrationError) => void = () => undefined;

  constructor(options: RegisterOptions) {
    this.#options = options;
    this.#name = options.name;
    if (options.onError !== undefined) this.#errors.add(options.onError);
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    // Whoever does not wait for it must not be hit by an unhandled rejection.
    this.ready.catch(() => undefined);
    this.#done = this.#run();
  }

  get name(): string {
    return this.#name;
  }

  get state(): State {
    return this.#state;
  }

  onDrain(listener: () => void): () => void {
    this.#drains.add(listener);
    return () => void this.#drains.delete(listener);
  }

  onError(listener: (error: RegistrationError) => void): () => void {
    this.#errors.add(listener);
    return () => void this.#errors.delete(listener);
  }

  async close(): Promise<void> {
    if (this.#state !== "closed") {
      this.#state = "closed";
      this.#rejectReady(new RegistrationError("ERR_CLOSED", "the registration was closed"));
      this.#abort.abort();
      this.#wake?.();
      await this.#done;
      await this.#leave();
    }
    await this.#done;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#closed()) {
      try {
        const renewMs = await this.#register();
        // Only a registration that was renewed once counts as a good one: a node that takes it and fails at
        // once must not be asked in a tight loop.
        await this.#keep(renewMs, () => (failures = 0));
      } catch (error) {
        if (this.#closed()) return;
        failures++;
        this.#fail(asError(error));
        await this.#pause(this.#delay(asError(error), failures));
      }
    }
  }

  /** Registers or renews; answers when to renew. */
  async #register(): Promise<number> {
    const { name, protocol, endpoint, endpoints, ingress, probe, timeout, labels } = this.#options;
    const wanted = {
      name,
      protocol,
      endpoint,
      endpoints,
      ingress,
      probe,
      timeout,
      labels,
      lease: this.#lease,
    };
    this.#asked = true;
    const answered = checked(await exchange(this.#target(), "POST", PATHS.services, wanted));
    if (this.#closed()) return answered.renewMs;
    this.#lease = answered.lease;
    this.#name = answered.name;
    if (this.#state !== "draining") this.#state = "registered";
    this.#everRegistered = true;
    this.#resolveReady();
    return answered.renewMs;
  }

  /** Renews while the stream is open; ends by throwing why it is not any more. */
  async #keep(firstMs: number, onRenewed: () => void): Promise<void> {
    let broken: RegistrationError | undefined;
    const path = `${PATHS.events}?lease=${encodeURIComponent(this.#lease)}`;
    try {
      const stream = await listen(this.#target(), path, SILENCE_MS, (event) => this.#hear(event));
      void stream.over.then((reason) => {
        broken = reason;
        this.#wake?.();
      });
      try {
        for (let renewMs = firstMs; ; renewMs = await this.#register(), onRenewed()) {
          if (broken === undefined) await this.#pause(renewMs);
          if (broken !== undefined) throw broken;
          if (this.#closed()) return;
        }
      } finally {
        stream.close();
      }
    } finally {
      if (!this.#closed()) this.#state = "lost";
    }
  }

  #hear(event: string): void {
    if (event !== "drain" || this.#closed()) return;
    this.#state = "draining";
    for (const listener of this.#drains) attempt(listener);
  }

  #fail(error: RegistrationError): void {
    if (error.status !== undefined && !this.#everRegistered) this.#rejectReady(error);
    for (const listener of this.#errors) attempt(() => listener(error));
  }

  async #leave(): Promise<void> {
    if (!this.#asked) return;
    try {
      const { signal: _, ...target } = this.#target();
      await exchange(target, "DELETE", `${PATHS.services}/${encodeURIComponent(this.#lease)}`);
    } catch (error) {
      // Not renewed any more, the lease ends by itself; a node that does not know it has nothing to end.
      if (asError(error).status !== 404) this.#fail(asError(error));
    }
  }

  #target(): Target {
    const { url, apiKey, env = process.env } = this.#options;
    const address = resolveAddress(url, env);
    return { address, apiKey, hold: this.#holds(), signal: this.#abort.signal };
  }

  /**
   * Until the first success the registration keeps the process alive, so that waiting for `ready` works
   * anywhere.
   */
  #holds(): boolean {
    return this.#options.keepAlive === true || !this.#everRegistered || this.#closed();
  }

  #delay(error: RegistrationError, failures: number): number {
    // 429 and 503 pass by themselves; other refusals stay until somebody acts.
    const refused = error.status !== undefined && error.status < 500 && error.status !== 429;
    const max = refused ? REFUSED_MAX_MS : LOST_MAX_MS;
    return Math.random() * Math.min(max, FIRST_MS * 2 ** Math.min(failures - 1, 10));
  }

  #pause(ms: number): Promise<void> {
    if (this.#closed()) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      if (!this.#holds()) timer.unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #closed(): boolean {
    return this.#state === "closed";
  }
}

/** A listener's own error must end neither the registration nor the service; it is shown as a warning. */
function attempt(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}

function checked(answered: unknown): Registered {
  if (typeof answered === "object" && answered !== null && "lease" in answered && "name" in answered) {
    const { lease, name } = answered;
    const ttlMs = "ttlMs" in answered ? answered.ttlMs : undefined;
    const renewMs = "renewMs" in answered ? answered.renewMs : undefined;
    if (typeof lease === "string" && typeof name === "string" && typeof ttlMs === "number") {
      // Bounds against a node that says 0: it would be asked without a pause.
      const renew = typeof renewMs === "number" ? renewMs : ttlMs / 3;
      return { lease, name, ttlMs, renewMs: Math.min(Math.max(renew, 100), 3_600_000) };
    }
  }
  throw new RegistrationError("ERR_HTTP_STATUS", "the node's answer is none of this protocol");
}

const asError = (error: unknown): RegistrationError =>
  error instanceof RegistrationError
    ? error
    : new RegistrationError("ERR_INTERNAL", error instanceof Error ? error.message : String(error), {
        cause: error,
      });
