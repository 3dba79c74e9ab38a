// The page for browsers at GET /graphql: GraphiQL, whole, without a network. Its package is a module of 9 MB that would stay in
// the heap of whoever imports it, so a thread renders the page, packs it and ends; here only the packed bytes are kept, and
// those too only while somebody asks for them. Invariants: one thread at a time, and everybody who waits waits for the same
// one, with a limit; the page holds nothing of the graph, what it shows it asks for with the user's own token.

import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { Worker } from "node:worker_threads";
import { createGunzip } from "node:zlib";
import { CatalystError } from "#rpc";

/** What the thread answers. */
export interface Rendered {
  readonly gzip: Uint8Array;
  /** Of the HTML, quoted as the header wants it. */
  readonly etag: string;
  /** The sources of the page's own script, for the policy. */
  readonly scripts: string;
}

export interface PageOptions {
  /** A thread that has not answered by then is ended, and those who wait are told so. */
  readonly renderTimeoutMs: number;
  /** How long the bytes stay after they were last asked for. */
  readonly keepMs: number;
  readonly heapMb: number;
  /** Told of each attempt that failed: a browser only learns that there is no page. */
  readonly failed: (error: unknown) => void;
}

const DEFAULTS: PageOptions = {
  renderTimeoutMs: 15_000,
  keepMs: 60_000,
  heapMb: 256,
  failed: () => undefined,
};

/**
 * Its own script by its hash, its editors' threads as blobs, requests to this node alone. Styles have to be allowed as they
 * come: the editor places its text with style attributes. Fonts and pictures are inside the page.
 */
function policyOf({ scripts }: Rendered): string {
  return (
    `default-src 'none'; script-src ${scripts}; worker-src blob:; style-src 'unsafe-inline'; font-src data:; ` +
    `img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
  );
}

export class PageServer {
  readonly #options: PageOptions;
  /** The packed page, or the thread that is making it. */
  #page: Promise<Rendered> | undefined;
  /** Remembered when the bytes are gone: a browser that has the page already costs no thread. */
  #etag: string | undefined;
  #worker: Worker | undefined;
  #fade: NodeJS.Timeout | undefined;

  constructor(options: Partial<PageOptions> = {}) {
    this.#options = { ...DEFAULTS, ...options };
  }

  /** Answers the request, or throws before anything was sent. */
  async serve({ headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const match = headers["if-none-match"];
    if (match !== undefined && match === this.#etag) {
      response.writeHead(304, ["etag", match, ...CACHING]).end();
      return;
    }
    this.#page ??= this.#render();
    const page = await this.#page;
    const packed = /\bgzip\b(?!;q=0(?:\.0*)?(?:,|$))/.test(headers["accept-encoding"] ?? "");
    response.writeHead(200, [
      ...["content-type", "text/html; charset=utf-8", "etag", page.etag, ...CACHING],
      ...["content-security-policy", policyOf(page), "x-content-type-options", "nosniff"],
      ...["referrer-policy", "no-referrer", "cross-origin-opener-policy", "same-origin"],
      ...(packed ? ["content-encoding", "gzip", "content-length", String(page.gzip.byteLength)] : []),
    ]);
    if (packed) response.end(page.gzip);
    else await unpack(page.gzip, response);
  }

  close(): void {
    clearTimeout(this.#fade);
    this.#page = undefined;
    void this.#worker?.terminate();
  }

  async #render(): Promise<Rendered> {
    try {
      const page = await this.#inThread();
      this.#etag = page.etag;
      return page;
    } catch (error) {
      // The next one who asks gets a new attempt.
      this.#page = undefined;
      this.#options.failed(error);
      throw error;
    } finally {
      clearTimeout(this.#fade);
      this.#fade = setTimeout(() => (this.#page = undefined), this.#options.keepMs);
      this.#fade.unref();
    }
  }

  #inThread(): Promise<Rendered> {
    const { heapMb, renderTimeoutMs } = this.#options;
    const worker = new Worker(new URL("./graphiql-worker.ts", import.meta.url), {
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    });
    this.#worker = worker;
    return new Promise<Rendered>((resolve, reject) => {
      const fail = (cause?: unknown): void =>
        reject(new CatalystError("ERR_INTERNAL", "the page cannot be made at the moment", { cause }));
      const timer = setTimeout(() => fail(new Error(`not made in ${renderTimeoutMs} ms`)), renderTimeoutMs);
      worker.once("message", resolve);
      worker.once("error", fail);
      worker.once("exit", (code) => {
        clearTimeout(timer);
        fail(new Error(`the page's thread ended with ${code}`));
      });
    }).finally(() => {
      this.#worker = undefined;
      void worker.terminate();
    });
  }
}

const CACHING = ["cache-control", "private, max-age=3600", "vary", "accept, accept-encoding"];

/** For the rare client that takes only plain bytes; how fast it reads is how fast is unpacked. */
async function unpack(gzip: Uint8Array, response: ServerResponse): Promise<void> {
  const stream = createGunzip();
  stream.end(gzip);
  try {
    await pipeline(stream, response);
  } catch (error) {
    // It went away in the middle; there is nobody left to answer.
    if ((error as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
  }
}
