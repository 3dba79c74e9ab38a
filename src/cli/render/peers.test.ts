// The screens of peers, routes and differences, from plain records, against a golden file.

import { join } from "node:path";
import { test } from "node:test";
import { DIFFERENCES, PEERS, ROUTES, UNPROVEN } from "../testdata/peerings.ts";
import { differenceText, peerTable, peerText } from "./peers.ts";
import { routeTable } from "./routes.ts";
import { PLAIN } from "./style.ts";

test("peers, routes and what other rules would change, as people read them", (t) => {
  const screens = [
    peerTable([], PLAIN),
    peerTable(PEERS, PLAIN),
    ...PEERS.map((peer) => peerText(peer, PLAIN)),
    peerTable([UNPROVEN], PLAIN),
    peerText(UNPROVEN, PLAIN),
    routeTable([], PLAIN),
    routeTable(ROUTES, PLAIN),
    routeTable(ROUTES.slice(0, 1), PLAIN),
    differenceText(DIFFERENCES.slice(1), PLAIN),
    differenceText(DIFFERENCES, PLAIN),
  ];
  const golden = join(import.meta.dirname, "../testdata/peerings.out.txt");
  t.assert.fileSnapshot(`${screens.join("\n\n----\n\n")}\n`, golden, { serializers: [String] });
});
