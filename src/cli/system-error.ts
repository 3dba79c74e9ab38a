// Names of operating-system errors ("ENOENT"), which Node puts on an error without a type.

export const systemErrorName = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
