// Reads Envoy messages back into the JSON form they were written from, for `envoy config` and for tests. Table-driven like
// encode.ts. Secrets do not leave this file: a private key is replaced by "[redacted]", wherever it stands. What the tables
// do not know is skipped, since only what this program wrote is ever read.

import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import type { Messages } from "./generated/messages.ts";
import { TABLES } from "./generated/tables.ts";

type Json = Record<string, unknown>;
type Read = (reader: BinaryReader) => unknown;

interface Field {
  readonly name: string;
  readonly shape: "one" | "repeated" | "map";
  readonly read: Read;
}

const plans = new Map<string, ReadonlyMap<number, Field>>();

export function decode(name: keyof Messages, bytes: Uint8Array): unknown {
  return readMessage(name, bytes);
}

function readMessage(name: string, bytes: Uint8Array): Json {
  const plan = planOf(name);
  const out: Json = {};
  eachField(bytes, (number, reader) => {
    const field = plan.get(number);
    if (field === undefined) return false;
    const value = field.read(reader);
    if (field.shape === "repeated") {
      const list = out[field.name];
      if (Array.isArray(list)) list.push(value);
      else out[field.name] = [value];
    } else if (field.shape === "map") {
      const [key, item] = value as [string, unknown];
      out[field.name] = { ...(out[field.name] as Json | undefined), [key]: item };
    } else out[field.name] = SECRET.has(`${name}.${field.name}`) ? REDACTED : value;
    return true;
  });
  return out;
}

const REDACTED = "[redacted]";
const SECRET = new Set(["envoy.extensions.transport_sockets.tls.v3.TlsCertificate.private_key"]);

function planOf(name: string): ReadonlyMap<number, Field> {
  let plan = plans.get(name);
  if (plan === undefined) {
    plan = new Map(
      (TABLES[name] ?? []).map((row) => {
        const [field = "", number = "", ...kind] = row.split(" ");
        return [Number(number), fieldOf(field, kind)];
      }),
    );
    plans.set(name, plan);
  }
  return plan;
}

function fieldOf(name: string, kind: readonly string[]): Field {
  if (kind[0] === "repeated") return { name, shape: "repeated", read: readerOf(kind.slice(1)) };
  if (kind[0] !== "map") return { name, shape: "one", read: readerOf(kind) };
  const value = readerOf(kind.slice(1));
  const read: Read = (reader) => {
    const pair: [string, unknown] = ["", undefined];
    eachField(reader.bytes(), (number, inner) => {
      if (number === 1) pair[0] = inner.string();
      else pair[1] = value(inner);
      return true;
    });
    return pair;
  };
  return { name, shape: "map", read };
}

function readerOf([kind = "", argument = ""]: readonly string[]): Read {
  switch (kind) {
    case "string":
      return (reader) => reader.string();
    case "bool":
      return (reader) => reader.bool();
    case "uint32":
      return (reader) => reader.uint32();
    case "int32":
      return (reader) => reader.int32();
    case "int64":
      return (reader) => Number(reader.int64());
    case "double":
      return (reader) => reader.double();
    case "enum":
      return enumReader(argument);
    case "message":
      return (reader) => readMessage(argument, reader.bytes());
    case "any":
      return (reader) => readAny(reader.bytes());
    case "duration":
      return (reader) => readDuration(reader.bytes());
    case "labels": {
      const field = fieldOf("fields", ["map", "text"]);
      return (reader) => {
        const out: Json = {};
        eachField(reader.bytes(), (_, inner) => {
          const [key, item] = field.read(inner) as [string, unknown];
          out[key] = item;
          return true;
        });
        return out;
      };
    }
    case "text":
      return (reader) => {
        let value = "";
        eachField(reader.bytes(), (_, inner) => {
          value = inner.string();
          return true;
        });
        return value;
      };
    case "boxed": {
      const one = readerOf([argument]);
      return (reader) => {
        let value: unknown = argument === "bool" ? false : 0;
        eachField(reader.bytes(), (_, inner) => {
          value = one(inner);
          return true;
        });
        return value;
      };
    }
    default:
      throw new Error(`the Envoy tables hold an unknown kind ${kind}`);
  }
}

function enumReader(values: string): Read {
  const names = new Map(
    values.split(",").map((pair) => {
      const [name = "", value] = pair.split("=");
      return [Number(value), name];
    }),
  );
  return (reader) => {
    const value = reader.int32();
    return names.get(value) ?? value;
  };
}

function readAny(bytes: Uint8Array): Json {
  let url = "";
  let value: Uint8Array = new Uint8Array();
  eachField(bytes, (number, reader) => {
    if (number === 1) url = reader.string();
    else value = reader.bytes();
    return true;
  });
  return { "@type": url, ...readMessage(url.slice(url.lastIndexOf("/") + 1), value) };
}

function readDuration(bytes: Uint8Array): string {
  let [seconds, nanos] = [0, 0];
  eachField(bytes, (number, reader) => {
    if (number === 1) seconds = Number(reader.int64());
    else nanos = reader.int32();
    return true;
  });
  return `${seconds + nanos / 1e9}s`;
}

/** `read` consumes the field's value, or returns false to have it skipped. */
function eachField(bytes: Uint8Array, read: (field: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire]: [number, WireType] = reader.tag();
    if (!read(field, reader)) reader.skip(wire, field);
  }
}
