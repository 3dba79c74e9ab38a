// Mints access tokens with the key that is active at this moment. Follows docs/internals/identity.md sections 5 and 6.
// Invariant: signing runs on the thread pool with a bounded queue, so no caller can pile up work without end.

import { randomBytes } from "node:crypto";
import { CatalystError, type Signed, type SignRequest } from "#rpc";
import type { KeyRing } from "../keys/key-ring.ts";
import { SIGN_PENDING_MAX } from "../limits.ts";
import { type Clock, type Instruments, NO_INSTRUMENTS } from "../ports.ts";
import { type Expected, newClaims } from "./claims.ts";
import { writeCompact } from "./compact.ts";

export interface Issuer {
  sign(request: SignRequest): Promise<Signed>;
}

export interface IssuerOptions extends Expected {
  readonly ring: Pick<KeyRing, "signer">;
  readonly clock: Clock;
  readonly instruments?: Instruments;
}

export function createIssuer(options: IssuerOptions): Issuer {
  const { ring, clock, instruments = NO_INSTRUMENTS } = options;
  let pending = 0;
  return {
    async sign(request) {
      const claims = newClaims(request, options, randomBytes(16).toString("base64url"), clock.now());
      if (pending >= SIGN_PENDING_MAX) {
        instruments.sign(0, "ERR_LIMIT");
        throw new CatalystError("ERR_LIMIT", `${SIGN_PENDING_MAX} tokens wait to be signed`);
      }
      pending += 1;
      const start = clock.monotonic();
      let error: string | undefined = "ERR_INTERNAL";
      try {
        const signer = ring.signer();
        const token = await writeCompact(claims, signer);
        error = undefined;
        return { token, kid: signer.kid, expiresAt: claims.exp };
      } finally {
        pending -= 1;
        instruments.sign((clock.monotonic() - start) / 1_000, error);
      }
    },
  };
}
