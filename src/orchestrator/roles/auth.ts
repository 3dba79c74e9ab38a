// The auth part, wherever it runs: keys, tokens and API keys, with its HTTP side for Envoy on a socket of its own.

import type { Auth } from "#auth";
import { authSchema, expose, type Exposed } from "#rpc";
import type { Ports } from "#kernel";
import { authInstruments } from "#telemetry";
import type { Boot } from "../boot.ts";
import { openTelemetry } from "../measure.ts";

export interface AuthPart {
  readonly auth: Auth;
  readonly exposed: Exposed;
  stop(): Promise<void>;
}

export const loadAuth = () => Promise.all([import("#auth"), authSchema()]);

export async function startAuth(boot: Boot, ports: Ports): Promise<AuthPart> {
  const [{ createAuth }, { authMethods }] = await loadAuth();
  const { names, paths, config } = boot;
  const telemetry = await openTelemetry(boot, "auth", ports.log);
  const auth = await createAuth({
    dataDir: names.dataDir,
    node: names.node,
    organization: names.organization,
    identity: config.identity,
    clock: ports.clock,
    random: ports.random,
    log: ports.log,
    instruments: authInstruments(telemetry.meter),
  });
  try {
    await auth.listenHttp({ unix: paths.authHttpSock });
  } catch (error) {
    await auth.close();
    throw error;
  }
  const stop = async (): Promise<void> => {
    await auth.close();
    await telemetry.stop();
  };
  return { auth, exposed: expose(auth, authMethods), stop };
}
