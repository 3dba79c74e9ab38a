import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createOrganizationCa, issueNodeCertificate } from "#auth";
import type { PeerConfig } from "#config";
import type { Rule } from "#routing";
import { systemClock } from "../ports.ts";
import { sha256, Store } from "../store/store.ts";
import { Book, type Configured } from "./book.ts";

const INSIDE = "edge2.acme.test";
const GLOBEX = "edge1.globex.test";
const HOOLI = "edge1.hooli.test";
const made = mkdtempSync(join(tmpdir(), "catalyst-book-ca-"));
const ca = await createOrganizationCa({ dataDir: made, organization: "hooli.test", clock: systemClock });
const { certificatePem: PEM } = ca;
const leaf = await issueNodeCertificate({ dataDir: made, node: HOOLI, ca, clock: systemClock });
rmSync(made, { recursive: true });
const LINE = { kind: "config", file: "catalyst.json", line: 7 } as const;
const peer = (node: string, rest: Partial<PeerConfig> = {}): PeerConfig => ({
  node,
  onLoss: "depreference",
  limits: {},
  ...rest,
});
const rule = (key: string): Rule => ({ match: { key }, action: "accept" });

function place(t: { after(run: () => void): void }) {
  const folder = mkdtempSync(join(tmpdir(), "catalyst-book-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "globex.pem"), PEM);
  const store = new Store(join(folder, "state.db"), () => 1);
  t.after(() => store.close());
  const open = (configured: Partial<Configured> = {}, unproven = false) =>
    new Book({
      unproven,
      node: "edge1.acme.test",
      organization: "acme.test",
      configured: { peers: [], imports: [], exports: [], ...configured },
      store,
      certsDir: folder,
      trustFile: join(folder, "trust.pem"),
    });
  const inFile = (node: string, file: string): Partial<Configured> => ({
    peers: [{ peer: peer(node, { trust: { file: join(folder, file) } }), owner: LINE }],
  });
  return { folder, store, open, inFile };
}

test("what the API added survives a restart: peers with their trust, rules in their order, a peering taken down", (t) => {
  const { open } = place(t);
  const first = open();
  assert.notEqual(first.add(peer(HOOLI), PEM), undefined);
  assert.equal(first.add(peer(HOOLI), PEM), undefined, "the very same");
  const b = first.addRule("imports", rule("b.hooli.test"), undefined);
  first.addRule("imports", rule("a.hooli.test"), b.id);
  first.down(HOOLI, "for tonight");
  const second = open();
  const [entry] = second.peers();
  assert.deepEqual(entry, first.peer(HOOLI));
  assert.equal(entry?.trust, PEM);
  const { trust } = entry.intent;
  assert.ok(trust !== undefined && "file" in trust);
  assert.equal(readFileSync(trust.file, "utf8"), PEM);
  assert.equal(entry.intent.adminDown?.reason, "for tonight");
  assert.deepEqual(second.lists().imports, [rule("a.hooli.test"), rule("b.hooli.test")]);
  second.remove(HOOLI);
  second.removeRule("imports", b.id);
  assert.deepEqual(open().peers(), []);
  assert.deepEqual(open().lists(), { imports: [rule("a.hooli.test")], exports: [] });
});

test("what the file owns is changed in the file, and wins over what was stored", (t) => {
  const { open, inFile } = place(t);
  open().add(peer(GLOBEX, { role: "customer" }), PEM);
  const configured = {
    ...inFile(GLOBEX, "globex.pem"),
    exports: [{ rule: rule("p.acme.test"), owner: LINE }],
  };
  const book = open(configured);
  assert.equal(book.peer(GLOBEX)?.intent.role, "lateral");
  const [first] = book.rules("exports");
  const refused = { code: "ERR_OWNED_BY_CONFIG", message: /catalyst\.json:7/ };
  assert.throws(() => book.add(peer(GLOBEX), PEM), refused);
  assert.throws(() => book.remove(GLOBEX), refused);
  assert.throws(() => book.removeRule("exports", first?.id ?? ""), refused);
  assert.throws(() => book.addRule("exports", rule("x"), first?.id), refused);
  assert.equal(book.addRule("exports", rule("q.acme.test"), undefined).at, 1);
  // Taking down is an operator's word, whoever owns the peering.
  book.down(GLOBEX, "now");
  assert.equal(open(configured).peer(GLOBEX)?.intent.adminDown?.reason, "now");
  book.down(GLOBEX, undefined);
  assert.equal(open(configured).peer(GLOBEX)?.intent.adminDown, undefined);
});

test("trust that cannot be read leaves the peer without proof, and says so", (t) => {
  const { open, inFile } = place(t);
  const book = open(inFile(GLOBEX, "missing.pem"));
  assert.equal(book.peer(GLOBEX)?.trust, undefined);
  assert.match(book.problems[0]?.text ?? "", /nobody can prove to be edge1\.globex\.test/);
  assert.throws(() => book.add(peer(HOOLI), "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"), {
    code: "ERR_INVALID_ARGUMENT",
  });
  const key = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n";
  assert.throws(() => book.add(peer(HOOLI), `${PEM}${key}`), /holds a private key/);
});

test("where nobody is asked for proof every peer is believed by name, and its trust waits", (t) => {
  const { open, inFile } = place(t);
  const none = open(inFile(GLOBEX, "missing.pem"), true);
  none.add(peer(HOOLI), PEM);
  for (const { trust, intent } of none.peers())
    assert.deepEqual([trust, intent.trust], [undefined, { unproven: true }]);
  assert.deepEqual(none.problems, []);
  assert.equal(open().peer(HOOLI)?.trust, PEM, "for the mode that asks");
});

test("a peer that the file has named stays with the file: what was stored of it does not come back", (t) => {
  const { open, inFile } = place(t);
  open().add(peer(GLOBEX), PEM);
  open(inFile(GLOBEX, "globex.pem"));
  assert.deepEqual(open().peers(), []);
});

test("a known peer can be given other terms and other trust, and stays down; a change can be taken back", (t) => {
  const { open, store } = place(t);
  const book = open();
  book.add(peer(HOOLI, { address: "hooli.test:7443" }), PEM);
  book.add(peer(GLOBEX), undefined);
  assert.deepEqual(
    book.peers().map(({ intent }) => intent.node),
    [GLOBEX, HOOLI],
  );
  book.down(HOOLI, "for tonight");
  const [before, stored] = [book.peer(HOOLI), [...store.peering()]];
  const takeBack = book.add(peer(HOOLI, { role: "customer" }), `${PEM}\n`);
  const { intent, trust } = book.peer(HOOLI) ?? assert.fail();
  assert.deepEqual(
    [intent.role, intent.address, intent.adminDown, trust],
    ["customer", undefined, { reason: "for tonight" }, `${PEM}\n`],
  );
  takeBack?.();
  assert.deepEqual([book.peer(HOOLI), [...store.peering()]], [before, stored]);
  const file = before?.intent.trust;
  assert.ok(file !== undefined && "file" in file);
  assert.equal(readFileSync(file.file, "utf8"), PEM);
  book.down(HOOLI, undefined);
  assert.equal(book.peer(HOOLI)?.intent.adminDown, undefined);
  book.add(peer(INSIDE), undefined)?.();
  assert.equal(book.peer(INSIDE), undefined);
});

test("of a peer that is removed nothing is left", (t) => {
  const { open, store, folder } = place(t);
  const book = open();
  book.add(peer(HOOLI), PEM);
  book.add(peer(GLOBEX), undefined);
  assert.deepEqual(readdirSync(join(folder, "peers")), [`${HOOLI}.pem`]);
  assert.equal(statSync(join(folder, "peers")).mode & 0o777, 0o700);
  for (const node of [HOOLI, GLOBEX]) {
    book.down(node, "for good");
    book.remove(node);
    assert.equal(book.peer(node), undefined);
  }
  assert.deepEqual([[...store.peering()], readdirSync(join(folder, "peers"))], [[], []]);
  for (const act of [() => book.remove(HOOLI), () => book.down(HOOLI, "now")])
    assert.throws(act, { code: "ERR_NOT_FOUND", message: /no peer "edge1\.hooli\.test"/ });
});

test("an equal rule is no second one; the last one that goes leaves nothing; one that is not there is named", (t) => {
  const { open, store } = place(t);
  const book = open();
  const { id } = book.addRule("exports", rule("a.acme.test"), undefined);
  assert.equal(book.addRule("exports", rule("a.acme.test"), undefined).id, id);
  assert.equal(book.rules("exports").length, 1);
  book.removeRule("exports", id);
  assert.deepEqual([...store.peering()], []);
  const missing = { code: "ERR_NOT_FOUND", message: `no rule "${id}"` };
  assert.throws(() => book.removeRule("exports", id), { ...missing, hint: "catalyst export list" });
  assert.throws(() => book.removeRule("imports", id), { ...missing, hint: "catalyst import list" });
  assert.throws(() => book.addRule("imports", rule("b.acme.test"), id), missing);
});

test("who a peer is proved by: the own organization's trust for its nodes, and for others what was given", (t) => {
  const { open, folder } = place(t);
  const own = join(folder, "trust.pem");
  writeFileSync(own, PEM);
  const book = open();
  book.add(peer(INSIDE), undefined);
  book.add(peer(GLOBEX), undefined);
  assert.deepEqual(book.peer(INSIDE)?.intent.trust, { file: own, hash: sha256(PEM) });
  assert.equal(book.peer(INSIDE)?.trust, PEM);
  assert.deepEqual([book.peer(GLOBEX)?.trust, book.peer(GLOBEX)?.intent.trust], [undefined, undefined]);
  assert.match(book.problems[0]?.text ?? "", /to be edge1\.globex\.test: it was added without trust/);
  // What is given is used, also where there would be something else.
  book.add(peer(INSIDE), PEM);
  const file = join(folder, "peers", `${INSIDE}.pem`);
  assert.deepEqual(book.peer(INSIDE)?.intent.trust, { file, hash: sha256(PEM) });
});

test("trust is a CA of a size that is read, and a file says why it is none", (t) => {
  const { open, inFile, folder } = place(t);
  const book = open();
  const refused = {
    code: "ERR_INVALID_ARGUMENT",
    message: /holds no certificate/,
    hint: /certs\/trust\.pem/,
  };
  const large = PEM.repeat(Math.ceil((64 * 1024) / PEM.length) + 1);
  for (const pem of [leaf.certificatePem, large]) assert.throws(() => book.add(peer(HOOLI), pem), refused);
  assert.deepEqual(book.peers(), []);
  writeFileSync(join(folder, "none.pem"), "not a certificate\n");
  mkdirSync(join(folder, "folder.pem"));
  for (const [file, why] of [
    ["none.pem", /none\.pem cannot be used: it holds no certificate/],
    ["missing.pem", /missing\.pem cannot be used: ENOENT/],
    ["folder.pem", /folder\.pem cannot be used: EISDIR/],
  ] as const) {
    const { problems } = open(inFile(GLOBEX, file));
    assert.match(problems[0]?.text ?? "", why);
    assert.equal(problems.length, 1);
  }
});

test("peers and rules have a limit, at which those that are there can still be changed", (t) => {
  const { open } = place(t);
  const many = Array.from({ length: 999 }, (_, at) => ({ peer: peer(`n.o${at}.test`), owner: LINE }));
  const rules = Array.from({ length: 9_999 }, (_, at) => ({ rule: rule(`s${at}.acme.test`), owner: LINE }));
  const book = open({ peers: many, imports: rules });
  book.add(peer(HOOLI), undefined);
  assert.throws(() => book.add(peer(GLOBEX), undefined), { code: "ERR_LIMIT" });
  assert.notEqual(book.add(peer(HOOLI, { role: "customer" }), undefined), undefined);
  const last = book.addRule("imports", rule("last.acme.test"), undefined);
  assert.equal(last.at, 9_999);
  assert.throws(() => book.addRule("imports", rule("more.acme.test"), undefined), { code: "ERR_LIMIT" });
  assert.equal(book.addRule("imports", rule("last.acme.test"), undefined).id, last.id);
});

test("who owns is named as well as it is known, and a node is no peer of its own", (t) => {
  const { open } = place(t);
  const owner = { kind: "config", file: "the environment", line: 0 } as const;
  const book = open({ peers: [{ peer: peer(GLOBEX), owner }] });
  assert.throws(() => book.remove(GLOBEX), {
    code: "ERR_OWNED_BY_CONFIG",
    message: /is owned by the environment$/,
    hint: "change it in the environment and restart the node",
  });
  assert.throws(() => book.add(peer("edge1.acme.test"), undefined), { message: /this node itself/ });
});
