// The Envoy this version of the program is made for: hashes of the binary per processor, as in tools/envoy.lock (a test
// compares), kept in code because a release has no tools folder.

export const ENVOY_VERSION = "1.40.0";

/** process.arch → SHA-256 of the binary. */
export const ENVOY_SHA256: Readonly<Partial<Record<string, string>>> = {
  x64: "8aa137a7d00994ce43f613556f5a120709229f63bedb86eedde5ccbc402c2b80",
  arm64: "03cacc952561635c0b7d2a829291f341dadbebc32050475efbe7321b1bbe18c2",
};
