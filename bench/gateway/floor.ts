// The floor: what a bare Node process needs that receives by node:http and asks by undici, in the cheapest form undici has.
// `one` forwards the request and its answer; `fed` makes the two calls a plan would make and answers with a fixed text.

import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool, type Dispatcher } from "undici";

interface Start {
  readonly mode: "one" | "fed";
  /** Port and body of each call; `one` sends the client's body. */
  readonly calls: readonly { readonly port: number; readonly body: string }[];
  readonly answer: string;
}

class Call implements Dispatcher.DispatchHandler {
  readonly #done: (bytes: Buffer) => void;
  readonly #chunks: Buffer[] = [];
  constructor(done: (bytes: Buffer) => void) {
    this.#done = done;
  }
  onRequestStart(): void {}
  onResponseStart(): void {}
  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }
  onResponseEnd(): void {
    this.#done(this.#chunks.length === 1 && this.#chunks[0] ? this.#chunks[0] : Buffer.concat(this.#chunks));
  }
  onResponseError(_: unknown, error: Error): void {
    throw error;
  }
}

const headers = ["content-type", "application/json", "accept", "application/json"];

process.once("message", ({ mode, calls, answer }: Start) => {
  const upstreams = calls.map(({ port, body }) => ({
    pool: new Pool(`http://127.0.0.1:${port}`, { connections: 16 }),
    body: Buffer.from(body),
  }));
  const call = (index: number, body: Buffer | undefined, done: (bytes: Buffer) => void): void => {
    const upstream = upstreams[index];
    if (upstream === undefined) throw new Error("no such call");
    const options = { path: "/graphql", method: "POST", headers, body: body ?? upstream.body } as const;
    upstream.pool.dispatch(options, new Call(done));
  };
  const send = (response: ServerResponse, body: Buffer | string): void => {
    const length = String(body.length);
    response.writeHead(200, ["content-type", "application/json; charset=utf-8", "content-length", length]);
    response.end(body, "latin1");
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (mode === "one") call(0, Buffer.concat(chunks), (bytes) => send(response, bytes));
      else call(0, undefined, () => call(1, undefined, () => send(response, answer)));
    });
  });
  server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
});
process.once("disconnect", () => process.exit(0));
