// What can go wrong between a service and its node. `code` is the node's own (docs/reference/errors.md) when
// the node refused, or ERR_NODE_UNREACHABLE and ERR_NODE_AMBIGUOUS when none was found.

export class RegistrationError extends Error {
  override readonly name = "RegistrationError";
  readonly code: string;
  readonly hint: string | undefined;
  /** HTTP status of the node's refusal; undefined when no answer came. */
  readonly status: number | undefined;

  constructor(
    code: string,
    message: string,
    options: { hint?: string; status?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.status = options.status;
  }
}
