// What the auth part says of its verification keys, as events. The watch belongs to a session, so it is set up anew with each one.

import type { RunnerContext } from "#kernel";
import type { AuthControl, Jwk, KeySet } from "#rpc";
import type { TrustKeys } from "#routing";

const sorted = (key: Jwk): Record<string, unknown> =>
  Object.fromEntries(Object.entries(key).toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** Equal sets are equal bytes, whatever the order in which they were told. */
export const trustKeys = (set: KeySet): TrustKeys => ({
  revision: set.revision,
  issuer: set.issuer,
  audience: set.audience,
  jwks: JSON.stringify({
    keys: set.keys.toSorted((a, b) => (a.kid < b.kid ? -1 : 1)).map((key) => sorted(key)),
  }),
});

export const watchKeys = async (
  auth: AuthControl,
  emit: RunnerContext["emit"],
  onKeys: () => void,
): Promise<void> => {
  await auth.watchKeys((set) => {
    emit({ kind: "keys.changed", keys: trustKeys(set) });
    onKeys();
  });
};
