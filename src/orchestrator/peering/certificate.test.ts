// By which certificate a node is known: which files it is read from, who makes it, and how another one is found while the node runs.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createOrganizationCa, issueNodeCertificate } from "#auth";
import { VirtualClock } from "../../../test/kit/virtual-clock.ts";
import { sha256 } from "../store/store.ts";
import {
  type CertificateOptions,
  type OwnCertificate,
  ownCertificate,
  watchCertificate,
} from "./certificate.ts";

const DAY = 24 * 3_600_000;
const NODE = "a.acme.test";
const ORGANIZATION = "acme.test";

function place(t: TestContext) {
  const dataDir = mkdtempSync(join(tmpdir(), "catalyst-certificate-"));
  t.after(() => rmSync(dataDir, { recursive: true, force: true }));
  const clock = new VirtualClock(Date.now());
  const options: CertificateOptions = {
    node: NODE,
    organization: ORGANIZATION,
    dataDir,
    tls: undefined,
    clock,
  };
  const makeCa = () => createOrganizationCa({ dataDir, organization: ORGANIZATION, clock });
  const files = { certificate: join(dataDir, "certs/node.pem"), key: join(dataDir, "keys/node.key") };
  return { dataDir, clock, options, makeCa, files };
}

/** Looks once a day; `looked` waits until the look of this day is over. */
function watching({ clock, options }: ReturnType<typeof place>, now: string | undefined) {
  const seen: OwnCertificate[] = [];
  const warned: string[] = [];
  const warn = (_: object, text: string): void => void warned.push(text);
  const log = { debug() {}, info() {}, error() {}, warn };
  const end = watchCertificate(options, now, (own) => void seen.push(own), log);
  const looked = async (): Promise<void> => {
    await clock.advance(DAY);
    while (clock.waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
  };
  return { seen, warned, looked, end };
}

test("where the CA of the organization is at hand the certificate is made, and is the same the next time", async (t) => {
  const { options, makeCa, files } = place(t);
  await makeCa();
  const own = await ownCertificate(options);
  assert.equal(own.certificate, readFileSync(files.certificate, "utf8"));
  assert.equal(own.key, readFileSync(files.key, "utf8"));
  const hash = sha256(own.certificate);
  assert.deepEqual(own.files, { certificateFile: files.certificate, keyFile: files.key, hash });
  assert.deepEqual(await ownCertificate(options), own);
});

test("without one, peers cannot know this node, and it says what to do", async (t) => {
  const { options } = place(t);
  await assert.rejects(ownCertificate(options), {
    code: "ERR_CONFIG_UNREADABLE",
    message: /peers cannot know this node: ENOENT.*node\.(pem|key)/,
    hint: /catalyst init/,
  });
});

test("the files that the configuration names are used, and nothing is made beside them", async (t) => {
  const { options, makeCa, dataDir, files } = place(t);
  await makeCa();
  mkdirSync(join(dataDir, "own"));
  const [cert, key] = [join(dataDir, "own/cert.pem"), join(dataDir, "own/key.pem")];
  writeFileSync(cert, "certificate");
  writeFileSync(key, "key");
  const tls = { cert: { file: cert }, key: { file: key }, trust: { file: cert } };
  const own = await ownCertificate({ ...options, tls });
  assert.deepEqual([own.certificate, own.key], ["certificate", "key"]);
  assert.deepEqual(own.files, { certificateFile: cert, keyFile: key, hash: sha256("certificate") });
  assert.throws(() => readFileSync(files.certificate), { code: "ENOENT" });
});

test("past half its life it is renewed, and whoever watches gets each other one once", async (t) => {
  const all = place(t);
  await all.makeCa();
  const own = await ownCertificate(all.options);
  const { seen, looked, end, warned } = watching(all, own.files.hash);
  all.clock.jump(43 * DAY);
  await looked();
  assert.equal(seen.length, 0);
  await looked();
  await looked();
  assert.equal(seen.length, 1);
  const [next] = seen;
  assert.notEqual(next?.files.hash, own.files.hash);
  assert.deepEqual([next?.certificate, next?.key], [readFileSync(all.files.certificate, "utf8"), own.key]);
  end();
  assert.deepEqual([warned, all.clock.waiting], [[], []]);
});

test("one that is put there later is found, and a look that fails is told and made again", async (t) => {
  const all = place(t);
  const { seen, looked, end, warned } = watching(all, undefined);
  await looked();
  assert.deepEqual([seen, warned], [[], ["the certificate could not be looked at"]]);
  // Whoever issues elsewhere puts the files there, and no CA.
  const elsewhere = mkdtempSync(join(tmpdir(), "catalyst-certificate-ca-"));
  t.after(() => rmSync(elsewhere, { recursive: true, force: true }));
  const ca = await createOrganizationCa({ dataDir: elsewhere, organization: ORGANIZATION, clock: all.clock });
  mkdirSync(join(all.dataDir, "certs"));
  const { certificatePem } = await issueNodeCertificate({
    dataDir: all.dataDir,
    node: NODE,
    ca,
    clock: all.clock,
  });
  await looked();
  assert.deepEqual([seen.map(({ certificate }) => certificate), warned.length], [[certificatePem], 1]);
  end();
});

test("who ends it while it looks is not called, and nothing waits for the next day", async (t) => {
  const all = place(t);
  await all.makeCa();
  await ownCertificate(all.options);
  const waiting: (() => void)[] = [];
  const after = (_: number, run: () => void) => {
    waiting.push(run);
    return () => {};
  };
  const options = { ...all.options, clock: { now: () => all.clock.now(), monotonic: () => 0, after } };
  const { seen, end } = watching({ ...all, options }, "another one");
  waiting[0]?.();
  end();
  // The look is over when others that began after it are.
  for (let more = 0; more < 3; more++) await ownCertificate(options);
  assert.deepEqual([seen, waiting.length], [[], 1]);
});
