// Ports for the listeners of a demonstration: the usual ones where they are free, else any. All are held until the last is found, so
// that no two are the same. A node listens seconds later: so they lie below the range from which the system gives ports to outgoing
// connections, and what another program takes in between, the node says.

import { createServer, type Server } from "node:net";

/** Below 32768, where the usual range of outgoing connections begins. */
const FROM = 12_000;
const TO = 32_000;
const TRIES = 20;

const some = (): number[] =>
  Array.from({ length: TRIES }, () => FROM + Math.floor(Math.random() * (TO - FROM)));

/** The first port that is free among those asked for, in their order; else any. */
export async function freePorts(asked: readonly (readonly number[])[]): Promise<number[]> {
  const held: Server[] = [];
  try {
    const ports: number[] = [];
    for (const each of asked) {
      const server = await firstFree([...each, ...some(), 0]);
      held.push(server);
      const address = server.address();
      ports.push(typeof address === "object" && address !== null ? address.port : 0);
    }
    return ports;
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

async function firstFree(ports: readonly number[]): Promise<Server> {
  for (const [at, port] of ports.entries()) {
    const server = createServer();
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host: "127.0.0.1", port, exclusive: true }, resolve);
      });
      return server;
    } catch (error) {
      if (at === ports.length - 1) throw error;
    }
  }
  throw new Error("no port was asked for");
}
