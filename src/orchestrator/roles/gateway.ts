// The gateway part, wherever it runs: the control contract for the orchestrator, and the listener for Envoy (or, in no-Envoy mode,
// for clients, where it verifies tokens itself with the auth part's word).

import type { Gateway } from "#gateway";
import { type AuthControl, expose, type Exposed, type GatewayControl, gatewaySchema } from "#rpc";
import { reconnecting, type Session } from "#rpc";
import type { Ports } from "#kernel";
import { gatewayInstruments } from "#telemetry";
import { type Boot, hostPort } from "../boot.ts";
import { openTelemetry } from "../measure.ts";

export interface GatewayPart {
  readonly exposed: Exposed;
  /** Resolves when it serves its first graph, or when none came for long: then somebody else is to blame. */
  readonly ready: Promise<void>;
  /** No Envoy stands before it (any more): listens at ingress. */
  serveDirectly(): Promise<void>;
  stop(drainMs: number): Promise<void>;
}

/** A first graph is composed in well below a second once the orchestrator is there. */
const FIRST_GRAPH_MS = 10_000;

export const loadGateway = () => Promise.all([import("#gateway"), gatewaySchema()]);

/** `direct`: no Envoy stands before it. */
export async function startGateway(
  boot: Boot,
  ports: Ports,
  auth: (signal: AbortSignal) => Promise<Session<AuthControl>>,
  direct: boolean,
): Promise<GatewayPart> {
  const [{ createGateway }, { gatewayMethods }] = await loadGateway();
  const telemetry = await openTelemetry(boot, "gateway", ports.log);
  // Without an endpoint nothing is counted, so that telemetry which is off costs no request anything.
  const measured = boot.config.telemetry.otlp.endpoint !== undefined;
  const gateway = await createGateway({
    ...(measured ? { instruments: gatewayInstruments(telemetry.meter), tracing: telemetry.tracing } : {}),
    page: { failed: (error) => ports.log.warn({ error: reasonOf(error) }, "there is no page for browsers") },
  });
  const closers: (() => Promise<void>)[] = [];
  const serveDirectly = async (): Promise<void> => {
    closers.push(await listenDirectly(gateway, boot, ports, auth));
  };
  try {
    await gateway.listen({ unix: boot.paths.gatewayHttpSock });
    if (direct) await serveDirectly();
  } catch (error) {
    await gateway.close(0);
    throw error;
  }
  const { promise: ready, resolve: becomeReady } = Promise.withResolvers<void>();
  const cancel = ports.clock.after(FIRST_GRAPH_MS, becomeReady);
  const control: GatewayControl = {
    apply: async (graph) => {
      const applied = await gateway.apply(graph);
      becomeReady();
      return applied;
    },
    check: (graph) => gateway.check(graph),
    status: () => gateway.status(),
  };
  return {
    exposed: expose(control, gatewayMethods),
    ready,
    serveDirectly,
    stop: async (drainMs) => {
      cancel();
      await gateway.close(drainMs);
      await Promise.all(closers.map((close) => close()));
      await telemetry.stop();
    },
  };
}

const reasonOf = (error: unknown): string =>
  error instanceof Error && error.cause !== undefined
    ? `${error.message}: ${reasonOf(error.cause)}`
    : String(error);

async function listenDirectly(
  gateway: Gateway,
  { config, paths }: Boot,
  ports: Ports,
  auth: (signal: AbortSignal) => Promise<Session<AuthControl>>,
): Promise<() => Promise<void>> {
  const forgets: (() => void)[] = [];
  const session = reconnecting(auth, {
    ...ports,
    delayMs: { first: 20, max: 1_000 },
    // Keys may have changed while the session was away: `watchKeys` calls back at once, so nothing old is believed.
    onConnect: (stub) => stub.watchKeys(() => forgets.forEach((forget) => forget())),
  });
  await gateway.listen({
    ...hostPort(config.ingress.listen),
    identity: {
      verify: (token) => session.stub.verify(token),
      exchange: (apiKey) => session.stub.exchange(apiKey),
      onKeysChanged: (forget) => void forgets.push(forget),
      wallNow: () => ports.clock.now(),
    },
    authSocket: paths.authHttpSock,
  });
  return () => session.close();
}
