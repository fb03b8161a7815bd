// What members send each other in application messages of the group: one union, and what is dropped instead of it.
import { type Caption, readCaption } from "./caption.ts";
import { type Proof, readProof } from "./liveness.ts";
import {
  cleanText,
  type Ending,
  type FileOffer,
  isId,
  MAX_TEXT,
  type Question,
  readChoices,
  readEnding,
  readFileOffer,
  readIds,
  readQuestion,
} from "./message-parts.ts";
import { readStatus, type Status } from "./status.ts";

/** Reactions that everybody's client can show. */
export const REACTIONS = ["thumbs_up", "heart", "laugh", "surprise", "applause", "party"] as const;
export type Reaction = (typeof REACTIONS)[number];

/** The most that a host allows messages: how long they stay at most, and whether all of them burn. */
export interface ChatRule {
  /** In seconds; without a bound when there is none. */
  readonly lifetime?: number | undefined;
  readonly burn: boolean;
}

/** A message of the conversation. Ids are base64url of `MESSAGE_ID_BYTES` random bytes. */
export type TalkMessage =
  | {
      readonly type: "chat";
      readonly id: string;
      readonly text: string;
      readonly replyTo?: string | undefined;
      readonly ending?: Ending | undefined;
    }
  | { readonly type: "edit"; readonly id: string; readonly text: string }
  | {
      readonly type: "file";
      readonly id: string;
      readonly offer: FileOffer;
      readonly replyTo?: string | undefined;
      readonly ending?: Ending | undefined;
    }
  | {
      readonly type: "poll";
      readonly id: string;
      readonly question: Question;
      readonly ending?: Ending | undefined;
    }
  | { readonly type: "vote"; readonly id: string; readonly choices: readonly number[] }
  | { readonly type: "poll_end"; readonly id: string }
  | { readonly type: "delete"; readonly id: string }
  | { readonly type: "read"; readonly ids: readonly string[] }
  | { readonly type: "reaction"; readonly reaction: Reaction };

/** A host or co-host takes a hand down, or all of them when nobody is named. */
export interface LowerHands {
  readonly type: "lower_hands";
  readonly clientId?: string | undefined;
}

/** A message of the group. */
export type AppMessage =
  | { readonly type: "status"; readonly status: Status }
  | { readonly type: "alive"; readonly proof: Proof }
  | { readonly type: "caption"; readonly caption: Caption }
  | LowerHands
  | TalkMessage;

/** Why a payload is no message that this client takes. */
export type MessageFault = "too_large" | "not_json" | "unknown_type" | "bad_fields" | "bad_text" | "bad_id";

export type Decoded = { readonly message: AppMessage } | { readonly fault: MessageFault };

type Fields = Readonly<Record<string, unknown>>;

const CLIENT_ID_BYTES = 16;
/** Most characters of a payload: a text in which each one needs an escape, and what stands around it. */
const MAX_PAYLOAD = 6 * MAX_TEXT + 1_000;

/** The payload of a message that is no status. */
export function encodeMessage(message: TalkMessage | LowerHands): string {
  switch (message.type) {
    case "lower_hands": {
      const { type, clientId } = message;
      return JSON.stringify({ type, ...(clientId !== undefined && { client_id: clientId }) });
    }
    case "chat": {
      const { type, id, text, replyTo, ending } = message;
      return JSON.stringify({ type, id, text, reply_to: replyTo, ...ending });
    }
    case "file": {
      const { type, id, offer, replyTo, ending } = message;
      return JSON.stringify({ type, id, ...offer, reply_to: replyTo, ...ending });
    }
    case "poll": {
      const { type, id, question, ending } = message;
      return JSON.stringify({ type, id, ...question, ...ending });
    }
    case "edit":
    case "vote":
    case "poll_end":
    case "delete":
    case "read":
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
  const fields = value as Fields;
  switch (fields["type"]) {
    case "status": {
      const status = readStatus(fields);
      return status === undefined ? { fault: "bad_fields" } : { message: { type: "status", status } };
    }
    case "alive": {
      const proof = readProof(fields);
      return proof === undefined ? { fault: "bad_fields" } : { message: { type: "alive", proof } };
    }
    case "caption": {
      const caption = readCaption(fields);
      return caption === undefined ? { fault: "bad_fields" } : { message: { type: "caption", caption } };
    }
    case "read": {
      const ids = readIds(fields["ids"]);
      return ids === undefined ? { fault: "bad_id" } : { message: { type: "read", ids } };
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
      return isId(clientId, CLIENT_ID_BYTES) ? { message: { type: "lower_hands", clientId } } : { fault: "bad_id" };
    }
    case "chat":
    case "edit":
    case "file":
    case "poll":
    case "vote":
    case "poll_end":
    case "delete":
      return isId(fields["id"]) ? readWithId(fields["type"], fields["id"], fields) : { fault: "bad_id" };
    default:
      // Of a later version, maybe.
      return { fault: "unknown_type" };
  }
}

/** Reads what is about one message, by its id. */
function readWithId(
  type: "chat" | "edit" | "file" | "poll" | "vote" | "poll_end" | "delete",
  id: string,
  fields: Fields,
): Decoded {
  switch (type) {
    case "chat":
    case "file":
    case "poll":
      return readEntry(type, id, fields);
    case "edit": {
      const text = cleanText(fields["text"]);
      return text === undefined ? { fault: "bad_text" } : { message: { type, id, text } };
    }
    case "vote": {
      const choices = readChoices(fields["choices"]);
      return choices === undefined ? { fault: "bad_fields" } : { message: { type, id, choices } };
    }
    case "poll_end":
    case "delete":
      return { message: { type, id } };
  }
}

/** Reads what becomes an entry of the chat. */
function readEntry(type: "chat" | "file" | "poll", id: string, fields: Fields): Decoded {
  const replyTo = fields["reply_to"];
  if (replyTo !== undefined && !isId(replyTo)) {
    return { fault: "bad_id" };
  }
  const ending = readEnding(fields);
  if (ending === undefined) {
    return { fault: "bad_fields" };
  }
  const common = {
    id,
    ...(replyTo !== undefined && { replyTo }),
    ...(Object.keys(ending).length > 0 && { ending }),
  };
  switch (type) {
    case "chat": {
      const text = cleanText(fields["text"]);
      return text === undefined ? { fault: "bad_text" } : { message: { type, text, ...common } };
    }
    case "file": {
      const offer = readFileOffer(fields);
      return offer === undefined ? { fault: "bad_fields" } : { message: { type, offer, ...common } };
    }
    case "poll": {
      const question = readQuestion(fields);
      return question === undefined ? { fault: "bad_fields" } : { message: { type, question, ...common } };
    }
  }
}
