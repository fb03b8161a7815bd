// What members send each other in application messages of the group: one union, and what is dropped instead of it.
import { decodeBase64Url } from "../base/bytes.ts";
import { readStatus, type Status } from "./status.ts";

/** Reactions that everybody's client can show. */
export const REACTIONS = ["thumbs_up", "heart", "laugh", "surprise", "applause", "party"] as const;
export type Reaction = (typeof REACTIONS)[number];

/** A message of the group. Ids are base64url of `MESSAGE_ID_BYTES` random bytes. */
export type AppMessage =
  | { readonly type: "status"; readonly status: Status }
  | { readonly type: "chat"; readonly id: string; readonly text: string; readonly replyTo?: string | undefined }
  | { readonly type: "edit"; readonly id: string; readonly text: string }
  | { readonly type: "reaction"; readonly reaction: Reaction }
  | LowerHands;

/** A host or co-host takes a hand down, or all of them when nobody is named. */
export interface LowerHands {
  readonly type: "lower_hands";
  readonly clientId?: string | undefined;
}

/** Why a payload is no message that this client takes. */
export type MessageFault = "too_large" | "not_json" | "unknown_type" | "bad_fields" | "bad_text" | "bad_id";

export type Decoded = { readonly message: AppMessage } | { readonly fault: MessageFault };

export const MESSAGE_ID_BYTES = 12;
const CLIENT_ID_BYTES = 16;
/** Most characters (UTF-16 units) of a chat message. */
export const MAX_TEXT = 4_000;
/** Most characters of a payload: a text in which each one needs an escape, and what stands around it. */
const MAX_PAYLOAD = 6 * MAX_TEXT + 1_000;

/** Controls but line feed and tab, and those that turn the direction of what follows: they make a text look like another. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is these that are looked for.
const MISLEADING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** The payload of a message that is no status. */
export function encodeMessage(message: Exclude<AppMessage, { type: "status" }>): string {
  switch (message.type) {
    case "lower_hands": {
      const { type, clientId } = message;
      return JSON.stringify({ type, ...(clientId !== undefined && { client_id: clientId }) });
    }
    case "chat": {
      const { type, id, text, replyTo } = message;
      return JSON.stringify({ type, id, text, ...(replyTo !== undefined && { reply_to: replyTo }) });
    }
    case "edit":
    case "reaction":
      return JSON.stringify(message);
  }
}

/** Reads a payload; never throws. */
export function decodeMessage(payload: string): Decoded {
  if (payload.length > MAX_PAYLOAD) {
    return { fault: "too_large" };
  }
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch {
    return { fault: "not_json" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { fault: "bad_fields" };
  }
  const fields = value as Readonly<Record<string, unknown>>;
  switch (fields["type"]) {
    case "status": {
      const status = readStatus(fields);
      return status === undefined ? { fault: "bad_fields" } : { message: { type: "status", status } };
    }
    case "chat":
      return readChat(fields);
    case "edit": {
      const { id, text } = fields;
      const clean = cleanText(text);
      if (!isId(id)) {
        return { fault: "bad_id" };
      }
      return clean === undefined ? { fault: "bad_text" } : { message: { type: "edit", id, text: clean } };
    }
    case "reaction": {
      const reaction = REACTIONS.find((known) => known === fields["reaction"]);
      return reaction === undefined ? { fault: "bad_fields" } : { message: { type: "reaction", reaction } };
    }
    case "lower_hands": {
      const { client_id: clientId } = fields;
      if (clientId === undefined) {
        return { message: { type: "lower_hands" } };
      }
      return typeof clientId === "string" && decodeBase64Url(clientId)?.length === CLIENT_ID_BYTES
        ? { message: { type: "lower_hands", clientId } }
        : { fault: "bad_id" };
    }
    default:
      // Of a later version, maybe.
      return { fault: "unknown_type" };
  }
}

/** The text as others will read it; `undefined` when it is empty or too long. */
export function cleanText(text: unknown): string | undefined {
  if (typeof text !== "string" || text.length > MAX_TEXT) {
    return undefined;
  }
  const clean = text.replace(MISLEADING, "").trim();
  return clean === "" ? undefined : clean;
}

function readChat({ id, text, reply_to }: Readonly<Record<string, unknown>>): Decoded {
  const clean = cleanText(text);
  if (!isId(id) || (reply_to !== undefined && !isId(reply_to))) {
    return { fault: "bad_id" };
  }
  if (clean === undefined) {
    return { fault: "bad_text" };
  }
  return { message: { type: "chat", id, text: clean, ...(reply_to !== undefined && { replyTo: reply_to }) } };
}

function isId(value: unknown): value is string {
  return typeof value === "string" && value.length <= 32 && decodeBase64Url(value)?.length === MESSAGE_ID_BYTES;
}
