// The schema of an argument that is a function of the caller. Whatever arrives as a function came as a
// reference; the session replaces it with one that outlives the call, counts its open calls and ends with the
// session.

import { z } from "zod";

type AnyFunction = (...args: never[]) => unknown;

export const callback = <F extends AnyFunction>(): z.ZodType<F> =>
  z.custom<F>((value) => typeof value === "function", { error: "expected a function" });
