// A list of functions to call when something changed. Exists because key sources, verifiers and watchers all need the same
// four lines. Invariant: a listener that throws does not keep the others from hearing; the fault is handed to `onFault`.

export class Listeners<T> {
  readonly #all = new Set<(value: T) => void>();
  readonly #onFault: (error: unknown) => void;

  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault;
  }

  add(listener: (value: T) => void): () => void {
    this.#all.add(listener);
    return () => this.#all.delete(listener);
  }

  call(value: T): void {
    for (const listener of [...this.#all]) {
      try {
        listener(value);
      } catch (error) {
        this.#onFault(error);
      }
    }
  }
}
