// Parts that are the same in every message that has them. Who writes messages (../encode.ts) writes such a part once, and puts it in
// by its bytes from then on.

const constants = new WeakSet<object>();

/** The message itself, frozen down to its last member. */
export function constant<T extends object>(message: T): T {
  freeze(message);
  constants.add(message);
  return message;
}

export const isConstant = (value: unknown): value is object =>
  typeof value === "object" && value !== null && constants.has(value);

function freeze(value: object): void {
  for (const member of Object.values(value))
    if (typeof member === "object" && member !== null) freeze(member);
  Object.freeze(value);
}
