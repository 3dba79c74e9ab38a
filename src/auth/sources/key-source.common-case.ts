// What every key source has to do, whatever stands behind it. One table; each source brings a way to exchange its keys.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Signer } from "../keys/signer.ts";
import { EXPECTED, FakeClock, forge, goodClaims, START } from "../testing.ts";
import { createVerifier } from "../tokens/verifier.ts";
import type { KeySource } from "./key-source.ts";

/** One source under test, started with the keys of `signers()`. */
export interface Subject extends AsyncDisposable {
  readonly source: KeySource;
  /** Signers whose keys are good now. */
  signers(): readonly Signer[];
  /** Brings a new key in and takes the old ones out, until the source has noticed. */
  replace(): Promise<void>;
}

export function keySourceCases(name: string, open: () => Promise<Subject>): void {
  const tokenOf = ({ kid, alg, sign }: Signer, now: number = START): Promise<string> =>
    forge({ typ: "at+jwt", alg, kid }, goodClaims(now), sign);

  test(`${name}: its keys verify, others do not`, async () => {
    await using subject = await open();
    const verifier = createVerifier({ ...EXPECTED, source: subject.source, clock: new FakeClock() });
    for (const signer of subject.signers()) {
      assert.equal((await verifier.verify(await tokenOf(signer))).ok, true);
    }
    const old = subject.signers();
    await subject.replace();
    for (const signer of old) assert.equal((await verifier.verify(await tokenOf(signer))).ok, false);
    for (const signer of subject.signers()) {
      assert.equal((await verifier.verify(await tokenOf(signer))).ok, true);
    }
  });

  test(`${name}: tells of a change once, with a higher revision`, async () => {
    await using subject = await open();
    const before = subject.source.table().revision;
    const seen: number[] = [];
    const stop = subject.source.onChange((table) => seen.push(table.revision));
    await subject.replace();
    assert.ok(seen.length >= 1 && seen.every((revision) => revision > before));
    assert.equal(seen.at(-1), subject.source.table().revision);
    const { length } = seen;
    stop();
    await subject.replace();
    assert.equal(seen.length, length);
  });

  test(`${name}: a listener that throws does not keep others from hearing`, async () => {
    await using subject = await open();
    let heard = 0;
    subject.source.onChange(() => {
      throw new Error("a defect");
    });
    subject.source.onChange(() => (heard += 1));
    await subject.replace();
    assert.ok(heard >= 1);
  });

  test(`${name}: shows public members only`, async () => {
    await using subject = await open();
    for (const { jwk, kid } of subject.source.table().byKid.values()) {
      assert.equal(jwk.kid, kid);
      const allowed = new Set(["kty", "kid", "alg", "use", "crv", "x", "y", "n", "e"]);
      assert.ok(Object.keys(jwk).every((member) => allowed.has(member)));
    }
  });

  test(`${name}: is fine at first, and refresh never throws`, async () => {
    await using subject = await open();
    assert.equal(subject.source.problem(), undefined);
    await subject.source.refresh();
  });
}
