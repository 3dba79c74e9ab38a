// Reads what clients send: a request's bytes up to a limit, and the GraphQL parameters in them (GraphQL over HTTP, sections 4
// and 5). Invariant: nothing is kept of a body that is over the limit, and everything that comes back has its type checked.

import type { IncomingMessage } from "node:http";

export type Body =
  | { readonly ok: true; readonly bytes: Buffer }
  | { readonly ok: false; readonly reason: "too-large" | "aborted" };

export function readBody(request: IncomingMessage, bytesMax: number): Promise<Body> {
  return new Promise((resolve) => {
    let first: Buffer | undefined;
    let more: Buffer[] | undefined;
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > bytesMax) {
        first = undefined;
        more = undefined;
        request.pause();
        resolve({ ok: false, reason: "too-large" });
      } else if (first === undefined) first = chunk;
      else if (more === undefined) more = [first, chunk];
      else more.push(chunk);
    });
    request.on("end", () => {
      resolve({
        ok: true,
        bytes: more !== undefined ? Buffer.concat(more, size) : (first ?? Buffer.alloc(0)),
      });
    });
    request.on("close", () => resolve({ ok: false, reason: "aborted" }));
  });
}

export interface Parameters {
  readonly document: string;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
}

/** One request's parameters, or what is wrong with them. */
export function readParameters(value: unknown): Parameters | string {
  if (typeof value !== "object" || value === null) return "the body must be a JSON object";
  const { query, operationName, variables } = value as Record<string, unknown>;
  if (typeof query !== "string") return `"query" must be a string`;
  if (operationName !== undefined && operationName !== null && typeof operationName !== "string") {
    return `"operationName" must be a string`;
  }
  if (
    variables !== undefined &&
    variables !== null &&
    (typeof variables !== "object" || Array.isArray(variables))
  ) {
    return `"variables" must be an object`;
  }
  return {
    document: query,
    // An empty name is what some clients send for none.
    operationName: typeof operationName === "string" && operationName !== "" ? operationName : undefined,
    variables: (variables as Readonly<Record<string, unknown>> | null | undefined) ?? undefined,
  };
}

export function readQueryString(search: string): Parameters | string {
  const parameters = new URLSearchParams(search);
  const variables = parameters.get("variables");
  let parsed: unknown;
  try {
    parsed = variables === null || variables === "" ? undefined : JSON.parse(variables);
  } catch {
    return `"variables" must be JSON`;
  }
  return readParameters({
    query: parameters.get("query") ?? undefined,
    operationName: parameters.get("operationName"),
    variables: parsed,
  });
}
