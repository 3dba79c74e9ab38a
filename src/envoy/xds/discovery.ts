// The two messages of delta xDS on the wire (envoy/service/discovery/v3/discovery.proto), by hand: resources are kept as
// ready bytes and only joined here, and of a request only what the server uses is read. A test decodes and encodes both
// with Envoy's own descriptors.

import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { CatalystError } from "#rpc";
import { TYPES, TYPE_URL, XDS_LIMITS } from "./types.ts";
import type { ResourceType } from "./types.ts";

export interface DeltaRequest {
  /** Only in the first message of a stream. */
  readonly node?: { readonly id: string; readonly cluster: string; readonly version: string };
  readonly typeUrl: string;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: ReadonlyMap<string, string>;
  readonly nonce: string;
  /** Why the response was refused; absent = acknowledged. */
  readonly error?: string;
}

/** The Any's first field, which says what it holds. */
const ANY_URL: ReadonlyMap<ResourceType, Uint8Array> = new Map(
  TYPES.map((type) => [
    type,
    new BinaryWriter().tag(1, WireType.LengthDelimited).string(TYPE_URL[type]).finish(),
  ]),
);

/** One entry of `resources`, tag included. Its lengths are known beforehand, so the value, which may be megabytes, is copied once. */
export function resourceBytes(
  type: ResourceType,
  name: string,
  version: string,
  value: Uint8Array,
): Uint8Array {
  const url = ANY_URL.get(type) ?? new Uint8Array();
  const any = url.length + fieldBytes(value.length);
  const nameBytes = Buffer.byteLength(name);
  const resource = fieldBytes(version.length) + fieldBytes(any) + fieldBytes(nameBytes);
  const wire = Buffer.allocUnsafe(fieldBytes(resource));
  let at = writeHead(wire, 0, 2, resource);
  at = writeHead(wire, at, 1, version.length);
  at += wire.write(version, at, "latin1");
  at = writeHead(wire, at, 2, any);
  wire.set(url, at);
  at = writeHead(wire, at + url.length, 2, value.length);
  wire.set(value, at);
  at = writeHead(wire, at + value.length, 3, nameBytes);
  wire.write(name, at);
  return wire;
}

/** A length-delimited field: tag (fields up to 15), length, content. */
function fieldBytes(length: number): number {
  let bytes = 2 + length;
  for (let rest = length >>> 7; rest > 0; rest >>>= 7) bytes += 1;
  return bytes;
}

/** Tag and length of such a field; where its content begins. */
function writeHead(wire: Buffer, at: number, field: number, length: number): number {
  wire[at++] = (field << 3) | WireType.LengthDelimited;
  for (; length > 127; length >>>= 7) wire[at++] = (length & 127) | 128;
  wire[at++] = length;
  return at;
}

/** The resource inside what `resourceBytes` made. */
export function valueOf(wire: Uint8Array): Uint8Array {
  const [outer, resource, any] = [new BinaryReader(wire), 2, 2];
  outer.tag();
  let value: Uint8Array = new Uint8Array();
  eachField(outer.bytes(), (field, reader) => {
    if (field !== resource) return false;
    eachField(reader.bytes(), (inner, anyReader) => {
      if (inner !== any) return false;
      value = anyReader.bytes();
      return true;
    });
    return true;
  });
  return value;
}

/** A whole DeltaDiscoveryResponse, in pieces that are written one after the other. */
export function responseBytes(
  type: ResourceType,
  nonce: string,
  resources: readonly Uint8Array[],
  removed: readonly string[],
): Uint8Array[] {
  const rest = new BinaryWriter();
  rest.tag(4, WireType.LengthDelimited).string(TYPE_URL[type]);
  rest.tag(5, WireType.LengthDelimited).string(nonce);
  for (const name of removed) rest.tag(6, WireType.LengthDelimited).string(name);
  return [...resources, rest.finish()];
}

/** Throws when the bytes are no request or go over a limit. */
export function readRequest(bytes: Uint8Array): DeltaRequest {
  const subscribe: string[] = [];
  const unsubscribe: string[] = [];
  const initialVersions = new Map<string, string>();
  const request = { typeUrl: "", nonce: "" };
  let node: DeltaRequest["node"];
  let error: string | undefined;
  eachField(bytes, (field, reader) => {
    if (field === 1) node = readNode(reader.bytes());
    else if (field === 2) request.typeUrl = reader.string();
    else if (field === 3) subscribe.push(readName(reader));
    else if (field === 4) unsubscribe.push(readName(reader));
    else if (field === 5) {
      const [name, version] = readPair(reader.bytes());
      initialVersions.set(name, version);
    } else if (field === 6) request.nonce = reader.string();
    else if (field === 7) error = readStatus(reader.bytes());
    else return false;
    return true;
  });
  if (subscribe.length + unsubscribe.length + initialVersions.size > XDS_LIMITS.names)
    throw new CatalystError("ERR_LIMIT", "too many resource names in one request");
  return {
    ...request,
    subscribe,
    unsubscribe,
    initialVersions,
    ...(node === undefined ? {} : { node }),
    ...(error === undefined ? {} : { error }),
  };
}

/** `read` consumes the field's value, or returns false to have it skipped. */
function eachField(bytes: Uint8Array, read: (field: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (!(wire === WireType.LengthDelimited || wire === WireType.Varint) || !read(field, reader))
      reader.skip(wire, field);
  }
}

function readName(reader: BinaryReader): string {
  const name = reader.string();
  if (name.length > XDS_LIMITS.nameBytes) throw new CatalystError("ERR_LIMIT", "a resource name is too long");
  return name;
}

function readPair(bytes: Uint8Array): [key: string, value: string] {
  const pair: [string, string] = ["", ""];
  eachField(bytes, (field, reader) => {
    if (field === 1) pair[0] = readName(reader);
    else if (field === 2) pair[1] = readName(reader);
    else return false;
    return true;
  });
  return pair;
}

function readStatus(bytes: Uint8Array): string {
  let message = "";
  eachField(bytes, (field, reader) => {
    if (field !== 2) return false;
    message = reader.string();
    return true;
  });
  return message;
}

function readNode(bytes: Uint8Array): { id: string; cluster: string; version: string } {
  const node = { id: "", cluster: "", version: "" };
  eachField(bytes, (field, reader) => {
    if (field === 1) node.id = reader.string();
    else if (field === 2) node.cluster = reader.string();
    else if (field === 8) node.version = readBuildVersion(reader.bytes());
    else return false;
    return true;
  });
  return node;
}

function readBuildVersion(bytes: Uint8Array): string {
  const parts = [0, 0, 0];
  eachField(bytes, (field, reader) => {
    if (field !== 1) return false;
    eachField(reader.bytes(), (part, inner) => {
      if (part < 1 || part > 3) return false;
      parts[part - 1] = inner.uint32();
      return true;
    });
    return true;
  });
  return parts.join(".");
}
