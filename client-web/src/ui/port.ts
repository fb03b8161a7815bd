// What the screens use of the SDK, so that the gallery in dev/ can put a made-up one in its place.

import type {
  Call,
  CallEvents,
  CallOptions,
  Conversation,
  Feature,
  MeetingLink,
  MeetingOptions,
  NewMeeting,
  PathProtocol,
  PathResult,
  SharedFiles,
} from "../index.ts";

/** The call as the screens see it. */
export type CallPort = Pick<
  Call,
  | "state"
  | "endReason"
  | "receipt"
  | "participants"
  | "code"
  | "epoch"
  | "suite"
  | "log"
  | "join"
  | "leave"
  | "setMicrophone"
  | "setCamera"
  | "replaceMicrophone"
  | "replaceCamera"
  | "setNoiseSuppression"
  | "startShare"
  | "stopShare"
  | "setShareContent"
  | "setTiles"
  | "chat"
  | "say"
  | "editMessage"
  | "react"
  | "setHand"
  | "setInterrupted"
  | "setRecording"
  | "startCaptions"
  | "addCaption"
  | "stopCaptions"
  | "moderation"
  | "waiting"
  | "decide"
  | "lowerHands"
  | "stats"
> & {
  readonly conversation: Pick<
    Conversation,
    "rule" | "wish" | "ending" | "ask" | "vote" | "endPoll" | "delete" | "markRead" | "handleTimeout"
  >;
  readonly files: Pick<SharedFiles, "view" | "share" | "cancelUpload" | "fetch" | "cancelFetch" | "letGo">;
} & { on<Name extends CallEventName>(event: Name, handler: (value: CallEvents[Name]) => void): () => void };

/** The events that the screens listen to. */
export type CallEventName = Exclude<keyof CallEvents, "error">;

/** The SDK, tied to the server that the page came from. */
export interface SdkPort {
  createMeeting(options: Pick<MeetingOptions, "lobby" | "passcode" | "expires" | "maxUses">): Promise<NewMeeting>;
  /** `undefined` when the text is no link to a meeting of this server. */
  parseLink(href: string): MeetingLink | undefined;
  missingFeatures(): readonly Feature[];
  /** Milliseconds to the server and back; `undefined` when it does not answer. */
  reachServer(): Promise<number | undefined>;
  tryPath(room: string, protocol: PathProtocol): Promise<PathResult>;
  openCall(options: Omit<CallOptions, "server">): CallPort;
}
