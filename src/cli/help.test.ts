// Help, usage errors and completion, out of the table of verbs.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { OPTIONS } from "#config";
import { GLOBAL_FLAGS } from "./parse.ts";
import { catalyst, temporary, transcript } from "./testing.ts";
import { VERBS } from "./verbs.ts";

const testdata = join(import.meta.dirname, "testdata");
const golden = (t: TestContext, name: string, text: string): void =>
  t.assert.fileSnapshot(text, join(testdata, name), { serializers: [String] });

test("help of the program, of a noun, of a verb", async (t) => {
  let text = "";
  for (const line of [
    "--help",
    "service --help",
    "token --help",
    "help service add",
    "status -h",
    "run --help",
  ]) {
    text += `${transcript(line, await catalyst(line))}\n`;
  }
  golden(t, "help.out.txt", text);
});

test("each verb has its file, two examples that parse, and help that names every flag", async () => {
  const { parse } = await import("./parse.ts");
  const { readArguments } = await import("./arguments.ts");
  for (const verb of VERBS) {
    assert.equal(typeof (await verb.load()).run, "function", verb.name);
    assert.ok(verb.examples.length >= 2, verb.name);
    const { stdout, code } = await catalyst(`${verb.name} --help`);
    assert.equal(code, 0);
    for (const { name } of verb.flags ?? []) assert.match(stdout, new RegExp(`--${name}\\b`));
    for (const [example] of verb.examples) {
      // The verb is the last command of a pipe; redirections are the shell's.
      const last = example.split("| catalyst ").at(-1) ?? "";
      const [line = ""] = last.split(/ [|<>]/);
      const words = line.match(/'[^']*'|\S+/g)?.map((word) => word.replaceAll("'", "")) ?? [];
      const parsed = parse(words);
      assert.ok(parsed.kind === "verb" && parsed.verb === verb, example);
      readArguments(verb, parsed.argv);
    }
  }
});

test("no flag means two things", () => {
  const globals = GLOBAL_FLAGS.map(({ name }) => name);
  const config = OPTIONS.map(({ flag }) => flag);
  // These two say which node in both worlds: where it lives, what it is called.
  assert.deepEqual(
    globals.filter((name) => config.includes(name)),
    ["data-dir", "node"],
  );
  for (const verb of VERBS) {
    const own = (verb.flags ?? []).map(({ name }) => name);
    for (const name of own) {
      assert.ok(!globals.includes(name), `${verb.name} --${name}`);
      assert.ok(verb.config !== true || !config.includes(name), `${verb.name} --${name}`);
    }
  }
});

test("wrong command lines get the nearest word and exit code 64", async (t) => {
  const lines = [
    "statsu",
    "sevice list",
    "list services",
    "service",
    "service lst",
    "status --wach",
    "run --servce name=x",
    "--jsn status",
    "service show",
    "service add books",
    "key list extra",
    "token mint ada --ttl",
    "token mint ada --ttl soon",
    "token mint ada --ttl 2h",
    "status --timeout 5",
    "events --limit many",
    "service add x http://a --label gold",
    "check --drain 3s",
    "completion tcsh",
    "query {a} --variables [1]",
    "help frobnicate",
  ];
  let text = "";
  for (const line of lines) {
    const ran = await catalyst(line, { env: { XDG_DATA_HOME: "/nonexistent" } });
    assert.equal(ran.code, 64, line);
    assert.equal(ran.stdout, "", line);
    text += `${transcript(line, ran)}\n`;
  }
  golden(t, "usage.out.txt", text);
});

test("with --json an error is one JSON object on standard error", async () => {
  const { code, stdout, stderr } = await catalyst("statsu --json");
  assert.deepEqual([code, stdout], [64, ""]);
  assert.deepEqual(JSON.parse(stderr), {
    error: {
      code: "ERR_USAGE",
      message: 'unknown verb "statsu"; did you mean "status"?',
      hint: "catalyst status --help",
      see: "docs/reference/errors.md#err_usage",
    },
  });
});

test("bash completes verbs and flags", async (t) => {
  const { stdout: script } = await catalyst("completion bash");
  const file = join(temporary(t), "completion.bash");
  writeFileSync(file, script);
  const complete = (...words: string[]): string[] => {
    const list = words.map((word) => `"${word}"`).join(" ");
    const call = `source ${file}; COMP_WORDS=(catalyst ${list}); COMP_CWORD=${words.length}; _catalyst; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const ran = spawnSync("bash", ["-c", call], { encoding: "utf8" });
    assert.equal(ran.status, 0, ran.stderr);
    return ran.stdout.split("\n").filter((each) => each !== "");
  };
  assert.deepEqual(complete("ser"), ["service", "service-token"]);
  assert.deepEqual(complete("service", ""), ["list", "show", "add", "remove", "export", "unexport"]);
  assert.deepEqual(complete("peer", "re"), ["remove", "refresh"]);
  assert.deepEqual(complete("service-token", "m"), ["mint"]);
  assert.deepEqual(complete("status", "--w"), ["--watch"]);
  assert.deepEqual(complete("run", "--ingress-l"), ["--ingress-listen"]);
  assert.deepEqual(complete("service", "add", "x", "--pref"), ["--prefix"]);
});

test("zsh and fish scripts name every verb", async () => {
  for (const shell of ["zsh", "fish"]) {
    const { stdout } = await catalyst(`completion ${shell}`);
    for (const { name } of VERBS)
      assert.ok(stdout.includes(name.split(" ").at(-1) ?? ""), `${shell} ${name}`);
  }
});
