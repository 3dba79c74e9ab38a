import assert from "node:assert/strict";
import { test } from "node:test";
import { History } from "./history.ts";

const commit = (revision: number, weight = 1) => ({ revision, at: 0, weight });
const revisions = (commits: readonly { revision: number }[]) => commits.map(({ revision }) => revision);

test("a cursor reads each commit once", () => {
  const history = new History<ReturnType<typeof commit>>({ commits: 10, changes: 100 });
  const cursor = history.cursor();
  for (let i = 1; i <= 3; i++) history.add(commit(i));
  const first = cursor.next();
  assert.deepEqual([revisions(first.commits), first.lost], [[1, 2, 3], false]);
  assert.deepEqual(cursor.next(), { commits: [], lost: false });
  history.add(commit(4));
  assert.deepEqual(revisions(cursor.next().commits), [4]);
});

test("who fell behind the ring is told, and goes on from what there is", () => {
  const history = new History<ReturnType<typeof commit>>({ commits: 3, changes: 100 });
  const cursor = history.cursor();
  for (let i = 1; i <= 3_000; i++) history.add(commit(i));
  const read = cursor.next();
  assert.equal(read.lost, true);
  assert.deepEqual(revisions(read.commits), [2_998, 2_999, 3_000]);
  assert.equal(cursor.next().lost, false);
  assert.deepEqual(revisions(history.read(2_999).commits), [3_000]);
  assert.equal(history.read(2_997).lost, false);
  assert.equal(history.read(2_996).lost, true);
});

test("large commits push out more, but the newest stays however large", () => {
  const weigh = ({ weight }: { weight: number }) => weight;
  const history = new History<ReturnType<typeof commit>>({ commits: 100, changes: 10, weigh });
  for (let i = 1; i <= 5; i++) history.add(commit(i, 3));
  assert.deepEqual(revisions(history.read(0).commits), [3, 4, 5]);
  history.add(commit(6, 50));
  assert.deepEqual(revisions(history.read(0).commits), [6]);
});
