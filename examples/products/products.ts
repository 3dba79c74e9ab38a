// The Products service: owns the type Product and what is sold. Weight is in grams, price in cents.

import type { GraphQLSchema } from "graphql";
import { subgraph } from "../subgraph/schema.ts";
import { serveGraphql, type Running } from "../subgraph/serve.ts";

const SDL = `
extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])

type Query {
  "What sells best, best first."
  topProducts(first: Int! = 3): [Product!]!
  product(upc: ID!): Product
}

type Product @key(fields: "upc") {
  upc: ID!
  name: String!
  "In cents."
  price: Int!
  "In grams."
  weight: Int!
}
`;

interface Product {
  readonly upc: string;
  readonly name: string;
  readonly price: number;
  readonly weight: number;
}

const PRODUCTS: readonly Product[] = [
  { upc: "kettle", name: "Copper kettle", price: 5_900, weight: 1_240 },
  { upc: "lamp", name: "Reading lamp", price: 8_450, weight: 2_100 },
  { upc: "atlas", name: "Atlas of small islands", price: 3_200, weight: 980 },
  { upc: "stool", name: "Three-legged stool", price: 11_500, weight: 4_300 },
  { upc: "radio", name: "Kitchen radio", price: 7_990, weight: 1_650 },
];

const byUpc = new Map(PRODUCTS.map((product) => [product.upc, product]));
const find = (upc: unknown): Product | undefined => (typeof upc === "string" ? byUpc.get(upc) : undefined);

export const schema = (): GraphQLSchema =>
  subgraph(
    SDL,
    {
      Query: {
        topProducts: (_parent, args: { first: number }) => PRODUCTS.slice(0, Math.max(0, args.first)),
        product: (_parent, args: { upc: string }) => find(args.upc),
      },
    },
    { Product: (reference) => find(reference["upc"]) },
  );

export const start = (options: { readonly port: number; readonly host?: string }): Promise<Running> =>
  serveGraphql(schema(), options);
