import assert from "node:assert/strict";
import { chmod, mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { privateDirectory, readPrivate, writePrivate } from "./private-file.ts";
import { temporaryDirectory } from "./testing.ts";

test("a private file has mode 0600 in a directory of mode 0700", async () => {
  await using temporary = await temporaryDirectory();
  const directory = join(temporary.path, "a", "keys");
  await privateDirectory(directory);
  await writePrivate(join(directory, "one"), "first");
  await writePrivate(join(directory, "one"), "second");
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
  assert.equal((await stat(join(directory, "one"))).mode & 0o777, 0o600);
  assert.equal(await readPrivate(join(directory, "one"), 100), "second");
  assert.deepEqual(await readdir(directory), ["one"]);
});

for (const mode of [0o640, 0o604, 0o660, 0o644]) {
  test(`a file with mode ${mode.toString(8)} is refused`, async () => {
    await using temporary = await temporaryDirectory();
    const path = join(temporary.path, "key");
    await writeFile(path, "secret");
    await chmod(path, mode);
    await assert.rejects(readPrivate(path, 100), { code: "ERR_KEY_UNSAFE", hint: `chmod 600 ${path}` });
  });
}

test("a directory that others can enter is refused", async () => {
  await using temporary = await temporaryDirectory();
  const path = join(temporary.path, "keys");
  await mkdir(path);
  await chmod(path, 0o750);
  await assert.rejects(privateDirectory(path), { code: "ERR_KEY_UNSAFE" });
});

test("a symbolic link is refused, a missing file is none", async () => {
  await using temporary = await temporaryDirectory();
  await writeFile(join(temporary.path, "real"), "secret", { mode: 0o600 });
  await symlink(join(temporary.path, "real"), join(temporary.path, "link"));
  await assert.rejects(readPrivate(join(temporary.path, "link"), 100), { code: "ERR_KEY_UNSAFE" });
  assert.equal(await readPrivate(join(temporary.path, "none"), 100), undefined);
});

test("an oversized file is refused", async () => {
  await using temporary = await temporaryDirectory();
  await writeFile(join(temporary.path, "big"), "x".repeat(101), { mode: 0o600 });
  await assert.rejects(readPrivate(join(temporary.path, "big"), 100), { code: "ERR_STATE_CORRUPT" });
});

test("what a crash left of a write is cleared, and nothing else", async () => {
  await using temporary = await temporaryDirectory();
  const directory = join(temporary.path, "keys");
  await privateDirectory(directory);
  await writeFile(join(directory, ".signing.json.0123456789ab.tmp"), "half");
  await writeFile(join(directory, "node.key"), "other");
  await privateDirectory(directory);
  assert.deepEqual(await readdir(directory), ["node.key"]);
});
