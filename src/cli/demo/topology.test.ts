// Shapes of a network: which nodes are peers, and what is refused before anything starts.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporary } from "../testing.ts";
import { topologyOf } from "./topology.ts";

const linksOf = (nodes: number, shape: string) => topologyOf(nodes, shape)?.links;

test("four shapes by name, none asked for = no network", () => {
  assert.equal(topologyOf(undefined, undefined), undefined);
  assert.deepEqual(topologyOf(2, undefined), { name: "line", nodes: 2, links: [[0, 1]] });
  assert.equal(topologyOf(undefined, "ring")?.nodes, 3);
  assert.deepEqual(linksOf(1, "ring"), []);
  assert.deepEqual(linksOf(2, "ring"), [[0, 1]]);
  assert.deepEqual(
    [linksOf(4, "line"), linksOf(4, "ring"), linksOf(4, "star"), linksOf(4, "mesh")].map((links) =>
      links?.map((link) => link.join("")).join(" "),
    ),
    ["01 12 23", "01 12 23 03", "01 02 03", "01 02 03 12 13 23"],
  );
});

test("any other shape from a file", (t) => {
  const file = join(temporary(t), "net.json");
  const write = (value: unknown): void => writeFileSync(file, JSON.stringify(value));
  write({
    links: [
      [2, 1],
      [1, 2],
      [2, 3],
    ],
  });
  assert.deepEqual(topologyOf(undefined, file)?.links, [
    [0, 1],
    [1, 2],
  ]);
  for (const [value, why] of [
    [{ links: [[1, 1]] }, /links\[0\].*two different numbers/],
    [{ links: [[1, 99]] }, /from 1 to 32/],
    [
      {
        links: [
          [1, 2],
          [3, 4],
        ],
      },
      /node 3 has no way to node 1/,
    ],
    [{ link: [] }, /has no list "links"/],
    [null, /has no list "links"/],
  ] as const) {
    write(value);
    assert.throws(() => topologyOf(undefined, file), why);
  }
  write({ links: [[1, 2]] });
  assert.throws(() => topologyOf(1, file), /names node 2, but --nodes says 1/);
  assert.throws(() => topologyOf(3, file), /node 3 has no way/);
});

test("what no machine of this size would do is refused with what would", () => {
  assert.throws(() => topologyOf(0, "line"), /--nodes must be from 1 to 32/);
  assert.throws(() => topologyOf(33, "line"), /--nodes must be from 1 to 32/);
  assert.throws(() => topologyOf(32, "mesh"), /496 links are too many/);
  assert.throws(() => topologyOf(3, "cube"), /none of line, ring, star, mesh, nor a file/);
});
