import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFile, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { connect as tlsConnect, createServer, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { FakeClock, temporaryDirectory } from "../testing.ts";
import { ensureNodeCertificate, issueNodeCertificate, spiffeIdOf } from "./node-certificate.ts";
import { createOrganizationCa, openOrganizationCa, type OrganizationCa } from "./organization-ca.ts";

const DAY = 24 * 3_600_000;
const ORGANIZATION = "acme.catalyst.internal";
const NODE = `edge1.${ORGANIZATION}`;
const run = promisify(execFile);
/** Real time: openssl and TLS have no other. */
const realClock = (): FakeClock => new FakeClock(Date.now());

async function setUp(): Promise<{ dataDir: string; clock: FakeClock; ca: OrganizationCa } & AsyncDisposable> {
  const temporary = await temporaryDirectory();
  const clock = realClock();
  const dataDir = temporary.path;
  const ca = await createOrganizationCa({ dataDir, organization: ORGANIZATION, clock });
  return { dataDir, clock, ca, [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose]() };
}

test("a node's certificate names it once, for both ends, under its organization's CA", async () => {
  await using on = await setUp();
  const issued = await issueNodeCertificate({ ...on, node: NODE });
  const leaf = new X509Certificate(issued.certificatePem);
  assert.equal(leaf.subjectAltName, `URI:spiffe://${NODE}/node, DNS:${NODE}`);
  assert.equal(issued.spiffeId, spiffeIdOf(NODE));
  assert.deepEqual(leaf.keyUsage, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  assert.equal(leaf.ca, false);
  assert.equal(leaf.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
  assert.equal(on.ca.certificate.ca, true);
  assert.equal(on.ca.certificate.publicKey.asymmetricKeyDetails?.namedCurve, "secp384r1");
  assert.ok(leaf.checkIssued(on.ca.certificate) && leaf.verify(on.ca.certificate.publicKey));
  for (const name of ["ca.key", "node.key"]) {
    assert.equal((await stat(join(on.dataDir, "keys", name))).mode & 0o777, 0o600);
  }
  assert.equal(issued.notAfter, Date.parse(leaf.validTo));
});

/** The chain as openssl judges it, strictly; its words when it refuses. */
async function opensslVerdict(trust: string, leaf: string): Promise<string> {
  try {
    const { stdout } = await run("openssl", [
      "verify",
      "-x509_strict",
      "-purpose",
      "sslserver",
      "-CAfile",
      trust,
      leaf,
    ]);
    return stdout.trim().replace(leaf, "leaf");
  } catch (error) {
    return error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
  }
}

async function hasOpenssl(): Promise<boolean> {
  return run("openssl", ["version"]).then(
    () => true,
    () => false,
  );
}

test("openssl accepts the chain strictly, and refuses a name outside the organization", async (t) => {
  if (!(await hasOpenssl())) {
    assert.notEqual(process.env["CI"], "true", "openssl has to be installed in CI");
    return t.skip("openssl is not installed");
  }
  await using on = await setUp();
  await issueNodeCertificate({ ...on, node: NODE });
  const [trust, leaf] = [join(on.dataDir, "certs", "trust.pem"), join(on.dataDir, "certs", "node.pem")];
  assert.equal(await opensslVerdict(trust, leaf), "leaf: OK");
  const { stdout } = await run("openssl", ["x509", "-in", leaf, "-noout", "-text"]);
  assert.match(stdout, /X509v3 Key Usage: critical\s+Digital Signature\n/);

  const liar = { ...on.ca, organization: "globex.catalyst.internal" };
  await issueNodeCertificate({ ...on, ca: liar, node: "edge1.globex.catalyst.internal" });
  assert.match(await opensslVerdict(trust, leaf), /permitted subtree violation/);
});

test("names of other organizations and odd names get no certificate", async () => {
  await using on = await setUp();
  for (const node of [
    "edge1.globex.catalyst.internal",
    ORGANIZATION,
    `x${ORGANIZATION}`,
    `Edge1.${ORGANIZATION}`,
    `a/b.${ORGANIZATION}`,
    `*.${ORGANIZATION}`,
    "",
  ]) {
    await assert.rejects(issueNodeCertificate({ ...on, node }), { code: "ERR_INVALID_ARGUMENT" }, node);
  }
  const long = `${`${"a".repeat(50)}.`.repeat(4)}acme.internal`;
  await using temporary = await temporaryDirectory();
  const ca = await createOrganizationCa({ dataDir: temporary.path, organization: long, clock: on.clock });
  const { certificatePem } = await issueNodeCertificate({
    dataDir: temporary.path,
    ca,
    node: `n.${long}`,
    clock: on.clock,
  });
  assert.ok(new X509Certificate(certificatePem).verify(ca.certificate.publicKey));
  if (await hasOpenssl()) {
    const [trust, leaf] = [
      join(temporary.path, "certs", "trust.pem"),
      join(temporary.path, "certs", "node.pem"),
    ];
    assert.equal(await opensslVerdict(trust, leaf), "leaf: OK");
  }
});

test("two nodes meet over mTLS 1.3 with these certificates", async () => {
  await using on = await setUp();
  await issueNodeCertificate({ ...on, node: NODE });
  const cert = await readFile(join(on.dataDir, "certs", "node.pem"));
  const key = await readFile(join(on.dataDir, "keys", "node.key"));
  const options = { cert, key, ca: on.ca.certificatePem, minVersion: "TLSv1.3" } as const;
  const server = createServer({ ...options, requestCert: true, rejectUnauthorized: true });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const accepted = new Promise<TLSSocket>((resolve) => server.once("secureConnection", resolve));
  const client = tlsConnect({ ...options, host: "127.0.0.1", port, servername: NODE });
  const socket = await accepted;
  assert.equal(socket.authorized, true);
  assert.match(socket.getPeerX509Certificate()?.subjectAltName ?? "", new RegExp(`URI:${spiffeIdOf(NODE)}`));
  client.destroy();
  socket.destroy();
  server.close();
});

test("a CA is found again, never overwritten, and finished after a crash", async () => {
  await using on = await setUp();
  await assert.rejects(createOrganizationCa({ ...on, organization: ORGANIZATION }), {
    code: "ERR_ALREADY_EXISTS",
  });
  const found = await openOrganizationCa({ dataDir: on.dataDir, organization: ORGANIZATION });
  assert.equal(found?.certificatePem, on.ca.certificatePem);
  await unlink(join(on.dataDir, "certs", "trust.pem"));
  assert.equal(await openOrganizationCa({ dataDir: on.dataDir, organization: ORGANIZATION }), undefined);
  const finished = await createOrganizationCa({ ...on, organization: ORGANIZATION });
  assert.ok(finished.certificate.checkPrivateKey(on.ca.key), "the key that was there is used");
  await writeFile(join(on.dataDir, "certs", "trust.pem"), "damaged");
  await assert.rejects(openOrganizationCa({ dataDir: on.dataDir, organization: ORGANIZATION }), {
    code: "ERR_STATE_CORRUPT",
  });
});

test("a certificate is renewed at half its life, under the same key, and whenever it does not fit", async () => {
  await using on = await setUp();
  const options = { ...on, node: NODE, lifeMs: 10 * DAY };
  const first = await ensureNodeCertificate(options);
  assert.equal(first.issued, true);
  const same = await ensureNodeCertificate(options);
  assert.deepEqual(same, { ...first, issued: false });
  on.clock.jump(6 * DAY);
  const renewed = await ensureNodeCertificate(options);
  assert.ok(renewed.issued && renewed.notAfter > first.notAfter);
  const key = (pem: string): string =>
    new X509Certificate(pem).publicKey.export({ format: "pem", type: "spki" }).toString();
  assert.equal(key(renewed.certificatePem), key(first.certificatePem));

  assert.equal((await ensureNodeCertificate({ ...options, node: `edge2.${ORGANIZATION}` })).issued, true);
  assert.equal((await ensureNodeCertificate(options)).issued, true);
  await unlink(join(on.dataDir, "keys", "node.key"));
  assert.equal((await ensureNodeCertificate(options)).issued, true);
  await writeFile(join(on.dataDir, "certs", "node.pem"), "damaged");
  assert.equal((await ensureNodeCertificate(options)).issued, true);
  assert.equal((await ensureNodeCertificate(options)).issued, false);
});

test("a leaf never outlives its CA", async () => {
  await using on = await setUp();
  const { notAfter } = await issueNodeCertificate({ ...on, node: NODE, lifeMs: 100 * 365 * DAY });
  assert.equal(notAfter, Date.parse(on.ca.certificate.validTo));
});
