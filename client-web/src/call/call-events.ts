// What a call is made of, how it may stand and end, and what it tells.
import type { Moderation, Waiting } from "../e2ee/messages.ts";
import type { ErrorCode } from "../wire/types.ts";
import type { ChatRule, Reaction } from "./app-message.ts";
import type { Caption } from "./caption.ts";
import type { ChatEntry } from "./chat-entry.ts";
import type { FilesView } from "./files.ts";
import type { CameraEffect, LocalSource } from "./local.ts";
import type { ChangeLogEntry } from "./log.ts";
import type { Participant } from "./participants.ts";

/**
 * Where a call stands. "full": the server takes nobody in for now, and is asked again. "lobby": a host has to let this
 * participant in.
 */
export type CallState = "idle" | "connecting" | "full" | "waiting" | "lobby" | "in-call" | "reconnecting" | "ended";

/** Why a call is over. */
export type EndReason =
  | "left"
  | "removed"
  | "room-full"
  | "room-not-found"
  | "replaced"
  | "refused"
  | "failed"
  | "banned"
  | "locked"
  | "denied"
  | "wrong-passcode"
  | "burnt"
  | "expired"
  | "used-up"
  | "ended";

/** What the server's refusals mean. */
export const END_REASONS: Partial<Record<ErrorCode, EndReason>> = {
  room_full: "room-full",
  room_not_found: "room-not-found",
  session_replaced: "replaced",
  removed: "removed",
  banned: "banned",
  room_locked: "locked",
  denied: "denied",
  ended: "ended",
  room_burnt: "burnt",
  link_expired: "expired",
  link_used_up: "used-up",
};

/** What a call is made of. The tracks become the call's: it mutes, replaces and stops them. */
export interface CallOptions {
  /** The server's origin. */
  readonly server: URL;
  readonly room: string;
  /** The room's secret, base64url; it never leaves the browser. */
  readonly secret: string;
  /** The room's host key, from the link. */
  readonly host?: string | undefined;
  /** The secret half of it, for whoever made the room. */
  readonly hostSeed?: string | undefined;
  /** Whether the link says that the room has a lobby. */
  readonly lobby?: boolean;
  /** When the link stops letting anybody new in, in seconds since 1970, if it says so. */
  readonly expires?: number | undefined;
  /** How many people beside the hosts the link lets in, if it says so. */
  readonly maxUses?: number | undefined;
  /** What belongs to the link, if the link says that something does. It never leaves the browser either. */
  readonly passcode?: string | undefined;
  /** The key of this device, if the others are to know it again (`recallDevice`). */
  readonly device?: CryptoKeyPair | undefined;
  /** The name others see. */
  readonly name: string;
  readonly microphone?: MediaStreamTrack | undefined;
  readonly camera?: MediaStreamTrack | undefined;
  /** Whether noise is taken out of the microphone when it is opened; yes without it. */
  readonly noiseSuppression?: boolean | undefined;
  /** What is done to each camera that the call opens, as blurring its background; nothing without it. */
  readonly cameraEffect?: CameraEffect | undefined;
}

/** A call could not be joined, or is not in a state to do that. */
export class CallError extends Error {
  override readonly name = "CallError";

  constructor(
    readonly reason: EndReason | "not-idle" | "not-in-call" | "not-permitted",
    readonly code?: ErrorCode | undefined,
  ) {
    super(code === undefined ? reason : `${reason} (${code})`);
  }
}

export type CallEvents = {
  state: CallState;
  participants: ReadonlyMap<string, Participant>;
  code: string | undefined;
  log: readonly ChangeLogEntry[];
  chat: readonly ChatEntry[];
  /** What the hosts decided. */
  moderation: Moderation;
  /** Who waits in the lobby, for hosts and co-hosts. */
  waiting: readonly Waiting[];
  /** The hosts do not let this participant publish these any more; they were turned off. */
  silenced: readonly LocalSource[];
  /** A device was unplugged or taken away; nothing of it is sent any more. */
  "device-ended": "microphone" | "camera";
  /** A host took the own hand down. */
  "hand-lowered": string;
  /** What a host allows messages has changed. */
  rule: ChatRule;
  files: FilesView;
  /** Somebody's device wrote down what they say; empty texts come too. */
  caption: { readonly from: string; readonly caption: Caption };
  reaction: { readonly from: string; readonly reaction: Reaction };
  /** Something failed that the call survived. */
  error: Error;
};
