// The framework-free client of Conclave: everything that a user interface, ours or another, builds on.
export { MAX_TEXT, REACTIONS, type Reaction } from "./call/app-message.ts";
export {
  Call,
  CallError,
  type CallEvents,
  type CallOptions,
  type CallState,
  type EndReason,
} from "./call/call.ts";
export type { ChatEntry, SendProblem } from "./call/conversation.ts";
export { type Feature, missingFeatures } from "./call/features.ts";
export {
  createMeeting,
  MeetingError,
  type MeetingLink,
  type MeetingOptions,
  type NewMeeting,
  parseLink,
} from "./call/link.ts";
export type { LocalSource } from "./call/local.ts";
export type { ChangeLogEntry } from "./call/log.ts";
export { type CryptoReason, type CryptoState, moderates, type Participant } from "./call/participants.ts";
export type { TileView } from "./call/views.ts";
export { DecisionError } from "./e2ee/client.ts";
export type { Decision, FrameCounters, Moderation, Role } from "./e2ee/messages.ts";
export {
  DeviceError,
  type DeviceProblem,
  listDevices,
  onDevicesChanged,
  openCamera,
  openMicrophone,
} from "./media/devices.ts";
export { LevelMeter } from "./media/level.ts";
