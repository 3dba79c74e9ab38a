// The Reviews service: owns the type Review and adds what people say to Product, which the Products service
// owns. It knows a product by its key alone; that is enough to hang reviews on it.

import { GraphQLError, type GraphQLSchema } from "graphql";
import { subgraph } from "../subgraph/schema.ts";

const SDL = `
extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])

type Query {
  latestReviews(first: Int! = 5): [Review!]!
}

type Mutation {
  "Rating from 1 to 5."
  addReview(upc: ID!, rating: Int!, body: String!, author: String!): Review!
}

type Review @key(fields: "id") {
  id: ID!
  body: String!
  rating: Int!
  author: String!
  product: Product!
}

type Product @key(fields: "upc") {
  upc: ID!
  reviews(first: Int! = 10): [Review!]!
  "Null when nobody said anything yet."
  averageRating: Float
}
`;

interface Review {
  readonly id: string;
  readonly upc: string;
  readonly rating: number;
  readonly author: string;
  readonly body: string;
}

interface Product {
  readonly upc: string;
}

const SOME: readonly Omit<Review, "id">[] = [
  { upc: "kettle", rating: 5, author: "Ada", body: "Sings a fifth above the old one." },
  { upc: "kettle", rating: 3, author: "Ben", body: "Handsome, and hot at the handle." },
  { upc: "lamp", rating: 4, author: "Chidi", body: "Bright enough for small print." },
  { upc: "atlas", rating: 5, author: "Ada", body: "I will visit none of them. Wonderful." },
  { upc: "radio", rating: 2, author: "Dora", body: "Knows two stations." },
];

/** Kept in memory; the oldest go first, so a busy demo does not grow. */
const REVIEWS_MAX = 10_000;
const TEXT_MAX = 2_000;

class Reviews {
  readonly #reviews: Review[] = [];
  #last = 0;

  constructor() {
    for (const review of SOME) this.#keep(review);
  }

  add(review: Omit<Review, "id">): Review {
    if (review.rating < 1 || review.rating > 5) throw new GraphQLError("rating must be from 1 to 5");
    if (review.body.length > TEXT_MAX || review.author.length > TEXT_MAX) throw new GraphQLError("too long");
    return this.#keep(review);
  }

  latest(first: number): readonly Review[] {
    return this.#reviews.slice(-Math.max(1, first)).toReversed();
  }

  of(upc: string): readonly Review[] {
    return this.#reviews.filter((review) => review.upc === upc);
  }

  byId(id: unknown): Review | undefined {
    return this.#reviews.find((review) => review.id === id);
  }

  #keep({ upc, rating, author, body }: Omit<Review, "id">): Review {
    const review = { id: String(++this.#last), upc, rating, author, body };
    this.#reviews.push(review);
    if (this.#reviews.length > REVIEWS_MAX) this.#reviews.shift();
    return review;
  }
}

const average = (reviews: readonly Review[]): number | null =>
  reviews.length === 0 ? null : reviews.reduce((sum, { rating }) => sum + rating, 0) / reviews.length;

export function schema(): GraphQLSchema {
  const reviews = new Reviews();
  return subgraph(
    SDL,
    {
      Query: { latestReviews: (_parent, args: { first: number }) => reviews.latest(args.first) },
      Mutation: { addReview: (_parent, args: Omit<Review, "id">) => reviews.add(args) },
      Review: { product: (review: Review): Product => ({ upc: review.upc }) },
      Product: {
        reviews: (product: Product, args: { first: number }) =>
          reviews.of(product.upc).slice(0, Math.max(0, args.first)),
        averageRating: (product: Product) => average(reviews.of(product.upc)),
      },
    },
    {
      Product: ({ upc }) => (typeof upc === "string" ? { upc } : undefined),
      Review: ({ id }) => reviews.byId(id),
    },
  );
}
