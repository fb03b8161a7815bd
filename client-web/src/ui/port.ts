// What the screens need of the SDK. The product passes the real SDK in, the gallery in dev/ a made-up one.

/** Whether a person's sound and picture are known to be encrypted end to end with the call's current keys. */
export type CryptoState = "secure" | "waiting" | "failed";

/** Where the call stands. */
export type CallState = "idle" | "connecting" | "waiting" | "in-call" | "reconnecting" | "ended";

/** One person of the MLS roster. */
export interface Person {
  readonly clientId: string;
  readonly name: string;
  readonly isSelf: boolean;
  readonly isHost: boolean;
  readonly crypto: { readonly state: CryptoState; readonly reason: string };
  readonly microphone: { readonly on: boolean };
  readonly camera: { readonly on: boolean };
  readonly speaking: boolean;
  readonly video?: MediaStream | undefined;
  readonly audio?: MediaStream | undefined;
}

/** One line of the security log. */
export interface LogEntry {
  readonly at: number;
  readonly kind: "joined" | "left" | "removed" | "keys" | "connection";
  readonly name: string;
  readonly by?: string | undefined;
  readonly epoch?: number | undefined;
}

/** Why a call is over. */
export type EndReason = "left" | "removed" | "room-full" | "room-not-found" | "replaced" | "refused" | "failed";

/** The call as the screens see it. */
export interface CallPort {
  readonly state: CallState;
  readonly endReason?: EndReason | undefined;
  readonly participants: ReadonlyMap<string, Person>;
  readonly code?: string | undefined;
  readonly epoch?: number | undefined;
  readonly suite?: string | undefined;
  readonly log: readonly LogEntry[];
  join(): Promise<void>;
  leave(): Promise<void>;
  setMicrophone(on: boolean): Promise<void>;
  setCamera(on: boolean): Promise<void>;
  replaceMicrophone(deviceId: string): Promise<void>;
  replaceCamera(deviceId: string): Promise<void>;
  kick(clientId: string): Promise<void>;
  on(event: CallEventName, handler: () => void): () => void;
}

/** The events that a screen listens to. */
export type CallEventName = "state" | "participants" | "code" | "log";

/** What a call is opened with; the tracks become the call's. */
export interface OpenOptions {
  readonly link: MeetingLink;
  readonly name: string;
  readonly microphone?: MediaStreamTrack | undefined;
  readonly camera?: MediaStreamTrack | undefined;
}

/** A meeting's address, taken apart. */
export interface MeetingLink {
  readonly room: string;
  readonly secret: string;
  /** The whole link, for the clipboard. */
  readonly href: string;
}

/** The SDK as the screens see it. */
export interface SdkPort {
  /** Opens a room on the server and makes its link; the secret never leaves the browser. */
  createMeeting(): Promise<MeetingLink>;
  /** `undefined` when the text is no link to a meeting of this server. */
  parseLink(href: string): MeetingLink | undefined;
  /** Names of what this browser lacks. */
  missingFeatures(): readonly string[];
  openCall(options: OpenOptions): CallPort;
}
