// One service says union, another says object: the field is the union, whoever comes first, and each is asked in its own words.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Bench, FEDERATION, type SubgraphOptions } from "../kit.common-case.ts";

const wide: SubgraphOptions = {
  name: "wide",
  sdl: `${FEDERATION} type Query { media: Media @shareable songs: [Media!] @shareable }
    union Media = Book | Song
    type Book @key(fields: "id") { id: ID! title: String @shareable pages: Int }
    type Song @key(fields: "id") { id: ID! length: Int }`,
  resolvers: {
    Query: {
      media: () => ({ __typename: "Book", id: "1", title: "wide", pages: 3 }),
      songs: () => [
        { __typename: "Song", id: "2", length: 4 },
        { __typename: "Book", id: "1", title: "wide", pages: 3 },
      ],
    },
    Book: { __resolveReference: ({ id }: { id: string }) => ({ id, title: "wide", pages: 3 }) },
  } as never,
};

const narrow: SubgraphOptions = {
  name: "narrow",
  sdl: `${FEDERATION} type Query { media: Book @shareable }
    type Book @key(fields: "id") { id: ID! title: String @shareable author: String }`,
  resolvers: {
    Query: { media: () => ({ id: "1", title: "narrow", author: "ada" }) },
    Book: { __resolveReference: ({ id }: { id: string }) => ({ id, title: "narrow", author: "ada" }) },
  } as never,
};

for (const [first, second] of [
  [wide, narrow],
  [narrow, wide],
] as const) {
  test(`a union here and a member of it there make a union, ${first.name} first`, async () => {
    await using bench = await Bench.open();
    await bench.graph([first, second]);
    assert.match((await bench.gateway.schema()) ?? "", /media: Media\n/);
    const { data, errors } = await bench.query(
      "{ media { __typename ... on Book { id pages author } ... on Song { length } } songs { ... on Song { length } } }",
    );
    assert.equal(errors, undefined);
    assert.deepEqual(data, {
      media: { __typename: "Book", id: "1", pages: 3, author: "ada" },
      songs: [{ length: 4 }, {}],
    });
  });
}
