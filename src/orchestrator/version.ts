// Version of this program, as `status` and records name it. A test holds it and package.json in step.

export const VERSION = "0.1.0";
