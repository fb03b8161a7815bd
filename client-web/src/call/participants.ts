// The people of a call as the MLS tree names them, with what is known of each one's encryption.
import type { DropReason, Member, Role, StreamState } from "../e2ee/messages.ts";
import type { PauseCause, PresenceKind, Source, Track, TrackId } from "../wire/types.ts";
import { LAST_PLACE, type OwnDevice, type Status } from "./status.ts";

/** Whether a person's sound and picture are known to be encrypted end to end with the call's current keys. */
export type CryptoState = "secure" | "waiting" | "failed";

/** Why a person's encryption is as it is; what that is called is the user interface's. */
export type CryptoReason =
  | DropReason
  | "not_admitted"
  | "unconfirmed_keys"
  | "unconfirmed_media"
  | "sending"
  | "no_admission"
  | "connection_lost"
  | "first_frame"
  | "receiving"
  | "unseen"
  | "silent";

/** A shared screen. */
export interface SharedScreen {
  /** Of this picture alone. */
  readonly crypto: Participant["crypto"];
  readonly video?: MediaStream | undefined;
  readonly audio?: MediaStream | undefined;
  /** Why the server says that it does not send the picture now. */
  readonly paused?: PauseCause | undefined;
}

/** A key that says who somebody is, checked by the group's rules. */
export interface Identity {
  /** Ed25519, base64url. */
  readonly key: string;
  /** Their device keeps it for later calls; otherwise it is of this call only. */
  readonly remembered: boolean;
}

/** How somebody's microphone or camera stands, as they say. */
export interface DeviceState {
  readonly on: boolean;
  /** It is on, but their system has given it to something else for a while. */
  readonly interrupted?: boolean | undefined;
}

/** One person of the MLS tree. A changed person is another object. */
export interface Participant {
  readonly clientId: string;
  /** Empty when the identity card cannot be read. */
  readonly name: string;
  readonly isSelf: boolean;
  readonly role: Role;
  /** The long-term key that spoke for their place in the group; none when it did not, or is not known yet. */
  readonly identity: Identity | undefined;
  /** What the hosts let them publish. */
  readonly permitted: readonly Source[];
  readonly crypto: { readonly state: CryptoState; readonly reason: CryptoReason };
  readonly microphone: DeviceState;
  readonly camera: DeviceState;
  /** Found in the sound itself, never told by the person. */
  readonly speaking: boolean;
  /** They say, signed within the group, that they record the call. */
  readonly recording: boolean;
  /** They have not proven for a while that they are there and have the group's present keys. */
  readonly unheard: boolean;
  /** The place in the queue of raised hands: who has the smallest comes first. */
  readonly hand?: number | undefined;
  readonly video?: MediaStream | undefined;
  /** Why the server says that it does not send the picture now, although they do. */
  readonly paused?: PauseCause | undefined;
  readonly audio?: MediaStream | undefined;
  /** Their screen, while they share it. */
  readonly share?: SharedScreen | undefined;
}

/** What one subscribed track is known to be. */
interface Reception {
  readonly track: Track;
  state: StreamState;
  reason: DropReason | null;
  stream: MediaStream | undefined;
}

/** This participant's own facts. */
export interface SelfFacts {
  readonly clientId: string;
  readonly name: string;
  readonly status: Status;
  readonly speaking: boolean;
  readonly video: MediaStream | undefined;
  readonly audio: MediaStream | undefined;
  readonly share: MediaStream | undefined;
  /** Sources that should be sent but whose encryption the worker has not confirmed. */
  readonly unconfirmed: readonly Source[];
  readonly admitted: boolean;
}

/** What everybody may publish as long as nobody decided otherwise. */
export const ALL_SOURCES: readonly Source[] = ["microphone", "camera", "screen_video", "screen_audio"];

/** The terms of a link without end, in a call that keeps its messages. */
export const OPEN_TERMS = { link: { expires: null, max_uses: null }, used: 0, lifetime: null, burn: false } as const;

/** Whether somebody with this role moderates. */
export function moderates(role: Role): boolean {
  return role === "host" || role === "co_host";
}

/** Collects the facts of a call and says who is there and how. */
export class Roster {
  #members: readonly Member[] = [];
  #secured = true;
  #self: SelfFacts;
  readonly #statuses = new Map<string, Status>();
  readonly #hands = new Map<string, number>();
  readonly #presence = new Map<string, PresenceKind>();
  readonly #receptions = new Map<TrackId, Reception>();
  #speaking: ReadonlySet<TrackId> = new Set();
  #unwanted: ReadonlySet<TrackId> = new Set();
  #paused: ReadonlySet<TrackId> = new Set();
  #pauseCause: PauseCause = "downlink";
  #silent: ReadonlySet<string> = new Set();
  #snapshot: ReadonlyMap<string, Participant> = new Map();

  constructor(self: SelfFacts) {
    this.#self = self;
  }

  get size(): number {
    return this.#members.length;
  }

  setSelf(self: SelfFacts): void {
    this.#self = self;
  }

  /** The leaves of the MLS tree; returns who was not there before. */
  setMembers(members: readonly Member[]): readonly string[] {
    const before = new Set(this.#members.map((member) => member.client_id));
    const now = new Set(members.map((member) => member.client_id));
    this.#members = members;
    for (const clientId of this.#statuses.keys()) {
      if (!now.has(clientId)) {
        this.#statuses.delete(clientId);
        this.#hands.delete(clientId);
      }
    }
    return [...now].filter((clientId) => !before.has(clientId));
  }

  setSecured(secured: boolean): void {
    this.#secured = secured;
  }

  /** What somebody says of themselves; but who was seen with the hand down comes after those whose hands are up. */
  setStatus(clientId: string, status: Status): void {
    const wasDown = this.#statuses.has(clientId) && !this.#hands.has(clientId);
    this.#statuses.set(clientId, status);
    const { hand } = status;
    if (hand === undefined) {
      this.#hands.delete(clientId);
    } else if (!this.#hands.has(clientId)) {
      this.#hands.set(clientId, wasDown && hand < this.#lastPlace() ? this.nextPlace() : hand);
    }
  }

  /** The place behind every hand that is up. */
  nextPlace(): number {
    return Math.min(LAST_PLACE, this.#lastPlace() + 1);
  }

  setPresence(clientId: string, presence: PresenceKind): void {
    if (presence === "gone") {
      this.#presence.delete(clientId);
    } else {
      this.#presence.set(clientId, presence);
    }
  }

  clearPresence(): void {
    this.#presence.clear();
  }

  /** The tracks there are; returns those of the others, which are worth subscribing. */
  setTracks(tracks: readonly Track[]): readonly Track[] {
    const shown = tracks.filter((track) => track.client_id !== this.#self.clientId);
    const ids = new Set(shown.map((track) => track.track_id));
    for (const trackId of this.#receptions.keys()) {
      if (!ids.has(trackId)) {
        this.#receptions.delete(trackId);
      }
    }
    for (const track of shown) {
      const known = this.#receptions.get(track.track_id)?.track;
      if (known?.client_id !== track.client_id || known.source !== track.source || known.codec !== track.codec) {
        this.#receptions.set(track.track_id, waiting(track));
      }
    }
    return shown;
  }

  setReceiverState(trackId: TrackId, state: StreamState, reason: DropReason | null): void {
    const reception = this.#receptions.get(trackId);
    if (reception !== undefined) {
      reception.state = state;
      reception.reason = reason;
    }
  }

  setStream(track: Track, stream: MediaStream | undefined): void {
    const reception = this.#receptions.get(track.track_id);
    if (reception !== undefined) {
      reception.stream = stream;
    }
  }

  /** The tracks in which somebody is heard speaking. */
  setSpeaking(tracks: ReadonlySet<TrackId>): void {
    this.#speaking = tracks;
  }

  /**
   * The pictures that the server says it does not send now. That excuses none of them from having to be secure: it is the
   * server that says it.
   */
  setPaused(tracks: ReadonlySet<TrackId>, cause: PauseCause): void {
    this.#paused = tracks;
    this.#pauseCause = cause;
  }

  /** The tracks of which nothing is sent because nothing was wanted: there is nothing to wait for. */
  setUnwanted(tracks: ReadonlySet<TrackId>): void {
    this.#unwanted = tracks;
  }

  /** Who has not proven for a while that they are there. */
  setSilent(clientIds: ReadonlySet<string>): void {
    this.#silent = clientIds;
  }

  /** The clients who say that their microphone is off. */
  get muted(): ReadonlySet<string> {
    return new Set([...this.#statuses].filter(([, status]) => !status.microphone).map(([clientId]) => clientId));
  }

  /** The peer connection is gone, and every stream with it. */
  resetReceptions(): void {
    this.#paused = new Set();
    for (const { track } of this.#receptions.values()) {
      this.#receptions.set(track.track_id, waiting(track));
    }
  }

  /** What somebody is; who is not in the group is nothing more than a member. */
  roleOf(clientId: string): Role {
    return this.#members.find((member) => member.client_id === clientId)?.role ?? "member";
  }

  /** Takes hands down, one person's or everybody's. */
  lowerHands(clientId: string | undefined): void {
    if (clientId === undefined) {
      this.#hands.clear();
    } else {
      this.#hands.delete(clientId);
    }
  }

  displayName(clientId: string | null): string | undefined {
    return this.#members.find((member) => member.client_id === clientId)?.display_name ?? undefined;
  }

  /** Everybody, by client id. The same map and objects as before where nothing changed. */
  participants(): ReadonlyMap<string, Participant> {
    const next = new Map<string, Participant>();
    next.set(this.#self.clientId, this.#selfParticipant());
    for (const member of this.#members) {
      if (!member.is_self) {
        next.set(member.client_id, this.#participant(member));
      }
    }
    let changed = next.size !== this.#snapshot.size;
    for (const [clientId, participant] of next) {
      const before = this.#snapshot.get(clientId);
      if (before !== undefined && isSame(before, participant)) {
        next.set(clientId, before);
      } else {
        changed = true;
      }
    }
    if (changed) {
      this.#snapshot = next;
    }
    return this.#snapshot;
  }

  #lastPlace(): number {
    return Math.max(0, this.#self.status.hand ?? 0, ...this.#hands.values());
  }

  #selfParticipant(): Participant {
    const { clientId, name, status, speaking, video, audio, share } = this.#self;
    const own = this.#members.find((member) => member.is_self);
    return {
      clientId,
      name,
      isSelf: true,
      role: own?.role ?? "member",
      identity: identityOf(own),
      permitted: own?.permitted ?? ALL_SOURCES,
      crypto: this.#selfCrypto(),
      microphone: { on: status.microphone },
      camera: { on: status.camera },
      speaking: status.microphone && speaking,
      recording: status.recording === true,
      unheard: false,
      hand: status.hand,
      video: status.camera ? video : undefined,
      audio: status.microphone ? audio : undefined,
      share: this.#sameShare(clientId, share === undefined ? undefined : { crypto: this.#selfCrypto(), video: share }),
    };
  }

  #selfCrypto(): Participant["crypto"] {
    const { admitted, unconfirmed } = this.#self;
    if (!admitted) {
      return { state: "waiting", reason: "not_admitted" };
    }
    if (!this.#secured) {
      return { state: "waiting", reason: "unconfirmed_keys" };
    }
    if (unconfirmed.length > 0) {
      return { state: "waiting", reason: "unconfirmed_media" };
    }
    return { state: "secure", reason: "sending" };
  }

  #participant(member: Member): Participant {
    const receptions = [...this.#receptions.values()].filter(({ track }) => track.client_id === member.client_id);
    const of = (source: Source) => receptions.find(({ track }) => track.source === source);
    const status = this.#statuses.get(member.client_id);
    // Whom the hosts silenced is silent here too, whatever that client says and whatever the server forwards.
    const may = (source: Source) => member.permitted.includes(source);
    const camera = of("camera");
    const cameraOn = may("camera") && (status?.camera ?? camera !== undefined);
    const microphone = of("microphone");
    const microphoneOn = may("microphone") && (status?.microphone ?? microphone !== undefined);
    const screen = may("screen_video") && status?.screen === true ? of("screen_video") : undefined;
    const off = new Set<Source>([
      ...(cameraOn ? [] : (["camera"] as const)),
      ...(screen === undefined ? (["screen_video", "screen_audio"] as const) : []),
    ]);
    const sending = receptions.filter(({ track }) => may(track.source) && !off.has(track.source));
    return {
      clientId: member.client_id,
      name: member.display_name ?? "",
      isSelf: false,
      role: member.role,
      identity: identityOf(member),
      permitted: member.permitted,
      crypto: this.#cryptoOf(member, sending),
      microphone: deviceOf("microphone", microphoneOn, status),
      camera: deviceOf("camera", cameraOn, status),
      speaking: microphoneOn && microphone !== undefined && this.#speaking.has(microphone.track.track_id),
      recording: status?.recording === true,
      unheard: this.#silent.has(member.client_id),
      hand: this.#hands.get(member.client_id),
      video: cameraOn ? camera?.stream : undefined,
      paused: cameraOn ? this.#pausedOf(camera) : undefined,
      audio: may("microphone") ? microphone?.stream : undefined,
      share: this.#sameShare(
        member.client_id,
        screen && {
          crypto: this.#cryptoOf(member, [screen]),
          video: screen.stream,
          audio: may("screen_audio") ? of("screen_audio")?.stream : undefined,
          paused: this.#pausedOf(screen),
        },
      ),
    };
  }

  #pausedOf(picture: Reception | undefined): PauseCause | undefined {
    return picture !== undefined && this.#paused.has(picture.track.track_id) ? this.#pauseCause : undefined;
  }

  /** The object of the last time where nothing changed. */
  #sameShare(clientId: string, share: SharedScreen | undefined): SharedScreen | undefined {
    const before = this.#snapshot.get(clientId)?.share;
    const same =
      before?.crypto.state === share?.crypto.state &&
      before?.crypto.reason === share?.crypto.reason &&
      before?.video === share?.video &&
      before?.audio === share?.audio &&
      before?.paused === share?.paused;
    return same && before !== undefined ? before : share;
  }

  /** `sending`: the tracks that should carry frames now. */
  #cryptoOf(member: Member, sending: readonly Reception[]): Participant["crypto"] {
    if (!member.admission_ok) {
      return { state: "failed", reason: "no_admission" };
    }
    const failed = sending.find(({ state }) => state === "failed");
    if (failed !== undefined) {
      return { state: "failed", reason: failed.reason ?? "auth_fail" };
    }
    if (!this.#self.admitted || !this.#secured) {
      return { state: "waiting", reason: "unconfirmed_keys" };
    }
    if (this.#presence.get(member.client_id) === "suspended") {
      return { state: "waiting", reason: "connection_lost" };
    }
    const pending = sending.find(({ state, track }) => state === "waiting" && !this.#unwanted.has(track.track_id));
    if (pending !== undefined) {
      return { state: "waiting", reason: pending.reason ?? "first_frame" };
    }
    if (sending.some(({ state }) => state === "secure")) {
      return { state: "secure", reason: "receiving" };
    }
    return { state: "secure", reason: sending.length > 0 ? "unseen" : "silent" };
  }
}

function identityOf(member: Member | undefined): Identity | undefined {
  const key = member?.long_term_key ?? undefined;
  return key === undefined ? undefined : { key, remembered: member?.remembered === true };
}

function waiting(track: Track): Reception {
  return { track, state: "waiting", reason: null, stream: undefined };
}

function deviceOf(device: OwnDevice, on: boolean, status: Status | undefined): DeviceState {
  return { on, ...(on && status?.interrupted?.includes(device) && { interrupted: true }) };
}

function isSameDevice(a: DeviceState, b: DeviceState): boolean {
  return a.on === b.on && a.interrupted === b.interrupted;
}

function isSame(a: Participant, b: Participant): boolean {
  return (
    a.name === b.name &&
    a.role === b.role &&
    a.identity?.key === b.identity?.key &&
    a.identity?.remembered === b.identity?.remembered &&
    a.permitted.join() === b.permitted.join() &&
    a.crypto.state === b.crypto.state &&
    a.crypto.reason === b.crypto.reason &&
    isSameDevice(a.microphone, b.microphone) &&
    isSameDevice(a.camera, b.camera) &&
    a.speaking === b.speaking &&
    a.recording === b.recording &&
    a.unheard === b.unheard &&
    a.hand === b.hand &&
    a.video === b.video &&
    a.paused === b.paused &&
    a.audio === b.audio &&
    a.share === b.share
  );
}
