import assert from "node:assert/strict";
import { chmod, rename, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { openKeyRing } from "../keys/key-ring.ts";
import type { Signer } from "../keys/signer.ts";
import { NO_INSTRUMENTS } from "../ports.ts";
import { FakeClock, MemoryLog, MIDDLE, newSigner, temporaryDirectory } from "../testing.ts";
import { openJwksFile } from "./jwks-file.ts";
import { openJwksUrl } from "./jwks-url.ts";
import { keySourceCases } from "./key-source.common-case.ts";

const setOf = (...signers: Signer[]): string => JSON.stringify({ keys: signers.map((one) => one.publicJwk) });

keySourceCases("own ring", async () => {
  const temporary = await temporaryDirectory();
  const source = await openKeyRing({
    directory: join(temporary.path, "keys"),
    clock: new FakeClock(),
    log: new MemoryLog(),
  });
  return {
    source,
    signers: () => [source.signer()],
    replace: async () => void (await source.revoke(source.signer().kid)),
    async [Symbol.asyncDispose]() {
      await source.close();
      await temporary[Symbol.asyncDispose]();
    },
  };
});

keySourceCases("file", async () => {
  const temporary = await temporaryDirectory();
  const path = join(temporary.path, "jwks.json");
  const clock = new FakeClock();
  let signer = await newSigner();
  await writeFile(path, setOf(signer));
  const source = await openJwksFile({ path, clock, log: new MemoryLog() });
  return {
    source,
    signers: () => [signer],
    async replace() {
      signer = await newSigner();
      await writeFile(path, setOf(signer));
      await clock.advance(2_000, () => source.idle());
    },
    async [Symbol.asyncDispose]() {
      await source.close();
      await temporary[Symbol.asyncDispose]();
    },
  };
});

keySourceCases("url", async () => {
  const temporary = await temporaryDirectory();
  const clock = new FakeClock();
  let signer = await newSigner();
  const server = createServer((_, response) => response.end(setOf(signer)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const source = await openJwksUrl({
    url: `http://127.0.0.1:${port}/keys`,
    issuer: "idp",
    insecure: true,
    directory: join(temporary.path, "jwks"),
    clock,
    random: MIDDLE,
    log: new MemoryLog(),
    instruments: NO_INSTRUMENTS,
  });
  return {
    source,
    signers: () => [signer],
    async replace() {
      signer = await newSigner();
      await clock.advance(5 * 60_000, () => source.idle());
    },
    async [Symbol.asyncDispose]() {
      await source.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await temporary[Symbol.asyncDispose]();
    },
  };
});

test("a file that goes away or breaks never takes good keys with it", async () => {
  await using temporary = await temporaryDirectory();
  const path = join(temporary.path, "jwks.json");
  const clock = new FakeClock();
  const signer = await newSigner();
  await writeFile(path, setOf(signer));
  const source = await openJwksFile({ path, clock, log: new MemoryLog() });
  const look = (): Promise<void> => clock.advance(2_000, () => source.idle());
  for (const damage of [
    () => writeFile(path, setOf(signer).slice(0, 20)),
    () => rm(path),
    () => writeFile(path, "x".repeat(70_000)),
    async () => {
      await writeFile(path, setOf(await newSigner()));
      await chmod(path, 0o666);
    },
  ]) {
    await damage();
    await look();
    assert.match(source.problem() ?? "", /jwks.json: ./);
    assert.deepEqual([...source.table().byKid.keys()], [signer.kid]);
  }
  await rm(path);
  await writeFile(path, setOf(signer));
  await look();
  assert.equal(source.problem(), undefined);
  await rename(path, `${path}.away`);
  await look();
  assert.match(source.problem() ?? "", /ENOENT/);
  await rename(`${path}.away`, path);
  await look();
  assert.equal(source.problem(), undefined, "the same file, back again");
  await source.close();
  assert.equal(clock.pending, 0);
});

test("a missing file is taken when it comes, also through an exchanged link", async () => {
  await using temporary = await temporaryDirectory();
  const path = join(temporary.path, "jwks.json");
  const clock = new FakeClock();
  const source = await openJwksFile({ path, clock, log: new MemoryLog() });
  assert.equal(source.table().byKid.size, 0);
  assert.match(source.problem() ?? "", /ENOENT/);
  for (const name of ["a", "b"]) {
    const signer = await newSigner();
    await writeFile(join(temporary.path, name), setOf(signer));
    await symlink(join(temporary.path, name), join(temporary.path, "new"));
    await rename(join(temporary.path, "new"), path);
    await clock.advance(2_000, () => source.idle());
    assert.deepEqual([...source.table().byKid.keys()], [signer.kid]);
  }
  await source.close();
});
