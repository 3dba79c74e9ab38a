// The schemas of an argument that is a function or an object of the caller. Both arrive as a reference. The session replaces a
// function with one that outlives the call, counts its open calls and ends with the session; an object is handed on as it came,
// for `Session.borrow`.

import { z } from "./zod.ts";

type AnyFunction = (...args: never[]) => unknown;

export const callback = <F extends AnyFunction>(): z.ZodMiniType<F> =>
  z.custom<F>((value) => typeof value === "function", { error: "expected a function" });

/** An object of the caller that came by reference; in a box, so that nobody takes it for a function. */
export interface Reference {
  readonly target: unknown;
}

export const reference = (): z.ZodMiniType<Reference> =>
  z.pipe(
    z.custom<object>((value) => typeof value === "function", { error: "expected an object of the caller" }),
    z.transform((target): Reference => ({ target })),
  );
