// The wire between the supervisor and the parts: newline-delimited JSON on `run/supervisor.sock` (src/rpc/supervisor.ts).
// Parts say hello and whether they are ready; the supervisor answers with the whole picture after every change, and asks each
// from time to time whether it is still there.
// Invariant: a line is bounded, a stranger's words change nothing (the pid must be that of the child that was started).

import { chmodSync, rmSync } from "node:fs";
import { type Server, type Socket, connect, createServer } from "node:net";
import type { FromSupervisor, PartName, PartStatus, ToSupervisor } from "#rpc";
import { LineSplitter } from "./lines.ts";

export interface LinkEvents {
  state(part: PartName, pid: number, ready: boolean, reason: string | undefined): void;
  /** It answered a question. */
  alive(part: PartName, pid: number): void;
  restart(part: PartName): void;
}

interface Hello {
  readonly part: PartName;
  readonly pid: number;
}

const parse = <T>(line: string): T | undefined => {
  try {
    return JSON.parse(line) as T;
  } catch {
    return undefined;
  }
};

export class LinkServer {
  readonly #events: LinkEvents;
  readonly #sockets = new Map<Socket, Hello | undefined>();
  #server: Server | undefined;
  #last: readonly PartStatus[] = [];

  constructor(events: LinkEvents) {
    this.#events = events;
  }

  async listen(path: string): Promise<void> {
    rmSync(path, { force: true });
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
    chmodSync(path, 0o600);
  }

  tell(parts: readonly PartStatus[]): void {
    this.#last = parts;
    for (const socket of this.#sockets.keys()) this.#send(socket, { kind: "parts", parts });
  }

  /** Asks that process whether it is still there; without a session of it nobody is asked, and nobody answers. */
  ask(part: PartName, pid: number): void {
    for (const [socket, hello] of this.#sockets)
      if (hello?.part === part && hello.pid === pid) this.#send(socket, { kind: "ask" });
  }

  close(): void {
    this.#server?.close();
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  #send(socket: Socket, message: FromSupervisor): void {
    socket.write(`${JSON.stringify(message)}\n`);
  }

  #accept(socket: Socket): void {
    this.#sockets.set(socket, undefined);
    const splitter = new LineSplitter((line) => {
      const message = parse<ToSupervisor>(line);
      const hello = this.#sockets.get(socket);
      if (message?.kind === "hello") this.#sockets.set(socket, { part: message.part, pid: message.pid });
      else if (message?.kind === "state" && hello !== undefined && hello.part === message.part)
        this.#events.state(message.part, hello.pid, message.ready, message.reason);
      else if (message?.kind === "alive" && hello !== undefined) this.#events.alive(hello.part, hello.pid);
      else if (message?.kind === "restart") this.#events.restart(message.part);
    });
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => splitter.push(chunk));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
    this.#send(socket, { kind: "parts", parts: this.#last });
  }
}

/** The part's end. It never reconnects: when the supervisor is gone, the part's stdin ends and so does the part. */
export class LinkClient {
  readonly #socket: Socket;
  readonly #part: PartName;

  constructor(path: string, part: PartName, onParts: (parts: readonly PartStatus[]) => void) {
    this.#part = part;
    this.#socket = connect(path);
    this.#socket.setEncoding("utf8");
    const splitter = new LineSplitter((line) => {
      const message = parse<FromSupervisor>(line);
      if (message?.kind === "parts") onParts(message.parts);
      else if (message?.kind === "ask") this.#write({ kind: "alive" });
    });
    this.#socket.on("data", (chunk: string) => splitter.push(chunk));
    this.#socket.on("error", () => this.#socket.destroy());
    this.#write({ kind: "hello", part, pid: process.pid });
  }

  state(ready: boolean, reason?: string): void {
    this.#write({ kind: "state", part: this.#part, ready, ...(reason === undefined ? {} : { reason }) });
  }

  restart(part: PartName): void {
    this.#write({ kind: "restart", part });
  }

  close(): void {
    this.#socket.end();
  }

  #write(message: ToSupervisor): void {
    if (this.#socket.writable) this.#socket.write(`${JSON.stringify(message)}\n`);
  }
}
