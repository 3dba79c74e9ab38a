// Deep equality of plain data (JSON values). A member that is `undefined` equals a missing one, because a
// record drops such members and a replay must not see a difference. Same reference is the fast way out:
// unchanged parts are shared on purpose.

export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) {
    return Number.isNaN(a) && Number.isNaN(b);
  }
  if (Array.isArray(a)) return Array.isArray(b) && equalArrays(a, b);
  if (Array.isArray(b)) return false;
  return equalMembers(a, b);
}

function equalArrays(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!equal(a[i], b[i])) return false;
  return true;
}

function equalMembers(a: object, b: object): boolean {
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  // Counting what is defined on both sides saves the second comparison the other way round.
  let defined = 0;
  for (const key in left) {
    const value = left[key];
    if (value === undefined) continue;
    if (!Object.hasOwn(right, key) || !equal(value, right[key])) return false;
    defined += 1;
  }
  for (const key in right) if (right[key] !== undefined) defined -= 1;
  return defined === 0;
}
