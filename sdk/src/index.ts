// Registers a service with its Catalyst Node. See README.md for an example of ten lines.

export { RegistrationError } from "./error.ts";
export { register } from "./register.ts";
export type { Registration, RegisterOptions, State } from "./register.ts";
export type { Ingress, Probe } from "./wire.ts";
