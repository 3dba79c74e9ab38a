// What the kernel throws. The kernel may import nothing, so this is not the product's `CatalystError`; but
// each code is also one of that union (`src/rpc/errors.ts`), so an edge turns one into the other without a
// table. Expected outcomes of an event are not errors: they are `Refusal` values (plugin.ts).

export type KernelErrorCode =
  | "ERR_LIMIT"
  | "ERR_STOPPING"
  | "ERR_PLUGIN_LOAD"
  | "ERR_RECORD_INVALID"
  | "ERR_REPLAY_DIVERGED";

export class KernelError extends Error {
  override readonly name = "KernelError";
  readonly code: KernelErrorCode;
  readonly hint: string | undefined;

  constructor(code: KernelErrorCode, message: string, hint?: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}
