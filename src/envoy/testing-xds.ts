// An xDS client that shares nothing with the server it talks to: node:http2, and messages by Envoy's own descriptors out of
// the binary. It says exactly what a test tells it to. Only *.test.ts import it.

import { createConnection } from "node:net";
import { connect } from "node:http2";
import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import { create, createFileRegistry, fromBinary, fromJson, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, FileRegistry } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { TYPE_URL } from "./xds/index.ts";
import type { ResourceType } from "./xds/index.ts";

/** All descriptors, dependencies first, as the registry wants them. */
export function registryOf(descriptors: Iterable<Uint8Array>): FileRegistry {
  const files = [...descriptors].map((data) => fromBinary(FileDescriptorProtoSchema, data));
  const byName = new Map(files.map((f) => [f.name, f]));
  const ordered = new Set<(typeof files)[number]>();
  const add = (file: (typeof files)[number] | undefined): void => {
    if (file === undefined || ordered.has(file)) return;
    for (const name of file.dependency) add(byName.get(name));
    ordered.add(file);
  };
  for (const file of files) add(file);
  return createFileRegistry(create(FileDescriptorSetSchema, { file: [...ordered] }));
}

export interface Ask {
  readonly type: ResourceType;
  readonly subscribe?: readonly string[];
  readonly unsubscribe?: readonly string[];
  readonly initial?: Readonly<Record<string, string>>;
  readonly nonce?: string;
  readonly error?: string;
}

export interface Told {
  readonly type: ResourceType;
  readonly nonce: string;
  /** Name → version. */
  readonly resources: Readonly<Record<string, string>>;
  readonly removed: readonly string[];
  readonly bytes: number;
}

const PATH = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

export class XdsClient {
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  readonly #request: DescMessage;
  readonly #response: DescMessage;
  readonly #told: Told[] = [];
  #wake: (() => void) | undefined;
  #rest: Buffer = Buffer.alloc(0);
  #first = true;
  /** gRPC status the stream ended with. */
  readonly ended: Promise<number>;

  constructor(socket: string, registry: FileRegistry, path = PATH) {
    const message = (kind: string): DescMessage => {
      const found = registry.getMessage(`envoy.service.discovery.v3.DeltaDiscovery${kind}`);
      if (found === undefined) throw new Error("no such message");
      return found;
    };
    this.#request = message("Request");
    this.#response = message("Response");
    this.#session = connect("http://xds", { createConnection: () => createConnection(socket) });
    this.#session.on("error", () => this.#session.destroy());
    this.#stream = this.#session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
    });
    this.#stream.on("data", (chunk: Buffer) => this.#data(chunk));
    this.ended = new Promise((resolve) => {
      this.#stream.on("error", () => resolve(-1));
      this.#stream.on("response", (headers) => {
        if (headers["grpc-status"] !== undefined) resolve(Number(headers["grpc-status"]));
      });
      this.#stream.on("trailers", (headers) => resolve(Number(headers["grpc-status"] ?? 0)));
      this.#stream.on("close", () => resolve(-1));
    });
  }

  send(ask: Ask): void {
    const json = {
      type_url: TYPE_URL[ask.type],
      ...(this.#first
        ? {
            node: {
              id: "test",
              user_agent_build_version: { version: { major_number: 1, minor_number: 40 } },
            },
          }
        : {}),
      resource_names_subscribe: ask.subscribe ?? [],
      resource_names_unsubscribe: ask.unsubscribe ?? [],
      initial_resource_versions: ask.initial ?? {},
      response_nonce: ask.nonce ?? "",
      ...(ask.error === undefined ? {} : { error_detail: { code: 13, message: ask.error } }),
    };
    this.#first = false;
    const body = toBinary(this.#request, fromJson(this.#request, json as never));
    const head = Buffer.alloc(5);
    head.writeUInt32BE(body.length, 1);
    this.write(Buffer.concat([head, body]));
  }

  /** Bytes as they are. */
  write(bytes: Uint8Array): void {
    this.#stream.write(bytes);
  }

  /** The next response that has not been taken yet. */
  async next(): Promise<Told> {
    for (;;) {
      const told = this.#told.shift();
      if (told !== undefined) return told;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Responses that lie there, without waiting. */
  get waiting(): number {
    return this.#told.length;
  }

  /** Takes the next response and acknowledges it. */
  async accept(): Promise<Told> {
    const told = await this.next();
    this.send({ type: told.type, nonce: told.nonce });
    return told;
  }

  async refuse(error: string): Promise<Told> {
    const told = await this.next();
    this.send({ type: told.type, nonce: told.nonce, error });
    return told;
  }

  /** From now on answers by itself: with the error `judge` gives, or without one. */
  answerBy(judge: (told: Told) => string | undefined): void {
    const run = async (): Promise<void> => {
      for (;;) {
        const told = await this.next();
        const error = judge(told);
        this.send({ type: told.type, nonce: told.nonce, ...(error === undefined ? {} : { error }) });
      }
    };
    void run();
  }

  close(): void {
    this.#session.destroy();
  }

  #data(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 5 && this.#rest.length >= 5 + this.#rest.readUInt32BE(1)) {
      const end = 5 + this.#rest.readUInt32BE(1);
      const message = fromBinary(this.#response, this.#rest.subarray(5, end));
      // The content of a resource is not looked at, so no Any is unpacked.
      const read = message as unknown as {
        typeUrl: string;
        nonce: string;
        resources: { name: string; version: string; resource?: { typeUrl: string } }[];
        removedResources: string[];
      };
      const type = (Object.keys(TYPE_URL) as ResourceType[]).find((t) => TYPE_URL[t] === read.typeUrl);
      if (type === undefined) throw new Error(`a response of type ${read.typeUrl}`);
      for (const r of read.resources)
        if (r.resource?.typeUrl !== read.typeUrl) throw new Error(`${r.name} is a ${r.resource?.typeUrl}`);
      this.#told.push({
        type,
        nonce: read.nonce,
        resources: Object.fromEntries(read.resources.map((r) => [r.name, r.version])),
        removed: read.removedResources,
        bytes: end - 5,
      });
      this.#rest = this.#rest.subarray(end);
    }
    this.#wake?.();
    this.#wake = undefined;
  }
}
