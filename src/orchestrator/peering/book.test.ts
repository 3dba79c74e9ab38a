import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createOrganizationCa } from "#auth";
import type { PeerConfig } from "#config";
import type { Rule } from "#routing";
import { systemClock } from "../ports.ts";
import { Store } from "../store/store.ts";
import { Book, type Configured } from "./book.ts";

const GLOBEX = "edge1.globex.test";
const HOOLI = "edge1.hooli.test";
const made = mkdtempSync(join(tmpdir(), "catalyst-book-ca-"));
const { certificatePem: PEM } = await createOrganizationCa({
  dataDir: made,
  organization: "hooli.test",
  clock: systemClock,
});
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
  const open = (configured: Partial<Configured> = {}) =>
    new Book({
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
  return { folder, open, inFile };
}

test("what the API added survives a restart: peers with their trust, rules in their order, a peering taken down", (t) => {
  const { open } = place(t);
  const first = open();
  assert.equal(first.add(peer(HOOLI), PEM), true);
  assert.equal(first.add(peer(HOOLI), PEM), false);
  const b = first.addRule("imports", rule("b.hooli.test"), undefined);
  first.addRule("imports", rule("a.hooli.test"), b.id);
  first.down(HOOLI, "for tonight");
  const second = open();
  const [entry] = second.peers();
  assert.deepEqual(entry, first.peer(HOOLI));
  assert.equal(entry?.trust, PEM);
  assert.equal(readFileSync(entry.intent.trust?.file ?? "", "utf8"), PEM);
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
