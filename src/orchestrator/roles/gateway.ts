// The gateway part, wherever it runs: the control contract for the orchestrator, and the listener for Envoy (or, in no-Envoy mode,
// for clients, where it verifies tokens itself with the auth part's word).

import type { Gateway } from "#gateway";
import { type AuthControl, expose, type Exposed, gatewaySchema, reconnecting, type Session } from "#rpc";
import type { Ports } from "#kernel";
import { type Boot, hostPort } from "../boot.ts";

export interface GatewayPart {
  readonly exposed: Exposed;
  /** No Envoy stands before it (any more): listens at ingress. */
  serveDirectly(): Promise<void>;
  stop(drainMs: number): Promise<void>;
}

/** `direct`: no Envoy stands before it. */
export async function startGateway(
  boot: Boot,
  ports: Ports,
  auth: (signal: AbortSignal) => Promise<Session<AuthControl>>,
  direct: boolean,
): Promise<GatewayPart> {
  const [{ createGateway }, { gatewayMethods }] = await Promise.all([import("#gateway"), gatewaySchema()]);
  const gateway = await createGateway();
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
  return {
    exposed: expose(gateway, gatewayMethods),
    serveDirectly,
    stop: async (drainMs) => {
      await gateway.close(drainMs);
      await Promise.all(closers.map((close) => close()));
    },
  };
}

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
