// The parity of file, flags and environment, over random configurations made from the JSON Schema itself: a new key is covered
// without a line here. Strings follow the schema's own patterns; what only several keys together decide is put right after.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { z } from "zod";
import { parseEnv, parseFlags, toEnv, toFlags } from "./flags.ts";
import { loadConfig } from "./load.ts";
import { readPath, pathText } from "./shape.ts";
import { type ConfigInput, schema } from "./schema.ts";

interface Json {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Json>>;
  readonly required?: readonly string[];
  readonly items?: Json;
  readonly anyOf?: readonly Json[];
  readonly enum?: readonly string[];
  readonly additionalProperties?: Json | false;
  readonly pattern?: string;
  readonly format?: string;
  readonly kind?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

const directory = mkdtempSync(join(tmpdir(), "catalyst-parity-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const file = join(directory, "catalyst.json");

/** Texts that a careless parser would take apart. */
const awkward = fc.constantFrom(
  "a,b=c",
  "--x",
  "[1]",
  '{"a":1}',
  " ",
  "ä\n=",
  "a=b",
  "true",
  "1e3",
  "__proto__",
  "-",
);
const duration = fc
  .tuple(fc.integer({ min: 100, max: 59_999 }), fc.constantFrom("ms"))
  .map(([amount, unit]) => `${amount}${unit}`);

function from(json: Json): fc.Arbitrary<unknown> {
  if (json.enum !== undefined) return fc.constantFrom(...json.enum);
  if (json.anyOf !== undefined) return fc.oneof(...json.anyOf.map(from));
  switch (json.type) {
    case "object":
      return object(json);
    case "array":
      return fc.array(from(json.items ?? {}), { minLength: 1, maxLength: 3 });
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({ min: json.minimum ?? 0, max: json.maximum ?? 1e6 });
    case "number":
      return fc.double({ min: json.minimum ?? 0, max: json.maximum ?? 1, noNaN: true }).map((x) => x + 0);
    case "string":
      return text(json);
    default:
      return fc.jsonValue().filter((each) => each !== null);
  }
}

function object(json: Json): fc.Arbitrary<unknown> {
  if (json.properties === undefined) {
    const value = json.additionalProperties === false ? {} : (json.additionalProperties ?? {});
    return fc.dictionary(fc.oneof(fc.stringMatching(/^[a-z][a-z.-]{0,8}$/), awkward), from(value), {
      maxKeys: 3,
    });
  }
  const fields = Object.fromEntries(Object.entries(json.properties).map(([key, each]) => [key, from(each)]));
  return fc.record(fields, { requiredKeys: [...(json.required ?? [])] });
}

function text(json: Json): fc.Arbitrary<unknown> {
  if (json.kind === "duration") return duration;
  if (json.kind === "size") return fc.integer({ min: 1, max: 1023 }).map((amount) => `${amount}KiB`);
  if (json.kind === "address") return fc.integer({ min: 0, max: 65_535 }).map((port) => `127.0.0.1:${port}`);
  if (json.kind === "path" || json.kind === "module") {
    return fc.oneof(fc.constantFrom("./a b", "../x,y=z", "/p", "~/q", "-r"), awkward);
  }
  if (json.format === "uri") return fc.webUrl({ validSchemes: ["https"] });
  const length = { maxLength: Math.min(json.maxLength ?? 20, 20) };
  if (json.pattern === undefined) return fc.oneof(fc.string({ minLength: 1, ...length }), awkward);
  return fc
    .stringMatching(new RegExp(json.pattern), { size: "small" } as object)
    .filter((each) => each.length <= (json.maxLength ?? 1000) && !each.includes("\n"));
}

/** Puts right what the JSON Schema cannot say. */
function consistent(input: ConfigInput): ConfigInput {
  const services = (input.services ?? []).map((service, index) => {
    const { endpoint, endpoints, ingress, probe, ...rest } = service;
    const addresses =
      endpoints === undefined ? { endpoint: endpoint ?? "http://127.0.0.1:1/" } : { endpoints };
    const { path, ...probed } = probe ?? {};
    const asked = path === undefined ? probed : { ...probed, path, kind: "http" as const };
    const place =
      ingress === undefined ? {} : { prefix: `/p${index}`, stripPrefix: ingress.stripPrefix ?? false };
    return {
      ...rest,
      name: `s${index}`,
      ...addresses,
      ...(probe === undefined ? {} : { probe: asked }),
      ...(rest.protocol === "http" && ingress !== undefined ? { ingress: place } : {}),
    };
  });
  const { mode, jwks, ...identity } = input.identity ?? {};
  const whose = mode === "jwks" ? { mode, jwks: jwks ?? { file: "/jwks.json" } } : { mode: mode ?? "own" };
  return {
    ...input,
    ...(input.services === undefined ? {} : { services }),
    ...(input.peers === undefined ? {} : { peers: input.peers.map(consistentPeer) }),
    ...(input.imports === undefined ? {} : { imports: input.imports.map(withoutAlias) }),
    ...LISTENERS,
    ingress: { ...input.ingress, ...LISTENERS.ingress },
    identity: { ...identity, ...whose },
  } as ConfigInput;
}

/** Four that do not meet. */
const LISTENERS = {
  ingress: { listen: "127.0.0.1:1" },
  egress: { listen: "127.0.0.1:2" },
  peer: { listen: "0.0.0.0:3", advertise: "edge.example:3" },
  control: { listen: "[::1]:4" },
} as const;

type One<K extends "peers" | "imports"> = NonNullable<ConfigInput[K]>[number];

function consistentPeer({ kind, role, trust, ...rest }: One<"peers">, index: number): One<"peers"> {
  return {
    ...rest,
    node: `p${index}.globex.example`,
    trust: trust ?? { file: "/trust.pem" },
    ...(kind === undefined ? {} : { kind: "external" }),
    ...(role === undefined || role === "internal" ? {} : { role }),
  };
}

/** It lies in the own organization, whatever that is called. */
function withoutAlias({ set, ...rest }: One<"imports">): One<"imports"> {
  const { alias, ...kept } = set ?? {};
  return {
    ...rest,
    ...(set === undefined ? {} : { set: alias === undefined ? kept : { ...kept, alias: "x" } }),
  };
}

const configurations = from(z.toJSONSchema(schema, { io: "input" }) as Json).map((input) =>
  consistent(input as ConfigInput),
);

const usable = (input: ConfigInput): boolean => {
  const parsed = schema.safeParse(input);
  return parsed.success;
};

test("file, flags and environment give the same configuration", () => {
  let used = 0;
  fc.assert(
    fc.property(configurations, (input) => {
      fc.pre(usable(input));
      used++;
      writeFileSync(file, JSON.stringify(input));
      const { config } = loadConfig({ files: [file], env: { HOME: "/home/ada" } });
      const flags = toFlags(config);
      assert.deepEqual(loadConfig({ env: {}, flags, cwd: "/elsewhere" }).config, config, flags.join(" "));
      const env = toEnv(config);
      assert.deepEqual(loadConfig({ env, flags: [], cwd: "/elsewhere" }).config, config);
      assert.deepEqual(parseFlags(flags).rest, []);
      assert.deepEqual(parseEnv(env).problems, []);
    }),
    { numRuns: 500 },
  );
  assert.ok(used >= 500, `only ${used} configurations`);
});

test("paths into a configuration read as they are written", () => {
  const step = fc.oneof(fc.nat(999_999), fc.string(), awkward, fc.constantFrom("a", "b-c", "x.y"));
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 5 }), (path) => {
      assert.deepEqual(readPath(pathText(path)), path);
    }),
  );
});
