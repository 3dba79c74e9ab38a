// What one side lets the other call: a list of method names, each with the schema of its arguments. Nothing
// else is reachable: not the implementation's other methods, not its fields, not its prototype. Arguments are
// validated at run time, as any of them may be anything, a reference to a remote object included. This file
// is data and dispatch only; `session.ts` turns an `Exposed` into capnweb's class, so naming a contract loads
// nothing.

import { CatalystError } from "./errors.ts";

/** The part of a zod schema that is used. */
export interface ArgumentSchema<Args> {
  safeParse(
    value: unknown,
  ):
    | { readonly success: true; readonly data: Args }
    | { readonly success: false; readonly error: { readonly issues: readonly SchemaIssue[] } };
}

interface SchemaIssue {
  readonly message: string;
  readonly path: readonly PropertyKey[];
}

type Method = (...args: never[]) => unknown;

/** One schema per method that may be called; others of T stay unreachable. */
export type Methods<T> = {
  readonly [K in keyof T as T[K] extends Method ? K : never]?: T[K] extends (...args: infer Args) => unknown
    ? ArgumentSchema<Args>
    : never;
};

export interface Exposed {
  readonly names: readonly string[];
  /**
   * Validates and calls. `hold` replaces a function that came by reference with one that outlives the call.
   */
  invoke(name: string, args: readonly unknown[], hold: (stub: unknown) => unknown): unknown;
}

/** Issues named in an error at most. */
const ISSUES_MAX = 10;

export function expose<T extends object>(implementation: T, methods: Methods<T>): Exposed {
  const table = new Map<string, ArgumentSchema<readonly unknown[]>>(Object.entries(methods));
  return {
    names: [...table.keys()],
    invoke(name, args, hold) {
      const schema = table.get(name);
      const method: unknown = Reflect.get(implementation, name);
      if (schema === undefined || typeof method !== "function") {
        throw new CatalystError("ERR_NOT_FOUND", "no method of this name");
      }
      const parsed = schema.safeParse(args);
      if (!parsed.success) throw invalid(name, parsed.error.issues);
      const held = parsed.data.map((value) => (typeof value === "function" ? hold(value) : value));
      return Reflect.apply(method, implementation, held);
    },
  };
}

/** The same for schemas that are large and seldom needed: they load with the first call. */
export function exposeLater<T extends object>(
  implementation: T,
  names: readonly (keyof Methods<T> & string)[],
  methods: () => Promise<Methods<T>>,
): Exposed {
  let exposed: Promise<Exposed> | undefined;
  return {
    names,
    async invoke(name, args, hold) {
      exposed ??= methods().then((loaded) => expose(implementation, loaded));
      return (await exposed).invoke(name, args, hold);
    },
  };
}

function invalid(name: string, issues: readonly SchemaIssue[]): CatalystError {
  const named = issues.slice(0, ISSUES_MAX).map((issue) => {
    // The first step of a path is the position of the argument.
    const place = issue.path.map(String).join(".");
    return place === "" ? issue.message : `${place}: ${issue.message}`;
  });
  return new CatalystError("ERR_INVALID_ARGUMENT", `wrong arguments of ${name}: ${named.join("; ")}`);
}
