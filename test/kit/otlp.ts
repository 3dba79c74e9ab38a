// A collector for tests: an OTLP receiver over HTTP (or HTTPS) that keeps what arrives and reads of it what a test asks:
// spans with their trace, and names of metrics, each with the resource that sent it. Protobuf by field number, from
// opentelemetry-proto 1.x (trace/v1, metrics/v1); only tests import it.

import { createServer as createHttp, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { BinaryReader } from "@bufbuild/protobuf/wire";

export interface Export {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export interface SpanSeen {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** "envoy", "gateway": attribute catalyst.part of the resource. */
  readonly part: string;
}

export interface MetricSeen {
  readonly name: string;
  readonly part: string;
  /** One for each series. */
  readonly attributes: readonly Readonly<Record<string, string>>[];
}

export interface Receiver {
  readonly port: number;
  readonly exports: Export[];
  spans(): SpanSeen[];
  metrics(): MetricSeen[];
  close(): Promise<void>;
}

export async function otlpReceiver(
  t: { after(undo: () => Promise<void> | void): void },
  options: { readonly tls?: { readonly cert: string; readonly key: string }; readonly port?: number } = {},
): Promise<Receiver> {
  const exports: Export[] = [];
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      exports.push({ path: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks) });
      response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
    });
  };
  const server = options.tls === undefined ? createHttp(listener) : createHttps(options.tls, listener);
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  t.after(close);
  const { port } = server.address() as AddressInfo;
  const bodies = (signal: string): Buffer[] =>
    exports.filter(({ path }) => path.endsWith(`/v1/${signal}`)).map(({ body }) => body);
  return {
    port,
    exports,
    spans: () => bodies("traces").flatMap(readSpans),
    metrics: () => bodies("metrics").flatMap(readMetrics),
    close,
  };
}

type Fields = ReadonlyMap<number, readonly Uint8Array[]>;

/** Length-delimited fields of a message; the rest is skipped. */
function fieldsOf(bytes: Uint8Array): Fields {
  const found = new Map<number, Uint8Array[]>();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (wire !== 2) reader.skip(wire, field);
    else found.set(field, [...(found.get(field) ?? []), reader.bytes()]);
  }
  return found;
}

const all = (fields: Fields, number: number): readonly Uint8Array[] => fields.get(number) ?? [];
const first = (fields: Fields, number: number): Uint8Array => all(fields, number)[0] ?? new Uint8Array();
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Texts only. */
const attributesOf = (list: readonly Uint8Array[]): Record<string, string> =>
  Object.fromEntries(
    list.map((each) => {
      const fields = fieldsOf(each);
      return [text(first(fields, 1)), text(first(fieldsOf(first(fields, 2)), 1))];
    }),
  );

/** Part and items (spans, metrics) of every resource and scope in a request. */
function itemsOf(body: Buffer): { readonly part: string; readonly item: Fields }[] {
  return all(fieldsOf(body), 1).flatMap((each) => {
    const resource = fieldsOf(each);
    const part = attributesOf(all(fieldsOf(first(resource, 1)), 1))["catalyst.part"] ?? "";
    return all(resource, 2).flatMap((scope) =>
      all(fieldsOf(scope), 2).map((item) => ({ part, item: fieldsOf(item) })),
    );
  });
}

const readSpans = (body: Buffer): SpanSeen[] =>
  itemsOf(body).map(({ part, item }) => ({
    part,
    traceId: hex(first(item, 1)),
    spanId: hex(first(item, 2)),
    parentId: hex(first(item, 4)),
    name: text(first(item, 5)),
    attributes: attributesOf(all(item, 9)),
  }));

/** Where the attributes stand in the points of a gauge, a sum, a histogram. */
const POINTS = { 5: 7, 7: 7, 9: 9 } as const;

const readMetrics = (body: Buffer): MetricSeen[] =>
  itemsOf(body).map(({ part, item }) => ({
    part,
    name: text(first(item, 1)),
    attributes: Object.entries(POINTS).flatMap(([kind, at]) =>
      all(item, Number(kind)).flatMap((data) =>
        all(fieldsOf(data), 1).map((point) => attributesOf(all(fieldsOf(point), at))),
      ),
    ),
  }));
