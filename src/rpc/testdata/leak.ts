// Makes many calls in one session and prints what both ends still hold; run by session.test.ts in a process
// of its own.

import { z } from "zod";
import { pair } from "../connect.ts";
import { expose } from "../expose.ts";

interface Adder {
  add(a: number, b: number): Promise<number>;
}

const adder: Adder = { add: (a, b) => Promise.resolve(a + b) };
const [near, far] = pair<Adder>(() => expose(adder, { add: z.tuple([z.number(), z.number()]) }));
const calls = Number(process.argv[2]);
for (let done = 0; done < calls; done += 500) {
  await Promise.all(Array.from({ length: 500 }, (_, i) => near.stub.add(i, 1)));
}
// One turn of the loop, so that the last releases have arrived.
await new Promise((resolve) => setImmediate(resolve));
const held = ({ imports, exports, pushes, references }: ReturnType<typeof near.stats>) => ({
  imports,
  exports,
  pushes,
  references,
});
console.log(JSON.stringify({ near: held(near.stats()), far: held(far.stats()) }));
near.close();
