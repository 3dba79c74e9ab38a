// Communities that mean the same everywhere (as RFC 1997 and RFC 8326 name some). A community travels with its route, so what it
// means holds on the whole way, also across organizations, where local preference does not go.

/**
 * The way is about to end: whoever hears of it uses any other that is as alive, while this one still works (RFC 8326,
 * GRACEFUL_SHUTDOWN).
 */
export const LEAVING = "catalyst:leaving";

/** Below what any role or rule gives. */
export const LEAVING_PREFERENCE = 0;
