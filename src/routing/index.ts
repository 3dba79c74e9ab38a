export type * from "./plugin.ts";
export type * from "./service.ts";
export { fullName, organizationOf, shortName } from "./service-name.ts";
export { healthOf, State } from "./state.ts";
