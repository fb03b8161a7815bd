// The only way from text frames to messages and back.
import type { ClientMessage, ServerMessage } from "./types.ts";

/** The name of a server message. */
export type ServerMessageType = ServerMessage["type"];
/** The server message with that name. */
export type ServerMessageOf<Type extends ServerMessageType> = Extract<ServerMessage, { type: Type }>;

/** Why a frame is not a message of this protocol. */
export class CodecError extends Error {
  override readonly name = "CodecError";

  constructor(
    readonly reason: "not_json" | "not_an_object" | "unknown_type" | "bad_field",
    detail: string,
  ) {
    super(`${reason}: ${detail}`);
  }
}

type Fields = Record<string, unknown>;
type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === "string";
const flag: Check = (value) => typeof value === "boolean";
const natural: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || value === null || check(value);
const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    typeof value === "string" && words.includes(value);
const fields =
  (checks: Record<string, Check>): Check =>
  (value) =>
    isFields(value) && Object.entries(checks).every(([name, check]) => check(value[name]));

const presence = {
  client_id: text,
  presence: oneOf("online", "suspended", "gone"),
};
const track = fields({
  track_id: natural,
  client_id: text,
  source: oneOf("microphone", "camera", "screen_video", "screen_audio"),
  codec: oneOf("opus", "vp8", "vp9"),
});

/** What every message must have. MLS bytes stay opaque here: the session checks them. */
const MESSAGES: Record<ServerMessageType, Record<string, Check>> = {
  state: {
    token: text,
    standing: oneOf("found", "wait", "join", "resume", "resync", "restore", "knock"),
    group: optional(fields({ group_id: text, epoch: natural })),
    policy: fields({ suite: oneOf("post_quantum", "classic"), max_participants: natural }),
    participants: list(fields(presence)),
    tracks: list(track),
    idle_timeout_ms: natural,
  },
  pong: { id: natural },
  error: { code: text, fatal: flag, retry_after_ms: optional(natural) },
  found_ok: {},
  found_lost: {},
  commit_call: { epoch: natural },
  commit: { epoch: natural, commit: text },
  commit_rejected: { epoch: natural },
  welcome: { epoch: natural, welcome: text, tree_hash: text },
  final: { epoch: natural },
  rollback: { epoch: natural },
  go: { epoch: natural },
  app: { message: text },
  group_info: { epoch: natural, group_info: text, tree_hash: text },
  knocks: { knocks: list(fields({ client_id: text, leaf_key: text, card: text })) },
  admitted: { ticket: fields({ key: text, signature: text }) },
  order: { text, key: text, signature: text },
  presence,
  track_published: { track },
  track_unpublished: { track_id: natural },
  answer: { offer_id: natural, sdp: text },
  offer_rejected: { offer_id: natural, code: text },
  encodings_needed: { source: oneOf("microphone", "camera", "screen_video", "screen_audio"), needed: list(flag) },
  pictures_paused: { tracks: list(natural), cause: oneOf("downlink", "load") },
};

/** Reads a server's frame; throws `CodecError` for anything that is not a message of this protocol. */
export function decodeServer(frame: string): ServerMessage {
  let value: unknown;
  try {
    value = JSON.parse(frame);
  } catch {
    throw new CodecError("not_json", `${frame.length} characters`);
  }
  if (!isFields(value)) {
    throw new CodecError("not_an_object", typeof value);
  }
  const { type } = value;
  if (typeof type !== "string" || !Object.hasOwn(MESSAGES, type)) {
    throw new CodecError("unknown_type", String(type).slice(0, 32));
  }
  for (const [name, check] of Object.entries(MESSAGES[type as ServerMessageType])) {
    if (!check(value[name])) {
      throw new CodecError("bad_field", `${type}.${name}`);
    }
  }
  return value as ServerMessage;
}

/** The text frame of a client message. */
export function encodeClient(message: ClientMessage): string {
  return JSON.stringify(message);
}

/** Server messages of the MLS family: they go to the session as they came. */
export const MLS_TYPES: ReadonlySet<ServerMessageType> = new Set<ServerMessageType>([
  "state",
  "found_ok",
  "found_lost",
  "commit_call",
  "commit",
  "commit_rejected",
  "welcome",
  "final",
  "rollback",
  "go",
  "app",
  "group_info",
  "order",
  "knocks",
  "admitted",
]);

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
