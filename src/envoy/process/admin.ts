// Asks Envoy's admin socket: is it ready, which version, what do its counters say; and drains it. Everything has a limit on
// time and size, because a hanging Envoy must not hang who asks.

import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { CatalystError } from "#rpc";

const ANSWER_BYTES = 64 * 1024 * 1024;

export interface AdminAnswer {
  readonly status: number;
  readonly body: string;
}

export function askEnvoy(
  socket: string,
  path: string,
  options: { readonly method?: "GET" | "POST"; readonly timeoutMs?: number } = {},
): Promise<AdminAnswer> {
  const { method = "GET", timeoutMs = 2_000 } = options;
  const { promise, resolve, reject } = Promise.withResolvers<AdminAnswer>();
  const fail = (error: Error): void =>
    reject(new CatalystError("ERR_ENVOY_FAILED", `Envoy's admin socket: ${error.message}`, { cause: error }));
  const asked = request(
    { socketPath: socket, path, method, signal: AbortSignal.timeout(timeoutMs) },
    (answer) => {
      const chunks: Buffer[] = [];
      let length = 0;
      answer.on("error", fail);
      answer.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > ANSWER_BYTES) answer.destroy(new Error("the answer is too large"));
        else chunks.push(chunk);
      });
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
      );
    },
  );
  asked.on("error", fail);
  asked.end();
  return promise;
}

/** Ready = started and first configuration read (`/ready` says LIVE). */
export async function probeReady(socket: string, timeoutMs = 1_000): Promise<boolean> {
  try {
    const { status, body } = await askEnvoy(socket, "/ready", { timeoutMs });
    return status === 200 && body.startsWith("LIVE");
  } catch {
    return false;
  }
}

export interface EnvoyInfo {
  /** "1.40.0" */
  readonly version: string;
  readonly state: string;
  readonly uptimeSeconds: number;
}

export async function envoyInfo(socket: string): Promise<EnvoyInfo> {
  const { body } = await askEnvoy(socket, "/server_info");
  const read = JSON.parse(body) as { version?: string; state?: string; uptime_current_epoch?: string };
  // "<commit>/1.40.0/Clean/RELEASE/BoringSSL"
  return {
    version: read.version?.split("/")[1] ?? "unknown",
    state: read.state ?? "unknown",
    uptimeSeconds: Number.parseFloat(read.uptime_current_epoch ?? "0"),
  };
}

/** Counters and gauges whose names match the regular expression, by name. */
export async function envoyStats(socket: string, filter: string): Promise<ReadonlyMap<string, number>> {
  const { body } = await askEnvoy(socket, `/stats?format=json&filter=${encodeURIComponent(filter)}`);
  const read = JSON.parse(body) as { stats?: readonly { name?: string; value?: unknown }[] };
  return new Map(
    (read.stats ?? []).flatMap(({ name, value }) =>
      name !== undefined && typeof value === "number" ? [[name, value] as const] : [],
    ),
  );
}

/** What `envoy status` shows of traffic. */
export interface EnvoyTraffic {
  readonly connections: number;
  readonly requests: number;
  readonly requestsActive: number;
  /** Answers by class. */
  readonly answers: Readonly<Record<"2xx" | "3xx" | "4xx" | "5xx", number>>;
  readonly denied: number;
  readonly memoryBytes: number;
}

export async function envoyTraffic(socket: string): Promise<EnvoyTraffic> {
  const stats = await envoyStats(
    socket,
    "^http\\.ingress\\.(downstream_(cx_active|rq_total|rq_active|rq_[2345]xx)|jwt_authn\\.denied|rbac\\..*denied)$|^server\\.memory_allocated$",
  );
  const value = (name: string): number => stats.get(name) ?? 0;
  const answers = (digit: number): number => value(`http.ingress.downstream_rq_${digit}xx`);
  return {
    connections: value("http.ingress.downstream_cx_active"),
    requests: value("http.ingress.downstream_rq_total"),
    requestsActive: value("http.ingress.downstream_rq_active"),
    answers: { "2xx": answers(2), "3xx": answers(3), "4xx": answers(4), "5xx": answers(5) },
    denied: [...stats].reduce((sum, [name, n]) => (name.endsWith("denied") ? sum + n : sum), 0),
    memoryBytes: value("server.memory_allocated"),
  };
}

/** So many looks in a row must find nothing in flight: a request may be on its way on an idle connection. */
const QUIET_LOOKS = 4;
const LOOK_MS = 50;

/**
 * Asks clients to leave: "Connection: close" and GOAWAY, while requests in flight go on. Resolves true when nothing is in
 * flight any more, false when the limit passed; the caller ends the process then.
 */
export async function drain(socket: string, limitMs: number): Promise<boolean> {
  const until = performance.now() + limitMs;
  await askEnvoy(socket, "/drain_listeners?graceful", { method: "POST" });
  for (let quiet = 0; quiet < QUIET_LOOKS;) {
    if (performance.now() >= until) return false;
    const stats = await envoyStats(socket, "^http\\..*\\.downstream_(rq|cx_upgrades)_active$");
    const busy = [...stats].some(([name, n]) => n > 0 && !name.startsWith("http.admin."));
    quiet = busy ? 0 : quiet + 1;
    await sleep(LOOK_MS);
  }
  return true;
}
