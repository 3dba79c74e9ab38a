// GraphQL over HTTP on node:http: POST with JSON, parsed documents kept, bodies bounded. `GET /healthz`
// answers 200.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import {
  type DocumentNode,
  execute,
  GraphQLError,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  validate,
} from "graphql";

export interface Running {
  /** "http://127.0.0.1:5001/graphql" */
  readonly url: string;
  close(): Promise<void>;
}

const BODY_BYTES = 1024 * 1024;
/** A gateway sends the same few hundred texts again and again. */
const DOCUMENTS_MAX = 1_000;
/** Requests that still run get this long when the service stops. */
const DRAIN_MS = 2_000;

export async function serveGraphql(
  schema: GraphQLSchema,
  options: { readonly port: number; readonly host?: string; readonly introspection?: boolean },
): Promise<Running> {
  const host = options.host ?? "127.0.0.1";
  const rules =
    options.introspection === false ? [...specifiedRules, NoSchemaIntrospectionCustomRule] : specifiedRules;
  const documents = new Map<string, DocumentNode | readonly GraphQLError[]>();
  const prepare = (query: string): DocumentNode | readonly GraphQLError[] => {
    const known = documents.get(query);
    if (known !== undefined) return known;
    const document = parse(query, { maxTokens: 10_000 });
    const problems = validate(schema, document, rules);
    const prepared = problems.length > 0 ? problems : document;
    if (documents.size >= DOCUMENTS_MAX) documents.clear();
    documents.set(query, prepared);
    return prepared;
  };
  const server = createServer((request, response) => {
    answer(request, response, schema, prepare).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      send(response, 400, { errors: [{ message }] });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, host, resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : options.port;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}/graphql`,
    close: async () => {
      const force = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
      await new Promise((resolve) => server.close(resolve));
      clearTimeout(force);
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  schema: GraphQLSchema,
  prepare: (query: string) => DocumentNode | readonly GraphQLError[],
): Promise<void> {
  if (request.url === "/healthz") return send(response, 200, { ok: true });
  if (request.method !== "POST") {
    response.setHeader("allow", "POST");
    return send(response, 405, { errors: [{ message: "use POST" }] });
  }
  const body: unknown = JSON.parse(await read(request));
  if (typeof body !== "object" || body === null) throw new Error("the body is no JSON object");
  const { query, variables, operationName } = {
    query: undefined,
    variables: undefined,
    operationName: undefined,
    ...body,
  };
  if (typeof query !== "string") throw new Error("the body has no query");
  const prepared = prepare(query);
  if ("length" in prepared) return send(response, 200, { errors: prepared });
  const result = await execute({
    schema,
    document: prepared,
    variableValues: isRecord(variables) ? variables : null,
    operationName: typeof operationName === "string" ? operationName : null,
  });
  send(response, 200, result);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES) throw new Error(`a body of more than ${BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function send(response: ServerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}
