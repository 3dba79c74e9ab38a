// The graph of the benchmark: two services, ten products, three reviews each with an author. One query stays in one service
// (0.8 kB), one goes over both in two hops (5 kB). Schemas and data are here once, so every engine is measured on the same.

export const PRODUCTS_SDL = /* GraphQL */ `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])
  type Query {
    topProducts(first: Int = 10): [Product!]!
  }
  type Product @key(fields: "upc") {
    upc: ID!
    name: String!
    price: Int
    weight: Int
    inStock: Boolean
  }
`;

export const REVIEWS_SDL = /* GraphQL */ `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])
  type Product @key(fields: "upc") {
    upc: ID!
    reviews: [Review!]!
  }
  type Review {
    id: ID!
    stars: Int!
    body: String!
    author: Author
  }
  type Author {
    id: ID!
    name: String!
  }
`;

export const QUERIES = {
  one: "{topProducts{upc name price weight inStock}}",
  fed: "{topProducts{upc name price weight inStock reviews{id stars body author{id name}}}}",
} as const;

export type QueryName = keyof typeof QUERIES;

export const PRODUCTS = Array.from({ length: 10 }, (_, index) => ({
  upc: `p${index}`,
  name: `Product number ${index}`,
  price: 100 + index,
  weight: 10 * index,
  inStock: index % 2 === 0,
}));

export function reviewsOf(upc: string) {
  return Array.from({ length: 3 }, (_, index) => ({
    id: `${upc}r${index}`,
    stars: 1 + (index % 5),
    body: `Review ${index}: works as described, and the box was easy to open.`,
    author: { id: `a${index}`, name: `Author number ${index}` },
  }));
}
