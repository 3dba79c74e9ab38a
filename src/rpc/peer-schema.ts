// Run-time check of everything a peer can say, but for the inside of a route: that is read by the parser of `routing`, which refuses
// one alone (RFC 7606, treat as withdraw). What is wrong with a frame itself ends its session. Members that are not known are
// ignored, for a newer version may say more. Limits: `PEER_LIMITS`.

import type { DigestAnswer, Frame, FrameHead, JsonValue, Notice, Open, Progress } from "#routing";
import { reference } from "./callback.ts";
import type { Methods } from "./expose.ts";
import { type Acknowledged, type JwkSet, PEER_LIMITS, type PeerSession } from "./peer.ts";
import { readClaims } from "./peer-frame.ts";
import { z } from "./zod.ts";

const safe = z.int().check(z.minimum(0), z.maximum(Number.MAX_SAFE_INTEGER));
/** Lower case DNS names. */
const name = z
  .string()
  .check(z.maxLength(PEER_LIMITS.nameBytes), z.regex(/^[a-z0-9_]([a-z0-9._-]*[a-z0-9])?$/));
const ascii = (most: number) => z.string().check(z.maxLength(most), z.regex(/^[\x21-\x7e]*$/));
const hash = ascii(128);
const millis = z.number().check(z.minimum(0), z.maximum(366 * 86_400_000));
const json: z.ZodMiniType<JsonValue> = z.lazy(() =>
  z.union([
    z.string().check(z.maxLength(1_024)),
    z.number(),
    z.boolean(),
    z.null(),
    z.array(json).check(z.maxLength(64)),
    jsonObject,
  ]),
);
const jsonObject = z
  .record(z.string().check(z.maxLength(64)), json)
  .check(z.refine((value) => Object.keys(value).length <= 64));

const version = z.object({ epoch: safe, seq: safe });

const limits = z.object({ routes: safe, rate: safe, bytes: safe, pathLength: safe });

export const openSchema: z.ZodMiniType<Open> = z.object({
  versions: z.tuple([safe, safe]),
  node: name,
  organization: name,
  incarnation: ascii(128),
  role: z.enum(["internal", "provider", "customer", "lateral"]),
  holdMs: millis,
  sendHoldMs: millis,
  // An encoding that is not known is none in common, no error.
  encodings: z.pipe(
    z.array(z.string().check(z.maxLength(32))).check(z.maxLength(16)),
    z.transform((all) => all.filter((one) => one === "zstd" || one === "deflate" || one === "identity")),
  ),
  epoch: z.exactOptional(ascii(160)),
  resume: z.exactOptional(z.object({ epoch: ascii(160), lastSeq: safe, restartMs: millis })),
  limits,
  capabilities: z
    .record(z.string().check(z.maxLength(64)), json)
    .check(z.refine((all) => Object.keys(all).length <= PEER_LIMITS.capabilities, "too many capabilities")),
  starting: z.exactOptional(z.boolean()),
  chain: z.exactOptional(z.array(z.string().check(z.maxLength(8_192))).check(z.maxLength(4))),
  proof: z.exactOptional(z.string().check(z.maxLength(8_192))),
});

export const frameHeadSchema: z.ZodMiniType<FrameHead> = z.object({
  seq: z.int().check(z.minimum(1), z.maximum(Number.MAX_SAFE_INTEGER)),
  encoding: z.enum(["zstd", "deflate", "identity"]),
  rawBytes: z.int().check(z.minimum(1), z.maximum(PEER_LIMITS.frameBytes)),
  routes: z.int().check(z.minimum(0), z.maximum(PEER_LIMITS.frameRoutes)),
});

const bytes = z
  .instanceof(Uint8Array)
  .check(z.refine(({ byteLength }) => byteLength <= PEER_LIMITS.encodedBytes, "too many bytes"));

const buckets = z.union([
  z.literal("all"),
  z
    .array(z.number().check(z.minimum(0), z.maximum(PEER_LIMITS.buckets - 1)))
    .check(z.maxLength(PEER_LIMITS.buckets)),
]);

const sum = z.string().check(z.regex(/^[0-9a-f]{16}$/));

const progress: z.ZodMiniType<Progress> = z.object({ sentSeq: safe, receivedSeq: safe, clockMs: safe });

const bounded = (most: number) =>
  z.string().check(z.refine((text) => new TextEncoder().encode(text).byteLength <= most, "too long"));

export const noticeSchema: z.ZodMiniType<Notice> = z.object({
  code: z.int().check(z.minimum(0), z.maximum(65_535)),
  sub: z.exactOptional(z.int().check(z.minimum(0), z.maximum(65_535))),
  text: bounded(PEER_LIMITS.noticeBytes),
  afterMs: z.exactOptional(millis),
  restartMs: z.exactOptional(millis),
});

const openedSchema = z.union([
  z.object({ ok: z.literal(true), open: openSchema }),
  z.object({ ok: z.literal(false), notice: noticeSchema }),
]);

const digestAnswer: z.ZodMiniType<DigestAnswer> = z.union([
  z.object({ same: z.literal(true) }),
  z.object({
    differ: z
      .array(z.number().check(z.minimum(0), z.maximum(PEER_LIMITS.buckets - 1)))
      .check(z.maxLength(PEER_LIMITS.buckets)),
  }),
]);

const acknowledged: z.ZodMiniType<Acknowledged> = z.object({
  acked: safe,
  credit: z.int().check(z.minimum(1), z.maximum(32)),
});

const blobPiece = z.object({
  bytes: z
    .instanceof(Uint8Array)
    .check(z.refine(({ byteLength }) => byteLength <= PEER_LIMITS.blobPieceBytes, "too many bytes")),
  size: safe,
});

const jwkSet: z.ZodMiniType<JwkSet> = z.object({
  keys: z.array(z.record(z.string().check(z.maxLength(32)), z.unknown())).check(z.maxLength(16)),
});

/** Answers of the other side are checked like its questions. */
export const peerAnswers = {
  open: openedSchema,
  frame: acknowledged,
  alive: progress,
  digest: digestAnswer,
  blob: blobPiece,
  keys: jwkSet,
} as const;

/** For `expose`: the door as its owner writes it; the caller's end is a reference, to be borrowed. */
export const peerDoorMethods = { open: z.tuple([openSchema, reference()]) };

/** For `expose`. */
export const peerSessionMethods: Required<Methods<PeerSession>> = {
  frame: z.tuple([frameHeadSchema, bytes]),
  alive: z.tuple([progress]),
  digest: z.tuple([z.object({ seq: safe, buckets: z.array(sum).check(z.length(PEER_LIMITS.buckets)) })]),
  refresh: z.tuple([buckets]),
  blob: z.tuple([hash, safe]),
  keys: z.tuple([]),
  notify: z.tuple([noticeSchema]),
};

/** As long as a claim's, and as free: what was told under a name that is refused can be taken back under it. */
const withdraw = z.object({
  key: z.string().check(z.minLength(1), z.maxLength(PEER_LIMITS.keyBytes)),
  version,
  tombstone: z.exactOptional(z.union([z.literal(true), ascii(PEER_LIMITS.tombstoneBytes)])),
});

/** Its members are looked at as claims are read; a schema of "anything" would walk and copy them once more. */
const few = z.custom<readonly unknown[]>(
  (value) => Array.isArray(value) && value.length <= PEER_LIMITS.frameRoutes,
  { error: `expected at most ${PEER_LIMITS.frameRoutes}` },
);

const frameShape = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("begin"), generation: safe, buckets }),
  z.object({
    kind: z.literal("update"),
    withdraw: z.array(withdraw).check(z.maxLength(PEER_LIMITS.frameRoutes)),
    ways: few,
    details: few,
    advertise: few,
  }),
  z.object({ kind: z.literal("end"), generation: safe, count: safe, digest: sum }),
]);

export type ReadFrame =
  | { readonly ok: true; readonly frame: Frame }
  | { readonly ok: false; readonly reason: string };

/** A decoded frame. Not ok: the session ends (code 8). */
export function readFrame(value: unknown, head: Pick<FrameHead, "routes">): ReadFrame {
  const parsed = frameShape.safeParse(value);
  if (!parsed.success) return { ok: false, reason: reasonOf(parsed.error.issues) };
  const shape = parsed.data;
  if (shape.kind !== "update") return { ok: true, frame: shape };
  const count = shape.withdraw.length + shape.advertise.length;
  if (count !== head.routes) return { ok: false, reason: `${count} routes, ${head.routes} were said` };
  const claims = readClaims(shape);
  if (claims === undefined) return { ok: false, reason: "said in full it is larger than a frame" };
  const { advertise, rejected } = claims;
  const frame = { kind: "update" as const, withdraw: shape.withdraw, advertise };
  return { ok: true, frame: rejected.length === 0 ? frame : { ...frame, rejected } };
}

function reasonOf(
  issues: readonly { readonly message: string; readonly path: readonly PropertyKey[] }[],
): string {
  const [first] = issues;
  if (first === undefined) return "not readable";
  return `${first.path.map(String).join(".")}: ${first.message}`.slice(0, 200);
}
