// Why a foreign schema is left out. Thrown inside this folder and caught at its one entry, where it becomes a quarantine of that
// service alone.

export class Refusal extends Error {
  readonly code: "ERR_SCHEMA_INVALID" | "ERR_SCHEMA_TOO_LARGE" | "ERR_SCHEMA_CONFLICT";

  constructor(code: Refusal["code"], text: string) {
    super(text);
    this.code = code;
  }
}
