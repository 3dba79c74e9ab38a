// Writes src/envoy/generated/: the types and wire tables of exactly the Envoy messages and fields this product uses
// (docs/internals/contracts.md section 2). The descriptors come out of the pinned Envoy binary itself and are cut down to
// the list in tools/envoy-messages.ts; neither protoc nor .proto files are needed. Field names are Envoy's own, so a resource
// reads as in Envoy's documentation; a field outside the list, two fields of one oneof, or the wrong message in an Any is
// a type error. Why not protoc-gen-es: its schemas cost 15 MB and 42 ms at run time (bundled), these tables 0.3 MB and 3 ms.
// Output is deterministic; a test regenerates and compares, another decodes what we encode with Envoy's full descriptors.
//   node tools/generate-envoy.ts [envoy binary]

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fromBinary, isFieldSet } from "@bufbuild/protobuf";
import {
  FieldDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import type { DescriptorProto, EnumDescriptorProto, FieldDescriptorProto } from "@bufbuild/protobuf/wkt";
import { MESSAGES, PACKED, ROOTS } from "./envoy-messages.ts";

const root = join(import.meta.dirname, "..");
const GENERATED = "src/envoy/generated";

/** Where tools/setup puts the pinned binary for this processor, whether it is there or not. */
export function pinnedEnvoy(): string {
  const arch = process.arch === "arm64" ? "aarch64" : "x86_64";
  const lock = readFileSync(join(root, "tools/envoy.lock"), "utf8");
  const sha = new RegExp(`^# binary ${arch} ([0-9a-f]{64})$`, "m").exec(lock)?.[1];
  if (sha === undefined) throw new Error(`tools/envoy.lock names no binary for ${arch}`);
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return join(cache, "catalyst/envoy", sha, "envoy");
}

/** Every .proto file compiled into the binary, by name. */
export function extractDescriptors(binary: string): Map<string, Uint8Array> {
  const bytes = readFileSync(binary);
  const files = new Map<string, Uint8Array>();
  const mark = ".proto\x12"; // end of field 1 (the name), tag of field 2 (the package)
  for (let hit = bytes.indexOf(mark); hit >= 0; hit = bytes.indexOf(mark, hit + 1)) {
    const nameEnd = hit + mark.length - 1;
    for (let length = 7; length < 128; length++) {
      const nameAt = nameEnd - length;
      if (bytes[nameAt - 1] !== length || bytes[nameAt - 2] !== 0x0a) continue;
      const name = bytes.toString("latin1", nameAt, nameEnd);
      if (!/^[a-z][\w/.-]*\.proto$/.test(name)) continue;
      const data = bytes.subarray(nameAt - 2, descriptorEnd(bytes, nameAt - 2));
      if (data.length > (files.get(name)?.length ?? 0)) files.set(name, data);
    }
  }
  return files;
}

/** A serialized FileDescriptorProto has its fields in number order: it goes on for as long as that holds. */
function descriptorEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  for (let last = 1; ;) {
    const tag = varint(bytes, at);
    if (tag === undefined) return at;
    const [field, wire] = [Math.floor(tag.value / 8), tag.value % 8];
    const expected = field === 10 || field === 11 || field === 14 ? 0 : 2;
    if (field < last || field > 14 || field === 13 || wire !== expected) return at;
    const value = varint(bytes, tag.next);
    if (value === undefined) return at;
    const next = wire === 2 ? value.next + value.value : value.next;
    if (next > bytes.length) return at;
    at = next;
    last = field;
  }
}

function varint(bytes: Uint8Array, start: number): { value: number; next: number } | undefined {
  for (let at = start, value = 0, shift = 0; shift < 35; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined) return undefined;
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return { value, next: at };
  }
  return undefined;
}

/** Fully qualified name → descriptor. */
interface Index {
  readonly messages: Map<string, DescriptorProto>;
  readonly enums: Map<string, EnumDescriptorProto>;
}

function readIndex(files: ReadonlyMap<string, Uint8Array>): Index {
  const index: Index = { messages: new Map(), enums: new Map() };
  const visit = (message: DescriptorProto, scope: string): void => {
    const name = `${scope}.${message.name}`;
    index.messages.set(name, message);
    for (const e of message.enumType) index.enums.set(`${name}.${e.name}`, e);
    for (const nested of message.nestedType) visit(nested, name);
  };
  for (const data of files.values()) {
    const file = fromBinary(FileDescriptorProtoSchema, data);
    for (const e of file.enumType) index.enums.set(`${file.package}.${e.name}`, e);
    for (const message of file.messageType) visit(message, file.package);
  }
  return index;
}

/** One field of the list: how it is typed, and how it is written. */
interface Field {
  readonly name: string;
  readonly number: number;
  readonly required: boolean;
  readonly oneof: string | undefined;
  /** TypeScript. */
  readonly type: string;
  /** Words of the wire table after name and number. */
  readonly wire: string;
}

/** JSON form of the well-known types that occur; a wrapper is its plain value. */
const WELL_KNOWN: Readonly<Record<string, readonly [type: string, wire: string]>> = {
  "google.protobuf.Any": ["Any", "any"],
  "google.protobuf.Duration": ["Duration", "duration"],
  "google.protobuf.BoolValue": ["boolean", "boxed bool"],
  "google.protobuf.UInt32Value": ["number", "boxed uint32"],
  // Only texts occur in it: the labels by which an endpoint finds its transport socket.
  "google.protobuf.Struct": ["Readonly<Record<string, string>>", "labels"],
};

const SCALARS: Partial<Record<Type, readonly [type: string, wire: string]>> = {
  [Type.STRING]: ["string", "string"],
  [Type.BOOL]: ["boolean", "bool"],
  [Type.UINT32]: ["number", "uint32"],
  [Type.INT32]: ["number", "int32"],
  [Type.INT64]: ["number", "int64"],
  [Type.DOUBLE]: ["number", "double"],
};

const quoted = (name: string): string => `Messages[${JSON.stringify(name)}]`;

/** The listed fields of a message in number order; throws where list and descriptors do not fit together. */
function fieldsOf(name: string, list: string, index: Index, used: Set<string>): Field[] {
  const message = index.messages.get(name);
  if (message === undefined) throw new Error(`Envoy has no message ${name}`);
  const wanted = new Map(
    list
      .split(" ")
      .filter(Boolean)
      .map((f) => [f.replace(/!$/, ""), f.endsWith("!")]),
  );
  const fields: Field[] = [];
  for (const field of message.field.toSorted((a, b) => a.number - b.number)) {
    const required = wanted.get(field.name);
    if (required === undefined) continue;
    wanted.delete(field.name);
    const oneof =
      isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex) && !field.proto3Optional
        ? message.oneofDecl[field.oneofIndex]?.name
        : undefined;
    const [type, wire] = typeOf(field, name, index, used);
    fields.push({ name: field.name, number: field.number, required, oneof, type, wire });
  }
  if (wanted.size > 0) throw new Error(`${name} has no field ${[...wanted.keys()].join(", ")}`);
  return fields;
}

function typeOf(
  field: FieldDescriptorProto,
  owner: string,
  index: Index,
  used: Set<string>,
): readonly [type: string, wire: string] {
  const target = field.typeName.slice(1);
  const message = index.messages.get(target);
  if (message?.options?.mapEntry === true) {
    const value = message.field.find((f) => f.number === 2);
    if (value === undefined) throw new Error(`${target} is no map entry`);
    const [type, wire] = typeOf(value, target, index, used);
    return [`Readonly<Record<string, ${type}>>`, `map ${wire}`];
  }
  const one = singleTypeOf(field, target, owner, index, used);
  if (field.label !== Label.REPEATED) return one;
  return [`readonly ${/^[\w.]+(\[.*\])?$/.test(one[0]) ? one[0] : `(${one[0]})`}[]`, `repeated ${one[1]}`];
}

function singleTypeOf(
  field: FieldDescriptorProto,
  target: string,
  owner: string,
  index: Index,
  used: Set<string>,
): readonly [type: string, wire: string] {
  const plain = WELL_KNOWN[target] ?? SCALARS[field.type];
  if (plain !== undefined) return plain;
  const values = index.enums.get(target);
  if (values !== undefined) {
    const text = values.value.map((v) => `${v.name}=${v.number}`).join(",");
    return [values.value.map((v) => JSON.stringify(v.name)).join(" | "), `enum ${text}`];
  }
  if (field.type !== Type.MESSAGE || MESSAGES[target] === undefined)
    throw new Error(`${owner}.${field.name}: ${target || Type[field.type]} is not in the list`);
  used.add(target);
  return [quoted(target), `message ${target}`];
}

/** File name → text. */
function generate(binary: string): Map<string, string> {
  const index = readIndex(extractDescriptors(binary));
  const used = new Set<string>([...ROOTS, ...PACKED]);
  const messages = Object.keys(MESSAGES)
    .toSorted()
    .map((name) => ({ name, fields: fieldsOf(name, MESSAGES[name] ?? "", index, used) }));
  const stray = messages.filter((m) => !used.has(m.name)).map((m) => m.name);
  if (stray.length > 0) throw new Error(`nothing refers to ${stray.join(", ")}`);
  return new Map([
    ["messages.ts", typesText(messages)],
    ["tables.ts", tablesText(messages)],
  ]);
}

/** For tools/generate.ts: path from the root of the repository → text. Nothing where there is no Envoy to read from. */
export function generateEnvoy(binary: string = pinnedEnvoy()): Record<string, string> {
  if (!existsSync(binary)) return {};
  return Object.fromEntries([...generate(binary)].map(([name, text]) => [`${GENERATED}/${name}`, text]));
}

interface Listed {
  readonly name: string;
  readonly fields: readonly Field[];
}

const notice = "// Generated by tools/generate-envoy.ts from the pinned Envoy binary; do not edit.\n";

function typesText(messages: readonly Listed[]): string {
  const packed = PACKED.map((name) => `\n  | ${JSON.stringify(name)}`).join("");
  const lines = messages.map(({ name, fields }) => `  ${JSON.stringify(name)}: ${shape(fields)};\n`);
  return `${notice}
/** Seconds, as Envoy's JSON has them. */
export type Duration = \`\${number}s\`;

/** Exactly one of them. */
type One<T> = { [K in keyof T]: { readonly [P in K]: T[P] } & { readonly [P in Exclude<keyof T, K>]?: never } }[keyof T];
/** At most one of them. */
type None<T> = { readonly [P in keyof T]?: never };

/** What may travel in an Any, told apart by \`@type\`. */
export type Packed =${packed};
export type Any = {
  [N in Packed]: { readonly "@type": \`type.googleapis.com/\${N}\` } & Messages[N];
}[Packed];

/** Full name → JSON form, with Envoy's own field names. */
export interface Messages {
${lines.join("")}}
`;
}

function shape(fields: readonly Field[]): string {
  const line = (f: Field, mark: string): string => `    readonly ${f.name}${mark}: ${f.type};\n`;
  const plain = fields.filter((f) => f.oneof === undefined).map((f) => line(f, f.required ? "" : "?"));
  const oneofs = Map.groupBy(
    fields.filter((f) => f.oneof !== undefined),
    (f) => f.oneof,
  );
  const parts = [...oneofs.values()].map((members) => {
    const set = `{\n${members.map((f) => line(f, "")).join("")}  }`;
    return members.some((f) => f.required) ? `One<${set}>` : `(One<${set}> | None<${set}>)`;
  });
  const object = plain.length > 0 ? [`{\n${plain.join("")}  }`] : [];
  return [...object, ...parts].join(" & ") || "object";
}

function tablesText(messages: readonly Listed[]): string {
  const text = messages.map(({ name, fields }) => {
    const rows = fields.map((f) => `    ${JSON.stringify(`${f.name} ${f.number} ${f.wire}`)},\n`);
    return `  ${JSON.stringify(name)}: [\n${rows.join("")}  ],\n`;
  });
  return `${notice}
/** Full name → fields in number order, as "name number kind"; src/envoy/encode.ts reads them. */
export const TABLES: Readonly<Record<string, readonly string[]>> = {
${text.join("")}};
`;
}

if (import.meta.main) {
  const binary = process.argv[2] ?? pinnedEnvoy();
  if (!existsSync(binary)) throw new Error(`no Envoy binary at ${binary}; run tools/setup, or name one`);
  mkdirSync(join(root, GENERATED), { recursive: true });
  for (const [path, text] of Object.entries(generateEnvoy(binary))) writeFileSync(join(root, path), text);
}
