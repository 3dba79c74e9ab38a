// The one class of undici that is used, from its own file: the package as a whole is five times as much to load, which each
// start of a gateway would pay (80 ms of processor time).

import type { Pool as PoolType } from "undici";
import loaded from "undici/lib/dispatcher/pool.js";

export type Pool = PoolType;
export const Pool: typeof PoolType = loaded;
