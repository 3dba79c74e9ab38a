import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BANDS, inBand, markReceived, markSent, rolesAgree } from "./roles.ts";
import type { PeerRole } from "./route.ts";

const ROLES: readonly PeerRole[] = ["internal", "provider", "customer", "lateral"];

test("a session needs roles that fit: provider with customer, lateral with lateral, internal with internal", () => {
  const fitting = ROLES.flatMap((mine) =>
    ROLES.filter((theirs) => rolesAgree(mine, theirs)).map((theirs) => `${mine}-${theirs}`),
  );
  assert.deepEqual(fitting, [
    "internal-internal",
    "provider-customer",
    "customer-provider",
    "lateral-lateral",
  ]);
});

describe("only to customer", () => {
  test("on the way in", () => {
    const received = (mark: string | undefined, role: PeerRole) => {
      const marked = markReceived(mark, role, "them");
      return marked.leak ? "leak" : marked.onlyToCustomer;
    };
    assert.deepEqual(
      ROLES.map((role) => received(undefined, role)),
      [undefined, "them", undefined, "them"],
    );
    assert.deepEqual(
      ROLES.map((role) => received("them", role)),
      ["them", "them", "leak", "them"],
    );
    assert.deepEqual(
      ROLES.map((role) => received("far", role)),
      ["far", "far", "leak", "leak"],
    );
  });

  test("on the way out", () => {
    const sent = (mark: string | undefined, role: PeerRole) => {
      const marked = markSent(mark, role, "us");
      return marked.leak ? "leak" : marked.onlyToCustomer;
    };
    assert.deepEqual(
      ROLES.map((role) => sent(undefined, role)),
      [undefined, undefined, "us", "us"],
    );
    assert.deepEqual(
      ROLES.map((role) => sent("far", role)),
      ["far", "leak", "far", "leak"],
    );
  });

  test("no route goes from a lateral or provider to a lateral or provider, also over nodes of the own organization", () => {
    for (const from of ["provider", "lateral"] as const) {
      for (const to of ["provider", "lateral"] as const) {
        const border = markReceived(undefined, from, "them");
        assert.ok(!border.leak);
        const inside = markReceived(border.onlyToCustomer, "internal", "us");
        assert.ok(!inside.leak);
        assert.deepEqual(markSent(inside.onlyToCustomer, to, "us"), { leak: true });
      }
    }
  });
});

test("bands do not touch: any customer before any lateral before any provider", () => {
  assert.ok(BANDS.customer.from > BANDS.lateral.to && BANDS.lateral.from > BANDS.provider.to);
  assert.deepEqual(
    [0, 250, 1_000].map((value) => inBand("lateral", value)),
    [200, 250, 299],
  );
});
