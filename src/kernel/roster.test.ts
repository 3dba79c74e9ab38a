import assert from "node:assert/strict";
import { test } from "node:test";
import type { Plugin } from "./plugin.ts";
import { Roster } from "./roster.ts";

const plugin = (name: string, rest: Partial<Plugin> = {}): Plugin => ({ name, apiVersion: 1, ...rest });
const order = (builtIn: Plugin[], outside: Plugin[] = []) =>
  new Roster(builtIn, outside).members.map((member) => member.plugin.name).join(" ");

test("outside plugins stand around the built-in ones, each in the given order", () => {
  const outside = [plugin("x"), plugin("p", { order: "pre" }), plugin("y", { order: "post" })];
  assert.equal(order([plugin("a"), plugin("b")], outside), "p a b x y");
});

test("what a plugin requires runs before it, the rest keeps its place", () => {
  const outside = [plugin("p", { order: "pre", requires: ["b"] })];
  assert.equal(order([plugin("a", { requires: ["c"] }), plugin("b"), plugin("c")], outside), "b p c a");
});

test("a name twice, an unknown requirement and a circle are errors that name the plugins", () => {
  const code = "ERR_PLUGIN_LOAD";
  assert.throws(() => order([plugin("a")], [plugin("a")]), {
    code,
    message: 'two plugins have the name "a"',
  });
  assert.throws(() => order([plugin("a", { requires: ["z"] })]), {
    code,
    message: 'plugin "a" requires "z", which is not there',
  });
  const circle = [plugin("a", { requires: ["c"] }), plugin("b"), plugin("c", { requires: ["a"] })];
  assert.throws(() => order(circle), { code, message: 'plugins require each other in a circle: "a", "c"' });
  assert.throws(() => order([plugin("a", { requires: ["a"] })]), { code });
});
