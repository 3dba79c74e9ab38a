// Whether clients are let in: Envoy has taken the ingress listener and its routes, or has refused them and why. A refusal is
// tried again by itself, after 1 s doubling to 30 s, because its cause (a port that another program holds) ends without any
// want of ours changing. Invariant: at most one retry waits.

import type { EnvoyConfigurator, XdsServer } from "#envoy";
import type { Clock } from "#kernel";
import type { ErrorCode } from "#rpc";

export interface IngressProblem {
  readonly code: ErrorCode;
  readonly text: string;
  readonly hint?: string;
  /** Clients get no answer because of it. */
  readonly closed: boolean;
}

const RETRY_FIRST_MS = 1_000;
const RETRY_LAST_MS = 30_000;

export interface IngressWatchOptions {
  readonly clock: Pick<Clock, "after">;
  readonly server: Pick<XdsServer, "acknowledged">;
  readonly configurator: Pick<EnvoyConfigurator, "refusals" | "retryRefused">;
  /** Where clients come in, as the configuration says it. */
  readonly listen: string;
  readonly flush: () => void;
}

export class IngressWatch {
  /** Resolves when Envoy lets clients in for the first time. */
  readonly open: Promise<void>;
  readonly #options: IngressWatchOptions;
  readonly #opened: () => void;
  #attempts = 0;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(options: IngressWatchOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.open = promise;
    this.#opened = resolve;
  }

  /** Undefined when Envoy has refused nothing of the node's own. */
  get problem(): IngressProblem | undefined {
    const [first, ...more] = this.#options.configurator.refusals();
    if (first === undefined) return undefined;
    // The listener explains what stands behind it.
    const { ref, text } = more.find((each) => each.ref === LISTENER) ?? first;
    const closed = !this.#inForce();
    if (ref !== LISTENER) return { code: "ERR_ENVOY_REFUSED", text: `Envoy refused ${ref}: ${text}`, closed };
    return {
      code: "ERR_ENVOY_REFUSED",
      text: `Envoy cannot listen at ${this.#options.listen}: ${text}`,
      hint: "end the program that holds the address, or set ingress.listen; the node tries again by itself",
      closed,
    };
  }

  /** To be called when Envoy may have said something. */
  moved(): void {
    if (this.#inForce()) this.#opened();
    if (this.#options.configurator.refusals().length === 0) {
      this.#cancel?.();
      this.#cancel = undefined;
      this.#attempts = 0;
    } else this.#later();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #inForce(): boolean {
    const { server } = this.#options;
    return server.acknowledged("listener", "ingress") && server.acknowledged("route", "ingress");
  }

  #later(): void {
    if (this.#cancel !== undefined || this.#stopped) return;
    const ms = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** Math.min(this.#attempts, 10));
    this.#attempts += 1;
    this.#cancel = this.#options.clock.after(ms, () => {
      this.#cancel = undefined;
      this.#options.configurator.retryRefused();
      this.#options.flush();
    });
  }
}

const LISTENER = "listener/ingress";
