// Of two nodes one asks for proof and the other has none to give: a problem of its own, with what ends it; and a peer that is
// believed by name is marked in every record of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { newSession, NOTICES, type PeerIntent, type PeerReport } from "#routing";
import { peeringProblems } from "./peer-problems.ts";
import { peerRecord } from "./peer-record.ts";

const NOW = 1_000_000;
const NODE = "edge1.globex.test";
const intent: PeerIntent = {
  node: NODE,
  organization: "globex.test",
  kind: "external",
  role: "lateral",
  onLoss: "depreference",
  limits: { routes: 10, rate: 10, bytes: 1_000, pathLength: 8 },
};

function record(of: PeerIntent, last: { readonly code?: number; readonly text: string }) {
  const waiting = { state: "idle", waits: "operator" } as const;
  const session = { ...newSession("edge1.acme.test", of, NOW), phase: waiting, last: { at: NOW, ...last } };
  const told = { routes: 0, nearLimit: false, repairs: 0, advertised: 0, behind: 0, inFlight: 0 };
  const none = { lastEndAt: undefined, lastSameAt: undefined, staleSince: undefined };
  const report: PeerReport = { session, ...told, ...none, stale: "no" };
  const state = { limit: undefined, remote: undefined, certificateEnds: undefined };
  return peerRecord(
    { intent: of, owner: { kind: "admin" }, report, ...state },
    undefined,
    { best: 0, used: 0 },
    NOW,
  );
}

const STATUS = { listens: undefined, proven: true, peers: 1, established: 0, synced: 0, problems: [] };

test("where the modes of two nodes differ the problem says so, and who can end it", () => {
  const found = (last: Parameters<typeof record>[1]) =>
    peeringProblems({
      status: STATUS,
      peers: [record(intent, last)],
      leftOut: [],
      uptimeMs: 60_000,
      now: NOW,
    });
  const { code } = NOTICES.unproven;
  assert.deepEqual(found({ code, text: "it asks for certificates" }), [
    {
      code: "ERR_PEER_UNPROVEN",
      text: `no session with ${NODE}: it asks for certificates; it waits for an operator`,
      hint: `start both nodes with the same identity.mode, then: catalyst peer up ${NODE}`,
    },
  ]);
  assert.deepEqual(
    found({ text: "nothing answers" }).map((problem) => problem.code),
    ["ERR_PEER_DOWN"],
  );
});

test("a peer that is believed by name is marked", () => {
  const last = { text: "" };
  assert.equal(record({ ...intent, trust: { unproven: true } }, last).unproven, true);
  assert.equal("unproven" in record({ ...intent, trust: { file: "trust.pem", hash: "1" } }, last), false);
  assert.equal("unproven" in record(intent, last), false);
});
