// Every message between the page and the crypto worker: one union for each direction.
import type { Codec, Epoch, Hello, LeafIndex, Source, Suite, TrackId } from "../wire/types.ts";

/** What the session has to say in Hello. */
export type SessionHello = Pick<Hello, "resume" | "host">;

/** What a receiver is expected to carry; the worker drops every frame that is something else. */
export interface ReceiveTarget {
  readonly trackId: TrackId;
  readonly clientId: string;
  readonly source: Source;
  readonly codec: Codec;
}

/** Options of an `RTCRtpScriptTransform`. */
export type TransformOptions =
  | { readonly side: "send"; readonly sender: number; readonly source: Source }
  | { readonly side: "receive"; readonly receiver: number; readonly target: ReceiveTarget };

/** What the page tells the worker. */
export type ToWorker =
  | {
      readonly type: "open";
      readonly server: string;
      /** Where the wasm core is. */
      readonly wasm: string;
      readonly room: string;
      readonly secret: string;
      readonly clientId: string;
      readonly name: string;
      /** The room's host key, base64url, if its link names one. */
      readonly host?: string | undefined;
      /** The secret half of it, for whoever made the room. */
      readonly hostSeed?: string | undefined;
      /** Whether the link says that the room has a lobby. */
      readonly lobby: boolean;
      /** The key of this device, if it is to be known again. */
      readonly device?: CryptoKeyPair | undefined;
    }
  /** A server message of the MLS family, as it came. */
  | { readonly type: "message"; readonly text: string }
  | { readonly type: "connection_lost" }
  | { readonly type: "hello"; readonly request: number }
  | { readonly type: "send_app"; readonly payload: string }
  | { readonly type: "decide"; readonly request: number; readonly decision: Decision }
  /** What was negotiated for a sender; before it, its frames are dropped. */
  | { readonly type: "sender_codec"; readonly sender: number; readonly codec: Codec }
  /** The receiver is not used any more. */
  | { readonly type: "receiver_gone"; readonly receiver: number };

/** Why a frame was dropped, as the session and the worker name it. */
export type DropReason =
  | "no_key"
  | "unknown_kid_expired"
  | "bad_header"
  | "replay"
  | "too_old"
  | "auth_fail"
  | "wrong_leaf"
  | "wrong_ctx"
  | "codec_unprotectable"
  | "epoch_retired"
  | "transform_not_running";

/** Whether a stream's frames are known to be encrypted end to end. */
export type StreamState = "waiting" | "secure" | "failed";

/** What somebody is in a call, as the hosts signed it. */
export type Role = "host" | "co_host" | "member" | "viewer";

/** What a host decides, a co-host too where it is not about roles or the end. */
export type Decision =
  | { readonly decide: "role"; readonly client_id: string; readonly role: Role }
  /** What members may publish. */
  | { readonly decide: "sources"; readonly sources: readonly Source[] }
  /** What one member may not. */
  | { readonly decide: "stop"; readonly client_id: string; readonly stopped: readonly Source[] }
  | { readonly decide: "lock"; readonly locked: boolean }
  | { readonly decide: "lobby"; readonly lobby: boolean }
  /** Whether members may record. */
  | { readonly decide: "recording"; readonly recording: boolean }
  /** Lets somebody in who waits in the lobby. */
  | { readonly decide: "admit"; readonly client_id: string }
  | { readonly decide: "deny"; readonly client_id: string }
  | { readonly decide: "remove"; readonly client_id: string; readonly ban: boolean }
  /** Until when, in seconds since 1970, and for how many people beside the hosts the link is good. */
  | { readonly decide: "link"; readonly link: LinkTerms }
  /** How long messages may stay, in seconds, and whether they go when they were read. */
  | { readonly decide: "messages"; readonly lifetime: number | null; readonly burn: boolean }
  | { readonly decide: "end" }
  /** The room is gone for good. */
  | { readonly decide: "burn" };

/** What a link is good for; null is no end. */
export interface LinkTerms {
  /** When it stops letting anybody new in, in seconds since 1970. */
  readonly expires: number | null;
  /** How many people beside the hosts it lets in. */
  readonly max_uses: number | null;
}

/** What is decided. */
export interface Moderation {
  /** What this participant is. */
  readonly role: Role;
  /** What this participant may publish. */
  readonly permitted: readonly Source[];
  /** What members may publish. */
  readonly sources: readonly Source[];
  /** Nobody new comes in. */
  readonly locked: boolean;
  /** Whoever is new needs a host's ticket. */
  readonly lobby: boolean;
  /** Members may record; hosts and co-hosts always may. */
  readonly recording: boolean;
  readonly link: LinkTerms;
  /** How many people beside the hosts it has let in. */
  readonly used: number;
  /** The longest that a message may stay, in seconds. */
  readonly lifetime: number | null;
  /** Whether messages go when they were read. */
  readonly burn: boolean;
}

/** Somebody who waits in the lobby. */
export interface Waiting {
  readonly client_id: string;
  /** Missing when they do not have the link. */
  readonly display_name: string | null;
}

/** A leaf of the MLS tree. */
export interface Member {
  readonly leaf: LeafIndex;
  readonly client_id: string;
  readonly display_name: string | null;
  readonly long_term_key: string | null;
  /** Whether their device keeps that key for later calls. */
  readonly remembered: boolean;
  readonly is_self: boolean;
  readonly role: Role;
  /** What it may publish. */
  readonly permitted: readonly Source[];
  readonly admission_ok: boolean;
  readonly joined: "founder" | "added" | "external" | "before";
}

/** Somebody who came or went. */
export interface ChangedMember {
  readonly client_id: string;
  readonly display_name: string | null;
}

/** What one commit changed: the keys always, the member list where somebody came or went. */
export interface MemberChange {
  readonly epoch: Epoch;
  readonly committer: string | null;
  readonly external: boolean;
  readonly joined: readonly ChangedMember[];
  readonly left: readonly ChangedMember[];
}

/** What the session could not do; it goes on. */
export type SessionFailure =
  | "commit_invalid"
  | "commit_policy"
  | "commit_admission"
  | "welcome"
  | "welcome_policy"
  | "tree"
  | "desynchronized"
  | "internal"
  | "app"
  | "fork"
  | "order";

/** Frames by outcome since the worker started. */
export interface FrameCounters {
  readonly encrypted: number;
  readonly decrypted: number;
  readonly sendDrops: Readonly<Partial<Record<DropReason, number>>>;
  readonly receiveDrops: Readonly<Partial<Record<DropReason, number>>>;
}

/** What the worker tells the page. */
export type FromWorker =
  | { readonly type: "ready" }
  /** Put this text on the WebSocket. */
  | { readonly type: "send"; readonly text: string }
  | { readonly type: "hello"; readonly request: number; readonly hello: SessionHello }
  | { readonly type: "decide"; readonly request: number; readonly error: string | null }
  | { readonly type: "moderation"; readonly moderation: Moderation }
  /** This participant waits for a host to let it in. */
  | { readonly type: "knocking" }
  | { readonly type: "knocks"; readonly waiting: readonly Waiting[] }
  /** A host ended the call; its signature was checked. */
  | { readonly type: "ended" }
  /** A host burnt the room; its signature was checked. The receipt, base64url, is the same for everybody. */
  | { readonly type: "burnt"; readonly receipt: string }
  | { readonly type: "admitted"; readonly epoch: Epoch }
  | { readonly type: "roster"; readonly members: readonly Member[]; readonly suite: Suite | null }
  /** Frames are encrypted with this epoch from now on. */
  | { readonly type: "epoch"; readonly epoch: Epoch }
  | { readonly type: "code"; readonly epoch: Epoch; readonly code: string | undefined }
  | { readonly type: "secured"; readonly secured: boolean }
  | { readonly type: "app"; readonly from: string; readonly payload: string }
  | { readonly type: "log"; readonly change: MemberChange }
  | { readonly type: "removed" }
  | { readonly type: "session_failed"; readonly reason: SessionFailure }
  /** The sender's transform ran and made its first ciphertext. */
  | { readonly type: "first_encrypted"; readonly sender: number }
  /** The receiver's transform ran: a frame of that track came, whatever became of it. */
  | { readonly type: "receiver_running"; readonly receiver: number; readonly trackId: TrackId }
  /** The receiver's transform opened its first frame of that track. */
  | { readonly type: "first_decrypted"; readonly receiver: number; readonly trackId: TrackId }
  | {
      readonly type: "receiver_state";
      readonly receiver: number;
      readonly trackId: TrackId;
      readonly state: StreamState;
      readonly reason: DropReason | null;
    }
  | { readonly type: "counters"; readonly counters: FrameCounters }
  /** The worker cannot go on: leave and join anew. */
  | { readonly type: "broken"; readonly reason: string };

/** SFrame contexts by source (bits 20..24 of the KID). */
export const CONTEXTS: Readonly<Record<Source, number>> = {
  microphone: 0,
  camera: 1,
  screen_video: 2,
  screen_audio: 3,
};

/** Codecs as the wasm face numbers them. */
export const CODECS: Readonly<Record<Codec, number>> = { opus: 0, vp8: 1, vp9: 2 };

const DROP_REASONS: ReadonlySet<string> = new Set<DropReason>([
  "no_key",
  "unknown_kid_expired",
  "bad_header",
  "replay",
  "too_old",
  "auth_fail",
  "wrong_leaf",
  "wrong_ctx",
  "codec_unprotectable",
  "epoch_retired",
  "transform_not_running",
]);

/** The drop reason that the wasm face threw; anything else is a fault of the core and goes on. */
export function dropReason(thrown: unknown): DropReason {
  if (typeof thrown === "string" && DROP_REASONS.has(thrown)) {
    return thrown as DropReason;
  }
  throw thrown;
}
