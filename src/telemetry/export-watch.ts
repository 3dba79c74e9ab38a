// Tells whether exports arrive. The SDK keeps failures to itself; an operator must see that telemetry is
// lost, once, and that it goes on again.

interface Exporter<Batch> {
  export(batch: Batch, done: (result: { readonly code: number; readonly error?: Error }) => void): void;
}

/** Code of a delivered export in the SDK's result. */
const DELIVERED = 0;

export function watchExports<Batch>(
  exporter: Exporter<Batch>,
  onResult: (delivered: boolean, reason?: unknown) => void,
): void {
  const send = exporter.export.bind(exporter);
  exporter.export = (batch, done) =>
    send(batch, (result) => {
      onResult(result.code === DELIVERED, result.error);
      done(result);
    });
}
