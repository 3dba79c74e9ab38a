// Writes Envoy messages, given in their JSON form, as protobuf bytes. Table-driven: the tables are cut out of the pinned
// Envoy (tools/generate-envoy.ts), the wire primitives are @bufbuild/protobuf's. Invariant: fields are written in number
// order and maps in key order, so equal content is equal bytes; the content hash is the resource's version, and equal bytes
// are what keeps Envoy from draining (reference: proto3 JSON mapping, protobuf encoding). A name that is not in the table
// throws: it would otherwise be lost without a word.

import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { CatalystError } from "#rpc";
import type { Messages } from "./generated/messages.ts";
import { TABLES } from "./generated/tables.ts";
import { isConstant } from "./translate/index.ts";

type Write = (writer: BinaryWriter, value: unknown, path: string) => void;

interface Plan {
  readonly names: ReadonlySet<string>;
  readonly fields: readonly { readonly name: string; readonly write: Write }[];
}

const plans = new Map<string, Plan>();

/** Of each constant, as what it was written last. */
const constants = new WeakMap<object, { readonly type: string; readonly bytes: Uint8Array }>();

/** Its room is used again, for growing it costs more than writing a message. */
let spare: BinaryWriter | undefined;
/** Room of a larger message is given back. */
const KEPT_BYTES = 64 * 1024;

/** Bytes of one message. */
export function encode<N extends keyof Messages>(name: N, message: Messages[N]): Uint8Array {
  const writer = spare ?? new BinaryWriter();
  // Taken while it is written to: what throws leaves it half full, and then it is not used again.
  spare = undefined;
  writeMessage(writer, name, message, name);
  const bytes = writer.finish();
  if (bytes.length <= KEPT_BYTES) spare = writer;
  return bytes;
}

/** `bytes` as a length-delimited field, to be joined with others into the bytes of the message around it. */
export function embed(field: number, bytes: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).bytes(bytes).finish();
}

function writeMessage(writer: BinaryWriter, name: string, message: unknown, path: string): void {
  const plan = planOf(name);
  const object = asObject(message, path);
  for (const key of Object.keys(object))
    if (!plan.names.has(key) && object[key] !== undefined) refuse(path, `has no field ${key}`);
  for (const field of plan.fields) {
    const value = object[field.name];
    if (value !== undefined) field.write(writer, value, `${path}.${field.name}`);
  }
}

function planOf(name: string): Plan {
  let plan = plans.get(name);
  if (plan === undefined) {
    const rows = TABLES[name];
    if (rows === undefined) throw new CatalystError("ERR_INTERNAL", `no table for ${name}`);
    const fields = rows.map((row) => {
      const [field = "", number = "", ...kind] = row.split(" ");
      return { name: field, write: compile(Number(number), kind) };
    });
    plans.set(name, (plan = { names: new Set(["@type", ...fields.map((f) => f.name)]), fields }));
  }
  return plan;
}

function compile(number: number, [kind = "", ...rest]: readonly string[]): Write {
  switch (kind) {
    case "repeated": {
      const one = compile(number, rest);
      return (writer, value, path) => {
        if (!Array.isArray(value)) refuse(path, "must be a list");
        value.forEach((v, i) => one(writer, v, `${path}[${i}]`));
      };
    }
    case "map":
      return compileMap(number, rest);
    case "message": {
      const [name = ""] = rest;
      return nested(number, name, (writer, value, path) => writeMessage(writer, name, value, path));
    }
    case "any":
      return nested(number, kind, writeAny);
    case "text": // google.protobuf.Value
      return nested(number, kind, compileScalar(3, "string"));
    case "duration":
      return nested(number, kind, writeDuration);
    case "labels":
      return nested(number, kind, compileMap(1, ["text"])); // google.protobuf.Struct that holds texts only
    case "boxed":
      return nested(number, kind, compile(1, rest));
    case "enum": {
      const values = new Map(
        (rest[0] ?? "").split(",").map((pair) => {
          const [name = "", value] = pair.split("=");
          return [name, Number(value)];
        }),
      );
      return (writer, value, path) => {
        const known = typeof value === "string" ? values.get(value) : undefined;
        if (known === undefined) refuse(path, `has no value ${String(value)}`);
        writer.tag(number, WireType.Varint).int32(known);
      };
    }
    default:
      return compileScalar(number, kind);
  }
}

function compileScalar(number: number, kind: string): Write {
  const check = (value: unknown, type: "string" | "boolean" | "number", path: string): void => {
    if (typeof value !== type) refuse(path, `must be a ${type}`);
  };
  switch (kind) {
    case "string":
      return (writer, value, path) => {
        check(value, "string", path);
        writer.tag(number, WireType.LengthDelimited).string(value as string);
      };
    case "bool":
      return (writer, value, path) => {
        check(value, "boolean", path);
        writer.tag(number, WireType.Varint).bool(value as boolean);
      };
    case "uint32":
    case "int32":
    case "int64":
      return (writer, value, path) => {
        check(value, "number", path);
        writer.tag(number, WireType.Varint)[kind](value as number);
      };
    case "double":
      return (writer, value, path) => {
        check(value, "number", path);
        writer.tag(number, WireType.Bit64).double(value as number);
      };
    default:
      throw new CatalystError("ERR_INTERNAL", `the Envoy tables hold an unknown kind ${kind}`);
  }
}

function compileMap(number: number, value: readonly string[]): Write {
  const writeValue = compile(2, value);
  return (writer, map, path) => {
    const object = asObject(map, path);
    for (const key of Object.keys(object).sort()) {
      if (object[key] === undefined) continue;
      writer.tag(number, WireType.LengthDelimited).fork();
      writer.tag(1, WireType.LengthDelimited).string(key);
      writeValue(writer, object[key], `${path}["${key}"]`);
      writer.join();
    }
  };
}

/** `type` tells messages apart that are written in different ways. */
const nested =
  (number: number, type: string, write: Write): Write =>
  (writer, value, path) => {
    if (!isConstant(value)) {
      writer.tag(number, WireType.LengthDelimited).fork();
      write(writer, value, path);
      writer.join();
      return;
    }
    let once = constants.get(value);
    if (once?.type !== type) {
      const apart = new BinaryWriter();
      write(apart, value, path);
      once = { type, bytes: apart.finish() };
      constants.set(value, once);
    }
    writer.tag(number, WireType.LengthDelimited).bytes(once.bytes);
  };

function writeAny(writer: BinaryWriter, value: unknown, path: string): void {
  const url = asObject(value, path)["@type"];
  if (typeof url !== "string") refuse(path, "must have an @type");
  writer.tag(1, WireType.LengthDelimited).string(url);
  writer.tag(2, WireType.LengthDelimited).fork();
  writeMessage(writer, url.slice(url.lastIndexOf("/") + 1), value, path);
  writer.join();
}

function writeDuration(writer: BinaryWriter, value: unknown, path: string): void {
  const match = typeof value === "string" ? /^(\d+)(?:\.(\d{1,9}))?s$/.exec(value) : null;
  if (match === null) refuse(path, `must be a duration in seconds, not ${String(value)}`);
  const seconds = Number(match[1]);
  const nanos = Number((match[2] ?? "").padEnd(9, "0"));
  if (seconds !== 0) writer.tag(1, WireType.Varint).int64(seconds);
  if (nanos !== 0) writer.tag(2, WireType.Varint).int32(nanos);
}

function asObject(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) refuse(path, "must be an object");
  return value as Readonly<Record<string, unknown>>;
}

function refuse(path: string, text: string): never {
  throw new CatalystError("ERR_INVALID_ARGUMENT", `${path} ${text}`);
}
