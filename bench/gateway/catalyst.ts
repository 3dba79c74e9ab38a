// Our gateway as one process of the benchmark: the real door, listening on TCP, identity off as for the others.

import { createGateway } from "#gateway";
import type { GatewayConfig } from "#rpc";

process.once("message", (config: GatewayConfig) => {
  void (async () => {
    const gateway = await createGateway();
    const unused = () => Promise.reject(new Error("no identity in the benchmark"));
    const { port } = await gateway.listen({
      host: "127.0.0.1",
      port: 0,
      identity: { verify: unused, exchange: unused, wallNow: Date.now },
    });
    const applied = await gateway.apply(config);
    if (!applied.ok || applied.quarantined.length > 0) throw new Error(JSON.stringify(applied));
    process.send?.({ port });
    process.on("message", (next: GatewayConfig) => {
      void gateway.apply(next).then((done) => process.send?.({ applied: done }));
    });
  })();
});
process.once("disconnect", () => process.exit(0));
