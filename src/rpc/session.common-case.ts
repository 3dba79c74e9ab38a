// What every kind of session must do, whatever carries it: one table of cases, run over a unix socket, TCP
// and in one process.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { callback } from "./callback.ts";
import { connect, pair, type ConnectOptions } from "./connect.ts";
import { CatalystError } from "./errors.ts";
import { expose, type Exposed } from "./expose.ts";
import { serve } from "./serve.ts";
import type { Session } from "./session-types.ts";

/** A small contract with one of everything. */
export interface Desk {
  add(a: number, b: number): Promise<number>;
  echo(value: { readonly text: string; readonly list: readonly number[] }): Promise<unknown>;
  fail(kind: "coded" | "plain" | "thrown-text"): Promise<never>;
  hang(): Promise<never>;
  watch(onChange: (value: number) => void): Promise<void>;
  emit(value: number): Promise<void>;
  secret(): Promise<string>;
}

export class DeskRoom implements Desk {
  readonly watchers = new Set<(value: number) => void | Promise<void>>();
  hanging = 0;

  add(a: number, b: number): Promise<number> {
    return Promise.resolve(a + b);
  }
  echo(value: unknown): Promise<unknown> {
    return Promise.resolve(value);
  }
  fail(kind: string): Promise<never> {
    if (kind === "coded") {
      throw new CatalystError("ERR_SERVICE_CONFLICT", "the name books is taken", {
        hint: "catalyst service show books",
        detail: { owner: { file: "catalyst.json", line: 7 } },
        cause: new Error("the inner canary-cause"),
      });
    }
    // oxlint-disable-next-line typescript/only-throw-error -- a plugin may throw anything
    if (kind === "thrown-text") throw "canary-text";
    throw new TypeError("canary-plain");
  }
  hang(): Promise<never> {
    this.hanging++;
    return new Promise(() => undefined);
  }
  watch(onChange: (value: number) => void): Promise<void> {
    this.watchers.add(onChange);
    return Promise.resolve();
  }
  async emit(value: number): Promise<void> {
    for (const tell of this.watchers) await tell(value);
  }
  secret(): Promise<string> {
    return Promise.resolve("never exposed");
  }
}

export const exposeDesk = (desk: DeskRoom): Exposed =>
  expose<Desk>(desk, {
    add: z.tuple([z.number(), z.number()]),
    echo: z.tuple([z.strictObject({ text: z.string(), list: z.array(z.number()) })]),
    fail: z.tuple([z.enum(["coded", "plain", "thrown-text"])]),
    hang: z.tuple([]),
    watch: z.tuple([callback<(value: number) => void>()]),
    emit: z.tuple([z.number()]),
  });

export interface Opened {
  readonly session: Session<Desk>;
  readonly server: () => Session;
  readonly desk: DeskRoom;
  readonly logged: string[];
  [Symbol.asyncDispose](): Promise<void>;
}

export type Open = (options?: ConnectOptions<Desk>) => Promise<Opened>;

const recorder = (logged: string[]) => {
  const write = (fields: object, text: string): void => void logged.push(`${text} ${JSON.stringify(fields)}`);
  return { debug: write, info: write, warn: write, error: write };
};

export const openPair: Open = (options = {}) => {
  const desk = new DeskRoom();
  const logged: string[] = [];
  const [session, server] = pair<Desk>(() => exposeDesk(desk), { log: recorder(logged), ...options });
  return Promise.resolve({
    session,
    server: () => server,
    desk,
    logged,
    [Symbol.asyncDispose]: async () => {
      session.close();
      await server.closed;
    },
  });
};

const overSocket =
  (unix: boolean): Open =>
  async (options = {}) => {
    const folder = await mkdtemp(join(tmpdir(), "catalyst-rpc-"));
    const desk = new DeskRoom();
    const logged: string[] = [];
    const listen = unix ? { unix: join(folder, "desk.sock") } : { host: "127.0.0.1", port: 0 };
    const { limits } = options;
    const server = await serve(listen, () => exposeDesk(desk), {
      log: recorder(logged),
      ...(limits === undefined ? {} : { limits }),
    });
    assert(server.address !== undefined);
    const session = await connect<Desk>(server.address, options);
    return {
      session,
      server: () => {
        const [first] = server.sessions;
        assert(first !== undefined);
        return first;
      },
      desk,
      logged,
      [Symbol.asyncDispose]: async () => {
        session.close();
        await server.close();
        await rm(folder, { recursive: true });
      },
    };
  };

export const openUnix: Open = overSocket(true);
export const openTcp: Open = overSocket(false);

export const fails =
  (code: string, text?: RegExp) =>
  (error: unknown): boolean => {
    assert(error instanceof CatalystError, String(error));
    assert.equal(error.code, code, error.message);
    if (text !== undefined) assert.match(error.message, text);
    return true;
  };

export function sessionCases(name: string, open: Open): void {
  test(`${name}: calls, plain values and copies`, async () => {
    await using opened = await open();
    const { stub } = opened.session;
    assert.equal(await stub.add(2, 3), 5);
    const sent = { text: 'quote " backslash \\ new\nline', list: [1, 2, 3] };
    assert.deepEqual(await stub.echo(sent), sent);
  });

  test(`${name}: a coded error keeps code, message, hint and detail, and nothing else`, async () => {
    await using opened = await open();
    const error: unknown = await opened.session.stub.fail("coded").catch((caught: unknown) => caught);
    assert(error instanceof CatalystError);
    assert.equal(error.code, "ERR_SERVICE_CONFLICT");
    assert.equal(error.message, "the name books is taken");
    assert.equal(error.hint, "catalyst service show books");
    assert.deepEqual(error.detail, { owner: { file: "catalyst.json", line: 7 } });
    assert.equal(error.cause, undefined);
    assert.deepEqual(opened.logged, []);
  });

  test(`${name}: an uncoded error tells the caller nothing and is logged where it happened`, async () => {
    await using opened = await open();
    for (const kind of ["plain", "thrown-text"] as const) {
      const error: unknown = await opened.session.stub.fail(kind).catch((caught: unknown) => caught);
      assert(error instanceof CatalystError);
      assert.equal(error.code, "ERR_INTERNAL");
      assert.doesNotMatch(`${error.message} ${error.stack ?? ""}`, /canary/);
    }
    assert.match(opened.logged.join("\n"), /canary-plain/);
    assert.match(opened.logged.join("\n"), /canary-text/);
  });

  test(`${name}: wrong arguments, also references, are refused by name`, async () => {
    await using opened = await open();
    // The contract's types would not let these pass; a stranger has no types.
    const stub = opened.session.stub as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    await assert.rejects(
      async () => stub["add"]?.("1", 2),
      fails("ERR_INVALID_ARGUMENT", /^wrong arguments of add: 0: /),
    );
    await assert.rejects(async () => stub["add"]?.(1), fails("ERR_INVALID_ARGUMENT"));
    await assert.rejects(async () => stub["add"]?.(() => 1, 2), fails("ERR_INVALID_ARGUMENT"));
    await assert.rejects(
      async () => stub["echo"]?.({ text: () => "x", list: [] }),
      fails("ERR_INVALID_ARGUMENT", /0\.text/),
    );
    await assert.rejects(async () => stub["watch"]?.({ dup: 1 }), fails("ERR_INVALID_ARGUMENT"));
    assert.equal(await opened.session.stub.add(1, 1), 2);
  });

  test(`${name}: only listed methods exist`, async () => {
    await using opened = await open();
    const stub = opened.session.stub as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    for (const method of ["secret", "watchers", "invoke"]) {
      await assert.rejects(async () => stub[method]?.(), fails("ERR_NOT_FOUND"), method);
    }
    assert.deepEqual(opened.logged, []);
  });

  test(`${name}: a callback lives until the session ends`, async () => {
    await using opened = await open();
    const seen: number[] = [];
    await opened.session.stub.watch((value) => void seen.push(value));
    for (const value of [1, 2, 3]) await opened.session.stub.emit(value);
    assert.deepEqual(seen, [1, 2, 3]);
    const [tell] = opened.desk.watchers;
    const server = opened.server();
    opened.session.close();
    await server.closed;
    assert(server.signal.aborted);
    await assert.rejects(async () => tell?.(4), fails("ERR_RPC_CLOSED"));
    assert.deepEqual(seen, [1, 2, 3]);
  });

  test(`${name}: a callback that fails is told`, async () => {
    await using opened = await open();
    await opened.session.stub.watch(() => {
      throw new Error("no room for it");
    });
    const [tell] = opened.desk.watchers;
    await assert.rejects(async () => tell?.(1));
    const told = () => opened.logged.filter((line) => line.startsWith("a callback of the other side failed"));
    assert.equal(told().length, 1);
  });

  test(`${name}: an end that closes while the other side speaks lets everything go on`, async () => {
    await using opened = await open();
    await opened.session.stub.watch(() => new Promise<void>(() => undefined));
    const [tell] = opened.desk.watchers;
    const lost = assert.rejects(async () => tell?.(1), fails("ERR_RPC_CLOSED"));
    opened.session.close();
    await lost;
    // A loop of microtasks would never come to this.
    await new Promise((resolve) => setTimeout(resolve, 1));
  });

  test(`${name}: a call that hangs ends within its deadline and leaves nothing behind`, async () => {
    await using opened = await open();
    const before = opened.session.stats();
    await assert.rejects(opened.session.within(20).hang(), fails("ERR_TIMEOUT", /hang within 20 ms/));
    assert.equal(opened.desk.hanging, 1);
    assert.equal(await opened.session.stub.add(1, 1), 2);
    assert.equal(opened.session.stats().imports, before.imports);
    assert.equal(opened.server().stats().pushes <= 1, true);
  });

  test(`${name}: the end of a session ends its open calls`, async () => {
    await using opened = await open();
    const { stub } = opened.session;
    const hanging = assert.rejects(stub.hang(), fails("ERR_RPC_CLOSED"));
    assert.equal(await stub.add(1, 1), 2);
    opened.server().close("going home");
    await hanging;
    const reason = await opened.session.closed;
    assert.equal(reason.code, "ERR_RPC_CLOSED");
    await assert.rejects(stub.add(1, 1), fails("ERR_RPC_CLOSED"));
  });

  test(`${name}: too many watchers are refused, the session goes on`, async () => {
    await using opened = await open({ limits: { callbacks: 2 } });
    const { stub } = opened.session;
    for (let i = 0; i < 2; i++) await stub.watch(() => undefined);
    await assert.rejects(
      stub.watch(() => undefined),
      fails("ERR_LIMIT"),
    );
    assert.equal(await stub.add(1, 1), 2);
  });

  test(`${name}: more open calls than the other side allows are refused here`, async () => {
    await using opened = await open({ limits: { outstanding: 8 } });
    const { stub } = opened.session;
    const open8 = Array.from({ length: 8 }, () => stub.hang().catch((error: unknown) => error));
    await assert.rejects(stub.add(1, 1), fails("ERR_LIMIT"));
    opened.session.close();
    for (const error of await Promise.all(open8)) assert(fails("ERR_RPC_CLOSED")(error));
  });
}
