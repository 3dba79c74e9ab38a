// What the tests of this room share: real subgraphs on loopback, configurations, and a gateway with a client. Services are
// written as SDL with resolvers; `@apollo/subgraph` executes them, so that our executor is tested against a subgraph library
// that is not ours. Invariant: everything started here is closed by `close`, also after a failed assertion.

import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { hash } from "node:crypto";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { buildSchema, graphql, parse, type GraphQLSchema } from "graphql";
import { DEFAULT_GATEWAY_LIMITS } from "#rpc";
import type { GatewayConfig, GatewayLimits, GatewayService } from "#rpc";
import { createGateway, type Gateway, type GatewayOptions } from "./index.ts";

export const FEDERATION =
  `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@requires", "@provides", ` +
  `"@external", "@shareable", "@inaccessible", "@interfaceObject", "@override", "@tag"])\n`;

type Resolver = (parent: never, args: never, context: never, info: never) => unknown;
export type Resolvers = Readonly<Record<string, Readonly<Record<string, Resolver | object>>>>;

export interface SubgraphRequest {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly headers: IncomingHttpHeaders;
}

export interface Subgraph {
  readonly service: GatewayService;
  readonly requests: SubgraphRequest[];
  readonly server: Server;
}

export interface SubgraphOptions {
  readonly name: string;
  readonly sdl: string;
  readonly resolvers?: Resolvers;
  readonly root?: object;
  readonly kind?: "federation" | "graphql";
  readonly overrides?: Partial<GatewayService>;
  /** Answers in place of the schema: status, content type, body. Undefined = as usual. */
  readonly answer?: (request: SubgraphRequest) => RawAnswer | undefined | Promise<RawAnswer | undefined>;
}

export interface RawAnswer {
  readonly status?: number;
  readonly type?: string;
  readonly body: string;
}

/** What is asked of a graph does not depend on how busy the machine is. */
const PATIENT = { idleMs: 0, composeTimeoutMs: 60_000, prepareTimeoutMs: 60_000 };

/** Everything of one test; `await using` closes it. */
export class Bench implements AsyncDisposable {
  readonly gateway: Gateway;
  readonly #servers: Server[] = [];
  #revision = 0;
  #url = "";

  private constructor(gateway: Gateway) {
    this.gateway = gateway;
  }

  static async open(options: GatewayOptions = {}): Promise<Bench> {
    const bench = new Bench(await createGateway({ ...options, thread: { ...PATIENT, ...options.thread } }));
    const forbidden = () => Promise.reject(new Error("no identity in this test"));
    const { port } = await bench.gateway.listen({
      host: "127.0.0.1",
      port: 0,
      identity: { verify: forbidden, exchange: forbidden, wallNow: Date.now },
    });
    bench.#url = `http://127.0.0.1:${port}/graphql`;
    return bench;
  }

  get url(): string {
    return this.#url;
  }

  async subgraph(options: SubgraphOptions): Promise<Subgraph> {
    const subgraph = await startSubgraph(options);
    this.#servers.push(subgraph.server);
    return subgraph;
  }

  /** Starts the services and applies them as one graph without identity. */
  async graph(
    services: readonly SubgraphOptions[],
    limits: Partial<GatewayLimits> = {},
  ): Promise<Subgraph[]> {
    const subgraphs: Subgraph[] = [];
    for (const service of services) subgraphs.push(await this.subgraph(service));
    const applied = await this.apply(
      subgraphs.map(({ service }) => service),
      limits,
    );
    if (!applied.ok || applied.quarantined.length > 0) throw new Error(JSON.stringify(applied));
    return subgraphs;
  }

  config(services: readonly GatewayService[], limits: Partial<GatewayLimits> = {}): GatewayConfig {
    const content = {
      services,
      limits: { ...DEFAULT_GATEWAY_LIMITS, ...limits },
      drainMs: 5_000,
      identity: "none" as const,
    };
    return {
      revision: ++this.#revision,
      hash: hash("sha256", JSON.stringify(content), "base64url"),
      ...content,
    };
  }

  apply(services: readonly GatewayService[], limits: Partial<GatewayLimits> = {}) {
    return this.gateway.apply(this.config(services, limits));
  }

  async query(query: string, variables?: object, headers: Record<string, string> = {}): Promise<QueryResult> {
    const { json } = await this.post({ query, variables }, headers);
    return json as QueryResult;
  }

  async post(body: unknown, headers: Record<string, string> = {}, url = this.#url) {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: JSON.parse(text) as unknown };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway.close(1_000);
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }
}

export interface QueryResult {
  readonly data?: unknown;
  readonly errors?: readonly {
    readonly message: string;
    readonly path?: readonly (string | number)[];
    readonly extensions: { readonly code: string; readonly service?: string };
  }[];
}

export async function startSubgraph(options: SubgraphOptions): Promise<Subgraph> {
  const { name, sdl, resolvers = {}, root, answer } = options;
  const kind = options.kind ?? "federation";
  const schema: GraphQLSchema =
    kind === "federation"
      ? buildSubgraphSchema([{ typeDefs: parse(sdl), resolvers: resolvers as never }])
      : withResolvers(buildSchema(sdl), resolvers);
  const requests: SubgraphRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as { query: string; variables?: object };
      const seen = { query: body.query, variables: { ...body.variables }, headers: request.headers };
      requests.push(seen);
      void (async () => {
        const raw = await answer?.(seen);
        const text =
          raw?.body ??
          JSON.stringify(
            await graphql({ schema, source: body.query, variableValues: seen.variables, rootValue: root }),
          );
        response.writeHead(raw?.status ?? 200, { "content-type": raw?.type ?? "application/json" });
        response.end(text);
      })();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const service: GatewayService = {
    name: `${name}.acme.catalyst.internal`,
    shortName: name,
    kind,
    urls: [`http://127.0.0.1:${port}/graphql`],
    sdl,
    headers: { forward: [], set: {} },
    timeoutMs: 5_000,
    ...options.overrides,
  };
  return { service, requests, server };
}

function withResolvers(schema: GraphQLSchema, resolvers: Resolvers): GraphQLSchema {
  for (const [type, fields] of Object.entries(resolvers)) {
    const object = schema.getType(type);
    if (object === undefined || !("getFields" in object)) continue;
    for (const [name, resolve] of Object.entries(fields)) {
      const field = object.getFields()[name];
      if (field !== undefined && "resolve" in field) field.resolve = resolve as never;
    }
  }
  return schema;
}
