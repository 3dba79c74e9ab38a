import assert from "node:assert/strict";
import { test } from "node:test";
import { refusedAddress, refuseUrl } from "./address-guard.ts";

const STRICT = { insecure: false };
const INSECURE = { insecure: true };

const LITERALS = [
  "https://127.0.0.1/",
  "https://127.1/",
  "https://2130706433/",
  "https://0x7f000001/",
  "https://0177.0.0.1/",
  "https://10.1.2.3/",
  "https://100.64.0.1/",
  "https://172.31.255.255/",
  "https://192.168.1.1/",
  "https://[::1]/",
  "https://[fd00::1]/",
  "https://[::ffff:127.0.0.1]/",
  "https://[::ffff:10.0.0.1]/",
];
const NEVER = [
  "https://169.254.169.254/latest/meta-data/",
  "https://[::ffff:169.254.169.254]/",
  "https://[fe80::1]/",
  "https://0.0.0.0/",
  "https://[::]/",
  "https://[::7f00:1]/",
  "https://[64:ff9b::7f00:1]/",
  "https://[2002:7f00:1::]/",
  "https://224.0.0.1/",
  "https://255.255.255.255/",
];

for (const url of [...LITERALS, ...NEVER]) {
  test(`refused: ${url}`, () => assert.throws(() => refuseUrl(new URL(url), STRICT)));
}
for (const url of LITERALS) {
  test(`allowed when private addresses are: ${url}`, () => refuseUrl(new URL(url), INSECURE));
}
for (const url of NEVER) {
  test(`refused even then: ${url}`, () => assert.throws(() => refuseUrl(new URL(url), INSECURE)));
}

test("public addresses and names are allowed", () => {
  for (const url of ["https://1.1.1.1/", "https://[2606:4700::1111]/", "https://idp.example/keys"]) {
    refuseUrl(new URL(url), STRICT);
  }
  assert.equal(refusedAddress("8.8.8.8", STRICT), undefined);
});

test("only https, without a user, unless configured", () => {
  assert.throws(() => refuseUrl(new URL("http://idp.example/"), STRICT), /not https/);
  assert.throws(() => refuseUrl(new URL("ftp://idp.example/"), INSECURE), /not https/);
  assert.throws(() => refuseUrl(new URL("file:///etc/passwd"), INSECURE), /not https/);
  assert.throws(() => refuseUrl(new URL("https://user:secret@idp.example/"), STRICT), /no user/);
  refuseUrl(new URL("http://127.0.0.1:8080/keys"), INSECURE);
});
