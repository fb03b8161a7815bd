// The framework-free client of Conclave: everything that a user interface, ours or another, builds on.
export { type ChatRule, REACTIONS, type Reaction } from "./call/app-message.ts";
export { Call } from "./call/call.ts";
export {
  CallError,
  type CallEvents,
  type CallOptions,
  type CallState,
  type EndReason,
} from "./call/call-events.ts";
export type { Caption } from "./call/caption.ts";
export { type ChatEntry, type Poll, tally } from "./call/chat-entry.ts";
export { type Conversation, MAX_RECEIPTS, type SendProblem } from "./call/conversation.ts";
export { type Feature, missingFeatures } from "./call/features.ts";
export type { Fetched, FilesView, SharedFiles, Upload } from "./call/files.ts";
export {
  createMeeting,
  isExpired,
  MeetingError,
  type MeetingLink,
  type MeetingOptions,
  type NewMeeting,
  parseLink,
} from "./call/link.ts";
export type { CameraEffect, LocalSource } from "./call/local.ts";
export type { ChangeLogEntry } from "./call/log.ts";
export {
  type Ending,
  type FileOffer,
  MAX_OPTION,
  MAX_OPTIONS,
  MAX_QUESTION,
  MAX_TEXT,
  type Question,
} from "./call/message-parts.ts";
export {
  type CryptoReason,
  type CryptoState,
  type Identity,
  moderates,
  OPEN_TERMS,
  type Participant,
  type SharedScreen,
} from "./call/participants.ts";
export { SHORTEST_PASSCODE } from "./call/passcode.ts";
export type { ShareContent } from "./call/share.ts";
export { tryPath } from "./call/try-path.ts";
export type { TileView } from "./call/views.ts";
export { type Assets, setAssets } from "./e2ee/assets.ts";
export { DecisionError } from "./e2ee/client.ts";
export { forgetDevice, recallDevice, rememberDevice } from "./e2ee/device.ts";
export type { Decision, FrameCounters, LinkTerms, Moderation, Role, Waiting } from "./e2ee/messages.ts";
export { safetyNumber } from "./e2ee/safety.ts";
export { pictureKind } from "./files/picture.ts";
export type { FileProblem } from "./files/store.ts";
export type { Sink } from "./files/transfer.ts";
export {
  canShareScreen,
  canSuppressNoise,
  DeviceError,
  type DeviceProblem,
  listDevices,
  onDevicesChanged,
  openCamera,
  openMicrophone,
  soundConstraints,
  suppressNoise,
} from "./media/devices.ts";
export { LevelMeter } from "./media/level.ts";
export type { PathResult } from "./media/path-probe.ts";
export type { PathProtocol } from "./media/sdp.ts";
