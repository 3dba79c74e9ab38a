// Reads a service's schema: `_service { sdl }` first, which a federation service answers, else introspection, printed in a
// sorted form so that equal schemas have equal text. The service is not trusted: time, bytes, content type and shape are
// checked, redirects are not followed. Invariant: what is returned parses as SDL of at most `maxBytes`.

import { Pool } from "../execute/pool.ts";
import { CatalystError } from "#rpc";
import { Breaker } from "../execute/breaker.ts";
import { exchange, type Endpoint, type Reply } from "../execute/transport.ts";

export interface ReadSchemaOptions {
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

export interface ServiceSchema {
  readonly sdl: string;
  readonly kind: "federation" | "graphql";
}

export async function readSchema(url: string, options: ReadSchemaOptions): Promise<ServiceSchema> {
  const { origin, pathname, search } = new URL(url);
  const pool = new Pool(origin, { connections: 1, headersTimeout: 0, bodyTimeout: 0, allowH2: false });
  const started = performance.now();
  const endpoint: Endpoint = {
    url,
    path: pathname + search,
    pool,
    breaker: new Breaker(() => performance.now()),
  };
  const ask = async (query: string): Promise<Readonly<Record<string, unknown>>> => {
    const leftMs = options.timeoutMs - (performance.now() - started);
    if (leftMs <= 0) throw unreachable(`no schema within ${options.timeoutMs} ms`);
    const headers = ["content-type", "application/json", "accept", "application/json"];
    // Introspection is several times as long as the SDL printed from it.
    const bytesMax = options.maxBytes * 8;
    return answerOf(await exchange(endpoint, headers, JSON.stringify({ query }), leftMs, bytesMax), options);
  };
  try {
    const federation = await ask("{_service{sdl}}");
    const { _service: service } = (federation["data"] ?? {}) as { _service?: { sdl?: unknown } | null };
    if (typeof service?.sdl === "string" && service.sdl !== "") {
      return { sdl: await checked(service.sdl, options), kind: "federation" };
    }
    // Only here: a process that reads federation services never loads graphql-js for the printing.
    const { buildClientSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema } =
      await import("graphql");
    const { data, errors } = await ask(getIntrospectionQuery({ descriptions: true, specifiedByUrl: false }));
    if (typeof data !== "object" || data === null) {
      const [first] = Array.isArray(errors) ? (errors as { message?: unknown }[]) : [];
      const why = typeof first?.message === "string" ? `: ${first.message.slice(0, 200)}` : "";
      throw new CatalystError("ERR_SCHEMA_UNREACHABLE", `the service does not answer introspection${why}`);
    }
    let sdl: string;
    try {
      sdl = printSchema(lexicographicSortSchema(buildClientSchema(data as never)));
    } catch (error) {
      throw new CatalystError("ERR_SCHEMA_INVALID", "the service's introspection is not valid", {
        cause: error,
      });
    }
    return { sdl: await checked(sdl, options), kind: "graphql" };
  } finally {
    await pool.destroy();
  }
}

async function checked(sdl: string, options: ReadSchemaOptions): Promise<string> {
  if (Buffer.byteLength(sdl) > options.maxBytes) throw tooLarge(options);
  const { parse } = await import("graphql");
  try {
    parse(sdl, { noLocation: true, maxTokens: 500_000 });
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 200) : "unreadable";
    throw new CatalystError("ERR_SCHEMA_INVALID", `the service's schema does not parse: ${why}`);
  }
  return sdl;
}

function answerOf(reply: Reply, options: ReadSchemaOptions): Readonly<Record<string, unknown>> {
  if (!reply.ok) {
    if (reply.failure === "too-large") throw tooLarge(options);
    if (reply.failure === "timeout") throw unreachable(`no schema within ${options.timeoutMs} ms`);
    throw unreachable("the service cannot be reached");
  }
  // A service without `_service` may answer 400 with GraphQL errors; that is an answer too.
  if (!reply.json) {
    throw unreachable(
      reply.status >= 200 && reply.status < 300
        ? "the service does not answer with JSON"
        : `the service answered with status ${reply.status}`,
    );
  }
  try {
    const answer: unknown = JSON.parse(reply.bytes.toString("utf8"));
    if (typeof answer === "object" && answer !== null && !Array.isArray(answer)) {
      return answer as Readonly<Record<string, unknown>>;
    }
  } catch (error) {
    throw new CatalystError("ERR_SCHEMA_UNREACHABLE", "the service answered with broken JSON", {
      cause: error,
    });
  }
  throw unreachable("the service answered with something that is not GraphQL");
}

const unreachable = (text: string): CatalystError => new CatalystError("ERR_SCHEMA_UNREACHABLE", text);

const tooLarge = ({ maxBytes }: ReadSchemaOptions): CatalystError =>
  new CatalystError("ERR_SCHEMA_TOO_LARGE", `the service's schema is larger than ${maxBytes} bytes`);
