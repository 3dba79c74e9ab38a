// Every way to be taken for somebody else at the peering port, over real sockets, and each must fail (docs/internals/identity.md
// sections 11 and 16).

import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { test } from "node:test";
import {
  connect as connectTls,
  createServer as createTlsServer,
  type ConnectionOptions,
  type TLSSocket,
} from "node:tls";
import { systemClock } from "#rpc";
import { WireError } from "../link.ts";
import { leadsTo, nodeOf, signedBy, uriOf } from "./identity.ts";
import {
  dial,
  type Identity,
  know,
  openOf,
  Recorder,
  session,
  type Station,
  station,
  twoOrganizations,
} from "./wire.common-case.ts";

const refused =
  (auth: boolean, text: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof WireError, String(error));
    assert.match(error.message, text);
    assert.equal(error.auth, auth, error.message);
    return true;
  };

/** A station that only dials, with whatever identity it has. */
async function attacker(identity: Identity, victim: Station, trust: string): Promise<Station> {
  const made = await station(identity, { listen: false });
  know(made, victim.identity, trust);
  return made;
}

/** `once` would take an error for a failure of its own. */
const closed = (socket: TLSSocket): Promise<unknown> => new Promise((done) => socket.on("close", done));

/** What a caller of its own making gets: the status line, or that there is no handshake. */
async function knock(to: Station, options: ConnectionOptions): Promise<string> {
  const socket = connectTls({
    host: "127.0.0.1",
    port: to.port,
    rejectUnauthorized: false,
    ALPNProtocols: ["catalyst.peer.1"],
    ...options,
  });
  let heard = "";
  socket.on("data", (data) => (heard += data.toString("latin1")));
  socket.on("secureConnect", () => socket.write("GET /rpc HTTP/1.1\r\nhost: localhost\r\n\r\n"));
  // A handshake that fails ends in an error, all else in a status.
  socket.on("error", () => undefined);
  await closed(socket);
  return heard.split("\r\n")[0] || "nothing";
}

const SNI = "acme.test.to.edge1.globex.test";
const shown = ({ certificate, key }: Identity): ConnectionOptions => ({
  cert: certificate,
  key,
  servername: SNI,
});

test("wrong CA: a certificate of our name under a CA that nobody here trusts", async () => {
  await using two = await twoOrganizations();
  const { world, globex, acme } = two;
  const forged = await world.node("edge1.acme.test", { which: "forged" });
  const trust = await world.trust("globex.test");
  const caller = await attacker(forged, globex, trust);
  await assert.rejects(dial(caller, globex), refused(true, /refuses the certificate of this node/));
  assert.match(globex.refusals.join(), /certificate refused: UNABLE_TO|certificate refused: /);
  // And as the one who is called.
  const server = await station(await world.node("edge1.globex.test", { which: "forged" }));
  know(server, acme.identity, await world.trust("acme.test"));
  await assert.rejects(dial(acme, server), refused(true, /certificate refused/));
  assert.equal(server.knocks.length + globex.knocks.length, 0);
  await Promise.all([caller.wire.close(), server.wire.close()]);
});

test("sibling node: a sound certificate of the same organization, but of another node", async () => {
  await using two = await twoOrganizations();
  const { world, globex, acme } = two;
  const caller = await attacker(
    await world.node("edge2.acme.test"),
    globex,
    await world.trust("globex.test"),
  );
  await assert.rejects(dial(caller, globex), refused(false, /no peer of the one at/));
  const server = await station(await world.node("edge2.globex.test"));
  know(server, acme.identity, await world.trust("acme.test"));
  // Its server name is the sibling's, so a sibling that wants to answer must take our name for its own.
  await assert.rejects(dial(acme, server), WireError);
  const { certificate, key } = server.identity;
  const liar = createTlsServer({ cert: certificate, key, ALPNProtocols: ["catalyst.peer.1"] });
  liar.listen(0, "127.0.0.1");
  await once(liar, "listening");
  const at = liar.address();
  assert.ok(typeof at === "object" && at !== null);
  const asked = acme.wire.dial(
    "edge1.globex.test",
    `127.0.0.1:${at.port}`,
    new Recorder(),
    new AbortController().signal,
  );
  await assert.rejects(asked, refused(true, /edge2.globex.test is no peer under this name/));
  liar.close();
  await Promise.all([caller.wire.close(), server.wire.close()]);
});

test("CA pooling: the CA of one organization that is a peer signs the name of another", async () => {
  await using two = await twoOrganizations();
  const { world, globex } = two;
  // Evil is a peer of Globex; its CA, made by itself, may sign names of Acme.
  const evilTrust = await world.trust("acme.test", "evil");
  globex.wire.setPeer({
    node: "edge1.evil.test",
    organization: "evil.test",
    trust: evilTrust,
    external: true,
  });
  const forged = await world.node("edge1.acme.test", { which: "evil" });
  const trust = await world.trust("globex.test");
  // Under Acme's server name the bundle is Acme's.
  const asAcme = await attacker(forged, globex, trust);
  await assert.rejects(dial(asAcme, globex), refused(true, /refuses the certificate/));
  // Under its own the name is not one of its nodes.
  const asEvil = await attacker({ ...forged, organization: "evil.test" }, globex, trust);
  await assert.rejects(dial(asEvil, globex), refused(false, /no peer of the one at/));
  assert.equal(globex.knocks.length, 0);
  await Promise.all([asAcme.wire.close(), asEvil.wire.close()]);
});

test("bundles of one organization's peers are not each other's", async () => {
  await using two = await twoOrganizations();
  const { world, globex, acme } = two;
  const second = await world.node("edge2.acme.test", { which: "second" });
  know(globex, second, await world.trust("acme.test", "second"));
  const trust = await world.trust("globex.test");
  const honest = await attacker(second, globex, trust);
  await session(honest, globex);
  // The CA of edge2 is believed for edge2 alone.
  const forged = await attacker(await world.node("edge1.acme.test", { which: "second" }), globex, trust);
  const link = await dial(forged, globex);
  const answer = await link.open(openOf(acme.identity));
  assert.ok(!answer.ok);
  assert.equal(answer.notice.code, 4);
  assert.equal(globex.knocks.length, 1);
  await Promise.all([honest.wire.close(), forged.wire.close()]);
});

test("no certificate, an expired one, one of tomorrow, and a public authority's list: all refused", async () => {
  await using two = await twoOrganizations();
  const { world, globex, acme } = two;
  assert.equal(await knock(globex, { servername: SNI }), "HTTP/1.1 403 Forbidden");
  const days = (count: number) => ({ ...systemClock, now: () => Date.now() + count * 86_400_000 });
  const old = await world.node("edge1.acme.test", { clock: days(-3), lifeMs: 86_400_000 });
  assert.equal(await knock(globex, shown(old)), "HTTP/1.1 403 Forbidden");
  const early = await world.node("edge1.acme.test", { clock: days(3), lifeMs: 86_400_000 });
  assert.equal(await knock(globex, shown(early)), "HTTP/1.1 403 Forbidden");
  assert.match(globex.refusals.join(), /no certificate.*CERT_HAS_EXPIRED.*CERT_NOT_YET_VALID/);
  // The same request with the right one reaches HTTP, which wants an upgrade.
  assert.equal(await knock(globex, shown(acme.identity)), "HTTP/1.1 426 Upgrade Required");
});

test("unknown server name, none, an older TLS, or another protocol: no handshake", async () => {
  await using two = await twoOrganizations();
  const { globex, acme } = two;
  const own = shown(acme.identity);
  const names = [
    "evil.test.to.edge1.globex.test",
    "acme.test.to.edge2.globex.test",
    "edge1.globex.test",
    "localhost",
  ];
  for (const servername of [...names, `.to.edge1.globex.test`, ""]) {
    assert.equal(await knock(globex, { ...own, servername }), "nothing", servername);
  }
  assert.equal(await knock(globex, { ...own, maxVersion: "TLSv1.2" }), "nothing");
  assert.equal(await knock(globex, { ...own, ALPNProtocols: ["http/1.1"] }), "nothing");
});

test("stale ticket: nothing is resumed, least of all under a trust that was withdrawn", async () => {
  await using two = await twoOrganizations();
  const { world, globex, acme } = two;
  const reach = async (some: ConnectionOptions): Promise<{ reused: boolean; held: Buffer | undefined }> => {
    const sessions: Buffer[] = [];
    const socket = connectTls({
      host: "127.0.0.1",
      port: globex.port,
      rejectUnauthorized: false,
      ...shown(acme.identity),
      ...some,
    });
    socket.on("session", (one) => sessions.push(one));
    // A refusal may come as a reset.
    socket.on("error", () => undefined);
    const ended = closed(socket);
    await once(socket, "secureConnect");
    const reused = socket.isSessionReused();
    // The answer comes after everything that the handshake could still bring.
    socket.write("GET /rpc HTTP/1.1\r\nhost: localhost\r\n\r\n");
    socket.resume();
    const own = socket.getSession();
    await ended;
    return { reused, held: sessions.at(-1) ?? own };
  };
  const { held } = await reach({});
  const resume = held === undefined ? {} : { session: held };
  assert.equal((await reach(resume)).reused, false);
  know(globex, acme.identity, await world.trust("acme.test", "other"));
  assert.equal((await reach(resume)).reused, false);
  assert.equal(await knock(globex, { ...shown(acme.identity), ...resume }), "HTTP/1.1 403 Forbidden");
});

interface Signed {
  readonly certificate: X509Certificate;
  readonly pem: string;
  readonly key: string;
  readonly keys: { readonly publicKey: CryptoKey; readonly privateKey: CryptoKey };
}
type CryptoKey = import("node:crypto").webcrypto.CryptoKey;

/** A certificate with any names at all, as a hostile or a careless CA would sign it. */
async function sign(
  uris: readonly string[],
  issuer?: Signed,
  ca = false,
  dns: readonly string[] = [],
): Promise<Signed> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = { name: "ECDSA", namedCurve: "P-256" } as const;
  const keys = {
    publicKey: pair.publicKey.toCryptoKey(algorithm, true, ["verify"]),
    privateKey: pair.privateKey.toCryptoKey(algorithm, true, ["sign"]),
  } as Signed["keys"];
  const name = `CN=${ca ? "ca" : "leaf"} ${uris.join(" ").replaceAll(/[^a-z0-9. ]/g, "")}`;
  const certificate = await x509.X509CertificateGenerator.create({
    subject: name,
    issuer: issuer === undefined ? name : new x509.X509Certificate(issuer.pem).subjectName,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    extensions: [
      new x509.BasicConstraintsExtension(ca, undefined, true),
      new x509.SubjectAlternativeNameExtension([
        ...uris.map((value) => ({ type: "url" as const, value })),
        ...dns.map((value) => ({ type: "dns" as const, value })),
      ]),
    ],
  });
  const pem = certificate.toString("pem");
  const key = pair.privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  return { certificate: new X509Certificate(pem), pem, key, keys };
}

test("exactly one SPIFFE name, and nothing that looks like one", async () => {
  const nodes: readonly (readonly [
    uris: readonly string[],
    dns: readonly string[],
    node: string | undefined,
  ])[] = [
    [["spiffe://edge1.acme.test/node"], ["edge2.acme.test"], "edge1.acme.test"],
    [["spiffe://edge1.acme.test/node", "spiffe://edge2.acme.test/node"], [], undefined],
    [["spiffe://edge1.acme.test/nodes"], [], undefined],
    [["spiffe://edge1.acme.test/node/"], [], undefined],
    [["spiffe://edge1.acme.test/node?x"], [], undefined],
    [["spiffe://EDGE1.acme.test/node"], [], undefined],
    [["https://edge1.acme.test/node"], [], undefined],
    [["spiffe://edge2.acme.test/node, URI:spiffe://edge1.acme.test/node"], [], undefined],
    [[], ["x, URI:spiffe://edge1.acme.test/node"], undefined],
    [[], ["edge1.acme.test"], undefined],
  ];
  for (const [uris, dns, node] of nodes) {
    const { certificate } = await sign(uris, undefined, false, dns);
    assert.equal(nodeOf(certificate), node, `${uris.join()} ${dns.join()}`);
  }
});

test("sibling forging: what a node's own CA signs must lie under that CA's name", async () => {
  const root = await sign([], undefined, true);
  const [a, ab] = [
    await sign(["spiffe://edge1.test"], root, true),
    await sign(["spiffe://edge1.te"], root, true),
  ];
  const own = await sign(["spiffe://edge1.test/node"], a);
  const sibling = await sign(["spiffe://edge2.test/node"], a);
  const longer = await sign(["spiffe://edge1.test/node"], ab);
  const roots = [root.certificate];
  const now = Date.now();
  assert.equal(signedBy(own.certificate, roots), false);
  assert.equal(leadsTo(own.certificate, [a.certificate], roots, now), true);
  assert.equal(leadsTo(sibling.certificate, [a.certificate], roots, now), false);
  assert.equal(leadsTo(longer.certificate, [ab.certificate], roots, now), false);
  assert.equal(leadsTo(own.certificate, [], roots, now), false);
  assert.equal(leadsTo(own.certificate, [ab.certificate], roots, now), false);
  assert.equal(leadsTo(own.certificate, [a.certificate], [ab.certificate], now), false);
  assert.equal(leadsTo(own.certificate, [a.certificate], roots, now + 7_200_000), false);
  // A leaf is no authority, whatever it signed.
  const byLeaf = await sign(["spiffe://edge1.test/node/deep"], own);
  assert.equal(leadsTo(byLeaf.certificate, [own.certificate, a.certificate], roots, now), false);
  // An intermediate without a name of its own may sign any.
  const plain = await sign([], root, true);
  const under = await sign(["spiffe://edge2.test/node"], plain);
  assert.equal(leadsTo(under.certificate, [plain.certificate], roots, now), true);
  assert.equal(uriOf(root.certificate), undefined);
});

test("a chain travels in the first words, and without it there is no session", async () => {
  await using two = await twoOrganizations();
  const { globex } = two;
  const root = await sign([], undefined, true);
  const middle = await sign(["spiffe://edge1.pki.test"], root, true);
  const leaf = await sign(["spiffe://edge1.pki.test/node"], middle);
  const identity: Identity = {
    node: "edge1.pki.test",
    organization: "pki.test",
    certificate: `${leaf.pem}\n${middle.pem}\n`,
    key: leaf.key,
    notAfter: Date.parse(leaf.certificate.validTo),
  };
  know(globex, identity, root.pem);
  const caller = await attacker(identity, globex, await two.world.trust("globex.test"));
  await session(caller, globex);
  assert.deepEqual(globex.knocks.at(-1)?.theirs.chain?.length, 1);
  // As the one who is called, too.
  const called = await station(identity);
  know(called, globex.identity, await two.world.trust("globex.test"));
  await session(globex, called);
  await Promise.all([caller.wire.close(), called.wire.close()]);
});
