// Spares a process Node's own HTTP client (undici: 65 ms of processor time, some megabytes), which none of ours uses. Importing
// `node:http` as an ES module reads every export of it, three of which load that client; and capnweb asks of each object whether
// it is a `Response`, which does the same. So the exports are hidden, and the names get stand-ins that shadow the real classes
// until somebody wants one: a plugin's `fetch` finds everything as ever. Invariant: only the time of loading changes.

import { runInThisContext } from "node:vm";

const EXPORTS = ["WebSocket", "CloseEvent", "MessageEvent"] as const;
const CLASSES = ["Headers", "Request", "Response"] as const;

let done = false;

/** To be called before the first import of `node:http`, and before capnweb's first call. Idempotent. */
export function spareFetch(): void {
  if (done) return;
  done = true;
  const http = process.getBuiltinModule("node:http");
  for (const name of EXPORTS) {
    const lazy = Object.getOwnPropertyDescriptor(http, name);
    if (lazy?.get !== undefined) Object.defineProperty(http, name, { ...lazy, enumerable: false });
  }
  // Names of the script scope come before those of the global object, which is not touched: even to look would load.
  const bind = runInThisContext(
    `let ${CLASSES.join(", ")}; (values) => { [${CLASSES.join(", ")}] = values; }`,
  ) as (values: readonly object[]) => void;
  const real = (name: string): Real => {
    bind(CLASSES.map((each) => Reflect.get(globalThis, each) as Real));
    return Reflect.get(globalThis, name) as Real;
  };
  bind(CLASSES.map((name) => standIn(() => real(name))));
}

type Real = new (...args: unknown[]) => object;

/** Answers by itself only what its prototype is, which no object has; everything else brings the real class. */
const standIn = (real: () => Real): object =>
  new Proxy(class {}, {
    construct: (_, args) => new (real())(...(args as unknown[])),
    get: (target, key) => {
      if (key === "prototype") return target.prototype;
      if (key === Symbol.hasInstance) return (value: unknown) => value instanceof real();
      return Reflect.get(real(), key) as unknown;
    },
  });
