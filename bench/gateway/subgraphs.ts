// The two services, in one process: real GraphQL servers whose answers are kept by request body, so that they cost as little
// as a server can and the gateways under test are what is measured.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { graphql, parse, type GraphQLSchema } from "graphql";
import { PRODUCTS, PRODUCTS_SDL, REVIEWS_SDL, reviewsOf } from "./graph.ts";

const products = buildSubgraphSchema([
  {
    typeDefs: parse(PRODUCTS_SDL),
    resolvers: {
      Query: { topProducts: (_: unknown, { first }: { first: number }) => PRODUCTS.slice(0, first) },
      Product: {
        __resolveReference: ({ upc }: { upc: string }) => PRODUCTS.find((each) => each.upc === upc),
      },
    },
  },
]);

const reviews = buildSubgraphSchema([
  {
    typeDefs: parse(REVIEWS_SDL),
    resolvers: { Product: { reviews: ({ upc }: { upc: string }) => reviewsOf(upc) } },
  },
]);

function serve(schema: GraphQLSchema): Promise<number> {
  const answers = new Map<string, Buffer>();
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString("latin1");
      const known = answers.get(body);
      if (known !== undefined) return send(known);
      const { query, variables } = JSON.parse(body) as { query: string; variables?: Record<string, unknown> };
      void graphql({ schema, source: query, variableValues: variables ?? null }).then((result) => {
        const answer = Buffer.from(JSON.stringify(result));
        answers.set(body, answer);
        send(answer);
      });
    });
    const send = (answer: Buffer): void => {
      response.writeHead(200, ["content-type", "application/json", "content-length", String(answer.length)]);
      response.end(answer);
    };
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

const ports = await Promise.all([serve(products), serve(reviews)]);
process.send?.({ ports });
process.once("disconnect", () => process.exit(0));
