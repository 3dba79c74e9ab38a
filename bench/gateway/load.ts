// The load: a closed loop over raw keep-alive connections, as light as it can be, because it shares the machine with what it
// measures. Reports "start" when the warm-up is over and "end" with the counts; the parent reads the CPU clocks at both.

import { connect, type Socket } from "node:net";

interface Start {
  readonly port: number;
  readonly body: string;
  readonly connections: number;
  readonly warmMs: number;
  readonly measureMs: number;
}

process.once("message", ({ port, body, connections, warmMs, measureMs }: Start) => {
  const request = Buffer.from(
    `POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  let counting = false;
  let stopped = false;
  let requests = 0;
  let failures = 0;
  const latencies: number[] = [];
  const sockets: Socket[] = [];

  const open = (): void => {
    let buffered = "";
    let sentAt = 0;
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const send = (): void => {
      sentAt = performance.now();
      socket.write(request);
    };
    socket.setEncoding("latin1");
    socket.on("connect", send);
    socket.on("error", () => (failures += 1));
    socket.on("data", (chunk: string) => {
      buffered = buffered === "" ? chunk : buffered + chunk;
      if (!isComplete(buffered)) return;
      if (!buffered.startsWith("HTTP/1.1 200") || buffered.includes(`"errors":`)) failures += 1;
      buffered = "";
      if (counting) {
        requests += 1;
        latencies.push(performance.now() - sentAt);
      }
      if (!stopped) send();
    });
    sockets.push(socket);
  };
  for (let index = 0; index < connections; index++) open();

  setTimeout(() => {
    counting = true;
    failures = 0;
    process.send?.({ mark: "start" });
    setTimeout(() => {
      counting = false;
      stopped = true;
      latencies.sort((a, b) => a - b);
      const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0;
      process.send?.({ mark: "end", requests, failures, p50: at(0.5), p99: at(0.99) });
      for (const socket of sockets) socket.destroy();
      setTimeout(() => process.exit(0), 50);
    }, measureMs);
  }, warmMs);
});

function isComplete(text: string): boolean {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return false;
  const match = /content-length: *(\d+)/i.exec(text.slice(0, head));
  if (match?.[1] !== undefined) return text.length >= head + 4 + Number(match[1]);
  return text.endsWith("0\r\n\r\n");
}
