// A call: joins, keeps itself alive, and says at any time who is there and how well each one is protected.
import { randomBase64Url } from "../base/bytes.ts";
import { Emitter } from "../base/emitter.ts";
import { E2eeClient } from "../e2ee/client.ts";
import type { Decision, FrameCounters, Moderation, Waiting } from "../e2ee/messages.ts";
import { SignalingSocket } from "../signaling/socket.ts";
import { MLS_TYPES } from "../wire/codec.ts";
import type { ErrorCode, ServerMessage, SessionToken, State, Suite, Track, TrackId } from "../wire/types.ts";
import { decodeMessage, encodeMessage, type MessageFault, type Reaction } from "./app-message.ts";
import { CallError, type CallEvents, type CallOptions, type CallState, type EndReason } from "./call-events.ts";
import { type Caption, CaptionGate, OwnCaptions } from "./caption.ts";
import type { ChatEntry } from "./chat-entry.ts";
import { Conversation, type MessageRefusal, type SendProblem } from "./conversation.ts";
import { SharedFiles } from "./files.ts";
import { LocalMedia, type LocalSource } from "./local.ts";
import { type ChangeLogEntry, entriesOf } from "./log.ts";
import { LOCAL_SOURCES, MediaConnection } from "./media.ts";
import { onNetworkChange } from "./network.ts";
import { ALL_SOURCES, moderates, OPEN_TERMS, type Participant, Roster } from "./participants.ts";
import { roomSecret } from "./passcode.ts";
import type { ShareContent } from "./share.ts";
import { OwnVoice } from "./speaking.ts";
import { encodeStatus, type Status } from "./status.ts";
import type { TileView } from "./views.ts";

const CLIENT_ID_BYTES = 16;
/** Several newcomers and changes within this time make one status message. */
const STATUS_DELAY_MS = 250;
/** So many worker failures in a row end the call; one that comes after a quiet time counts anew. */
const MOST_REJOINS = 3;
const QUIET_MS = 60_000;
/** Messages that are over go at most so much later: a timer stands still while the machine sleeps. */
const CLOCK_MS = 10_000;

const END_REASONS: Partial<Record<ErrorCode, EndReason>> = {
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

/** Until the group says otherwise. */
const NOTHING_DECIDED: Moderation = {
  role: "member",
  permitted: ALL_SOURCES,
  sources: ALL_SOURCES,
  locked: false,
  lobby: false,
  ...OPEN_TERMS,
};

export class Call {
  readonly #events = new Emitter<CallEvents>();
  readonly #options: CallOptions;
  readonly #local: LocalMedia;
  readonly #voice: OwnVoice;
  /** The chat: texts, files, polls, and when they go. */
  readonly conversation: Conversation;
  /** Files on their way, and those that came. */
  readonly files: SharedFiles;
  readonly #messageDrops = new Map<MessageFault | MessageRefusal, number>();
  #recording = false;
  #captions: OwnCaptions | undefined;
  readonly #captionGate = new CaptionGate();
  /** The own place in the queue of raised hands. */
  #hand: number | undefined;
  readonly #tracks = new Map<TrackId, Track>();
  #roster: Roster;
  #clientId = "";
  #state: CallState = "idle";
  #endReason: EndReason | undefined;
  #socket: SignalingSocket | undefined;
  #e2ee: E2eeClient | undefined;
  #media: MediaConnection | undefined;
  #secret: string;
  #token: SessionToken | undefined;
  #admitted = false;
  #isSpeaking = false;
  #code: string | undefined;
  #epoch: number | undefined;
  #suite: Suite | undefined;
  #log: readonly ChangeLogEntry[] = [];
  #moderation = NOTHING_DECIDED;
  #linkSigned = false;
  #receipt: string | undefined;
  #waiting: readonly Waiting[] = [];
  #tiles: readonly TileView[] | undefined;
  #counters: FrameCounters | undefined;
  #participants: ReadonlyMap<string, Participant> = new Map();
  #rejoins = 0;
  #rejoinedAt = 0;
  #statusTimer: ReturnType<typeof setTimeout> | undefined;
  #chatTimer: ReturnType<typeof setTimeout> | undefined;
  #offNetworkChange: (() => void) | undefined;
  readonly #onPageHide = () => void this.leave();

  constructor(options: CallOptions) {
    this.#options = options;
    this.#secret = options.secret;
    this.#local = new LocalMedia(options, (source) => void this.#handleEnded(source));
    this.#voice = new OwnVoice((speaking) => {
      this.#isSpeaking = speaking;
      this.#refresh();
    });
    this.conversation = new Conversation({
      send: (payload) => this.#sendApp(payload),
      self: () => ({ clientId: this.#clientId, name: options.name }),
      nameOf: (clientId) => this.#roster.displayName(clientId),
      now: () => Date.now(),
      chatChanged: (entries) => this.#chatChanged(entries),
      ruleChanged: (rule) => this.#events.emit("rule", rule),
      reacted: (from, reaction) => this.#events.emit("reaction", { from, reaction }),
    });
    this.files = new SharedFiles({
      server: {
        url: new URL(`/api/v1/rooms/${options.room}/files`, options.server).href,
        token: () => (this.#admitted ? this.#token : undefined),
      },
      offer: (offer, replyTo) => this.conversation.offer(offer, replyTo),
      ending: () => this.conversation.ending,
      changed: (view) => this.#events.emit("files", view),
    });
    this.#roster = this.#newRoster();
  }

  get state(): CallState {
    return this.#state;
  }

  /** Once the room was burnt: a number that is the same for everybody who was there, base64url. */
  get receipt(): string | undefined {
    return this.#receipt;
  }

  /** Why the call ended, once it did. */
  get endReason(): EndReason | undefined {
    return this.#endReason;
  }

  /** The leaves of the MLS tree, by client id; oneself always. */
  get participants(): ReadonlyMap<string, Participant> {
    return this.#participants;
  }

  /** Thirty digits that are the same for everybody who has the same keys. */
  get code(): string | undefined {
    return this.#code;
  }

  get epoch(): number | undefined {
    return this.#epoch;
  }

  get suite(): Suite | undefined {
    return this.#suite;
  }

  get log(): readonly ChangeLogEntry[] {
    return this.#log;
  }

  /** The chat, oldest message first; only what was said while this participant was there. */
  get chat(): readonly ChatEntry[] {
    return this.conversation.entries;
  }

  /** Application messages of others that were not taken, by reason. */
  get messageDrops(): ReadonlyMap<MessageFault | MessageRefusal, number> {
    return this.#messageDrops;
  }

  /** What the hosts decided. */
  get moderation(): Moderation {
    return this.#moderation;
  }

  /** Who waits in the lobby, for hosts and co-hosts. */
  get waiting(): readonly Waiting[] {
    return this.#waiting;
  }

  /** Frames by outcome, a few seconds old at most. */
  get counters(): FrameCounters | undefined {
    return this.#counters;
  }

  on<Name extends keyof CallEvents>(event: Name, handler: (value: CallEvents[Name]) => void): () => void {
    return this.#events.on(event, handler);
  }

  /** Joins; settled once this participant is a member of the encrypted group. Throws `CallError`. */
  join(): Promise<void> {
    if (this.#state !== "idle") {
      return Promise.reject(new CallError("not-idle"));
    }
    this.#offNetworkChange = onNetworkChange(() => {
      this.#socket?.hurry();
      this.#media?.handleNetworkChange();
    });
    globalThis.addEventListener?.("pagehide", this.#onPageHide);
    const joined = new Promise<void>((resolve, reject) => {
      const off = this.on("state", (state) => {
        if (state === "in-call") {
          off();
          resolve();
        } else if (state === "ended") {
          off();
          reject(new CallError(this.#endReason ?? "failed"));
        }
      });
    });
    this.#become("connecting");
    if (this.#options.passcode === undefined) {
      this.#enter();
    } else {
      void this.#unlock(this.#options.passcode);
    }
    this.#watchMicrophone();
    return joined;
  }

  /** Leaves for good and lets go of the devices. */
  async leave(): Promise<void> {
    this.#end("left");
  }

  /** Throws `CallError` "not-permitted" when the hosts do not allow it. */
  async setMicrophone(on: boolean): Promise<void> {
    this.#requirePermission("microphone", on);
    await this.#local.setMicrophone(on);
    await this.#localChanged("microphone");
  }

  /** Throws `CallError` "not-permitted" when the hosts do not allow it. */
  async setCamera(on: boolean): Promise<void> {
    this.#requirePermission("camera", on);
    await this.#local.setCamera(on);
    await this.#localChanged("camera");
  }

  async replaceMicrophone(deviceId: string): Promise<void> {
    await this.#local.replaceMicrophone(deviceId);
    await this.#localChanged("microphone");
  }

  /** Takes noise out of the own microphone, or leaves it in; throws `DeviceError`. */
  async setNoiseSuppression(on: boolean): Promise<void> {
    // The voice's meter has a clone, which would keep the microphone open as it is.
    this.#voice.watch(null);
    await this.#local.setNoiseSuppression(on);
    await this.#localChanged("microphone");
  }

  /** Changes the camera; one that is off stays off and is the new one when it is turned on. */
  async replaceCamera(deviceId: string): Promise<void> {
    // One that was unplugged has ended but was not turned off.
    if (this.#local.track("camera") !== null) {
      await this.#local.replaceCamera(deviceId);
      await this.#localChanged("camera");
    } else {
      this.#local.chooseCamera(deviceId);
    }
  }

  /**
   * Lets the person choose a screen, a window or a tab and shows it to everybody; must run in a click. Throws `CallError`
   * "not-permitted" or `DeviceError`.
   */
  async startShare(): Promise<void> {
    this.#requirePermission("screen_video", true);
    await this.#local.share.start(this.#moderation.permitted.includes("screen_audio"));
    if (!this.#moderation.permitted.includes("screen_video")) {
      // Decided while the person was choosing.
      this.#local.share.stop();
    }
    await this.#shareChanged();
  }

  async stopShare(): Promise<void> {
    this.#local.share.stop();
    await this.#shareChanged();
  }

  /** Whether the own shared screen is to be sharp or fluid where it cannot be both. */
  setShareContent(content: ShareContent): void {
    this.#local.share.setContent(content);
  }

  /**
   * Says how large each person's picture is on the screen, in the order of their importance: nothing larger is received,
   * and nothing at all of what cannot be seen. Until the first call everything is received as large as it comes.
   */
  setTiles(tiles: readonly TileView[]): void {
    this.#tiles = tiles;
    this.#media?.setTiles(tiles);
  }

  /** Writes to everybody; without a connection the message waits for one. Says why not, if not. */
  say(text: string, replyTo?: string): SendProblem | undefined {
    return this.conversation.say(text, replyTo);
  }

  /** Changes an own message of the chat. */
  editMessage(id: string, text: string): SendProblem | undefined {
    return this.conversation.edit(id, text);
  }

  /** Shows everybody a reaction for a moment. */
  react(reaction: Reaction): SendProblem | undefined {
    return this.conversation.react(reaction);
  }

  /** Raises or lowers the own hand. */
  setHand(raised: boolean): void {
    this.#hand = raised ? (this.#hand ?? this.#roster.nextPlace()) : undefined;
    this.#sendStatusSoon();
    this.#refresh();
  }

  /**
   * Tells everybody, now and later, that this participant records the call, or not any more. False when they cannot be
   * told now: then nothing may be recorded.
   */
  setRecording(recording: boolean): boolean {
    const status = { ...this.#status(), recording };
    if (recording && !this.#sendApp(encodeStatus(status))) {
      return false;
    }
    this.#recording = recording;
    this.#sendStatusSoon();
    this.#refresh();
    return true;
  }

  /** Sends what is added from now on to everybody, in messages of one size at one pace. */
  startCaptions(): void {
    this.#captions ??= new OwnCaptions((payload) => this.#sendApp(payload));
  }

  /** Adds what was understood of the own speech. */
  addCaption(caption: Caption): void {
    this.#captions?.add(caption);
  }

  stopCaptions(): void {
    this.#captions?.close();
    this.#captions = undefined;
  }

  /** Decides something for the call, as a host or co-host. Throws `DecisionError` or `CallError`. */
  async decide(decision: Decision): Promise<void> {
    if (this.#e2ee === undefined) {
      throw new CallError("not-in-call");
    }
    await this.#e2ee.decide(decision);
  }

  /** Takes somebody's hand down, or everybody's (hosts and co-hosts; the others ignore it from anybody else). */
  lowerHands(clientId?: string): void {
    this.#sendApp(encodeMessage({ type: "lower_hands", clientId }));
    this.#roster.lowerHands(clientId);
    this.#refresh();
  }

  /** Statistics of the media connection. */
  async stats(): Promise<RTCStatsReport | undefined> {
    return this.#media?.stats();
  }

  // Entering and ending

  /** Works the room's secret out, which takes a moment, and enters. */
  async #unlock(passcode: string): Promise<void> {
    try {
      this.#secret = await roomSecret(this.#options.secret, this.#options.room, passcode);
    } catch (error) {
      this.#events.emit("error", error instanceof Error ? error : new Error(String(error)));
      return this.#end("failed");
    }
    if (this.#state === "connecting") {
      this.#enter();
    }
  }

  /** Everything that has a pseudonym or a key is made anew. */
  #enter(): void {
    const secret = this.#secret;
    const { server, room, host, hostSeed, lobby = false, name, device } = this.#options;
    const clientId = randomBase64Url(CLIENT_ID_BYTES);
    this.#clientId = clientId;
    this.#token = undefined;
    this.#admitted = false;
    this.#roster = this.#newRoster();
    const e2ee = new E2eeClient({ server, room, secret, host, hostSeed, lobby, clientId, name, device });
    const socket = new SignalingSocket({
      server,
      hello: async () => {
        const resume = await e2ee.resume();
        const token = this.#token;
        return { room, client_id: clientId, ...(token !== undefined && { token }), ...(resume !== null && { resume }) };
      },
    });
    this.#e2ee = e2ee;
    this.#socket = socket;
    this.#media = new MediaConnection(
      e2ee,
      this.#local,
      {
        stream: (track, stream) => {
          this.#roster.setStream(track, stream);
          this.#refresh();
        },
        speaking: (tracks) => {
          this.#roster.setSpeaking(tracks);
          this.#refresh();
        },
        unwanted: (tracks) => {
          this.#roster.setUnwanted(tracks);
          this.#refresh();
        },
        reset: () => this.#roster.resetReceptions(),
        error: (error) => this.#events.emit("error", error),
      },
      socket,
    );
    if (this.#tiles !== undefined) {
      this.#media.setTiles(this.#tiles);
    }
    this.#listen(e2ee, socket);
    socket.start();
    this.#refresh();
  }

  #exit(): void {
    clearTimeout(this.#statusTimer);
    this.#socket?.stop();
    this.#media?.close();
    this.#e2ee?.close();
    this.#socket = undefined;
    this.#media = undefined;
    this.#e2ee = undefined;
    this.#tracks.clear();
  }

  /** The session cannot go on: comes back as somebody new, with new keys. */
  #rejoin(): void {
    this.#exit();
    const now = performance.now();
    this.#rejoins = now - this.#rejoinedAt > QUIET_MS ? 1 : this.#rejoins + 1;
    this.#rejoinedAt = now;
    if (this.#rejoins > MOST_REJOINS) {
      this.#end("failed");
      return;
    }
    this.#become("reconnecting");
    this.#enter();
  }

  #end(reason: EndReason): void {
    if (this.#state === "ended") {
      return;
    }
    this.#offNetworkChange?.();
    globalThis.removeEventListener?.("pagehide", this.#onPageHide);
    this.#exit();
    this.#voice.close();
    this.#local.close();
    this.files.close();
    this.conversation.close();
    this.stopCaptions();
    clearTimeout(this.#chatTimer);
    this.#endReason = reason;
    this.#become("ended");
  }

  /** Ends once the worker has judged what came before: it may have more to say, a receipt. */
  async #endAfter(e2ee: E2eeClient, reason: EndReason): Promise<void> {
    if (reason === "burnt") {
      await e2ee.resume();
    }
    this.#end(reason);
  }

  // What the other layers say

  #listen(e2ee: E2eeClient, socket: SignalingSocket): void {
    // Messages of a socket or worker that was given up find that it is not the current one.
    const current =
      <Value>(handler: (value: Value) => void) =>
      (value: Value) => {
        if (this.#e2ee === e2ee && this.#socket === socket) {
          handler(value);
        }
      };
    socket.on(
      "state",
      current((state) => (state === "lost" ? this.#handleLost() : undefined)),
    );
    socket.on(
      "message",
      current(({ message, text }) => this.#handleMessage(message, text)),
    );
    socket.on(
      "refused",
      current(({ code }) => {
        if (code === "client_id_taken") {
          this.#rejoin();
        } else {
          void this.#endAfter(e2ee, END_REASONS[code] ?? "refused");
        }
      }),
    );
    socket.on(
      "overloaded",
      current(() => (this.#state === "connecting" ? this.#become("full") : undefined)),
    );
    e2ee.on(
      "send",
      current(({ text }) => void socket.sendText(text)),
    );
    e2ee.on(
      "admitted",
      current(({ epoch }) => this.#handleAdmitted(epoch)),
    );
    e2ee.on(
      "roster",
      current(({ members, suite }) => {
        this.#suite = suite ?? undefined;
        const newcomers = this.#roster.setMembers(members);
        this.#media?.setParticipants(members.length);
        this.#refresh();
        const present = new Set(members.map((member) => member.client_id));
        this.conversation.keepOnly(present);
        this.#captionGate.keepOnly(present);
        if (newcomers.length > 0) {
          this.#sendStatusSoon();
        }
      }),
    );
    e2ee.on(
      "epoch",
      current(({ epoch }) => this.#handleEpoch(epoch)),
    );
    e2ee.on(
      "code",
      current(({ code }) => {
        this.#code = code;
        this.#events.emit("code", code);
      }),
    );
    e2ee.on(
      "secured",
      current(({ secured }) => {
        this.#roster.setSecured(secured);
        this.#refresh();
      }),
    );
    e2ee.on(
      "app",
      current(({ from, payload }) => this.#handleApp(from, payload)),
    );
    e2ee.on(
      "log",
      current(({ change }) => this.#note(entriesOf(change, Date.now(), (id) => this.#nameOf(id)))),
    );
    e2ee.on(
      "moderation",
      current(({ moderation }) => this.#handleModeration(moderation)),
    );
    e2ee.on(
      "knocking",
      current(() => this.#become("lobby")),
    );
    e2ee.on(
      "knocks",
      current(({ waiting }) => {
        this.#waiting = waiting;
        this.#events.emit("waiting", waiting);
      }),
    );
    e2ee.on(
      "ended",
      current(() => this.#end("ended")),
    );
    e2ee.on(
      "burnt",
      current(({ receipt }) => {
        this.#receipt = receipt;
        this.#log = [];
        this.#code = undefined;
        this.#end("burnt");
      }),
    );
    e2ee.on(
      "removed",
      current(() => this.#end("removed")),
    );
    e2ee.on(
      "session_failed",
      current(({ reason }) => this.#events.emit("error", new Error(`the encryption session: ${reason}`))),
    );
    e2ee.on(
      "first_encrypted",
      current(({ sender }) => void this.#handleFirstEncrypted(sender)),
    );
    e2ee.on(
      "receiver_running",
      current(({ receiver }) => this.#media?.handleReceiverRunning(receiver)),
    );
    e2ee.on(
      "first_decrypted",
      current(({ receiver, trackId }) => this.#media?.handleFirstDecrypted(receiver, trackId)),
    );
    e2ee.on(
      "receiver_state",
      current(({ trackId, state, reason }) => {
        this.#roster.setReceiverState(trackId, state, reason);
        this.#refresh();
      }),
    );
    e2ee.on(
      "counters",
      current(({ counters }) => {
        this.#counters = counters;
      }),
    );
    e2ee.on(
      "broken",
      current(({ reason }) => {
        this.#events.emit("error", new Error(`the encryption worker: ${reason}`));
        this.#rejoin();
      }),
    );
  }

  #handleMessage(message: ServerMessage, text: string): void {
    if (this.#mustNotFound(message)) {
      return this.#become("lobby");
    }
    if (MLS_TYPES.has(message.type)) {
      this.#e2ee?.handleMessage(text);
    }
    switch (message.type) {
      case "state":
        return this.#handleState(message);
      case "presence":
        this.#roster.setPresence(message.client_id, message.presence);
        return this.#refresh();
      case "track_published":
        this.#tracks.set(message.track.track_id, message.track);
        return this.#tracksChanged();
      case "track_unpublished":
        this.#tracks.delete(message.track_id);
        return this.#tracksChanged();
      case "answer":
      case "offer_rejected":
        return this.#media?.handleAnswer(message);
      case "encodings_needed":
        return this.#media?.need(message.source, message.needed);
      case "error":
        if (message.code === "bad_mls" && this.#options.passcode !== undefined && !this.#admitted) {
          return this.#end("wrong-passcode");
        }
        this.#events.emit("error", new Error(`the server: ${message.code}`));
        return message.code === "not_end_to_end_encrypted" ? this.#media?.rebuild() : undefined;
      default:
        return;
    }
  }

  /**
   * A guest with a passcode begins no call: was it mistyped, whoever has the right one could not come in. It waits for
   * somebody who made the room.
   */
  #mustNotFound(message: ServerMessage): boolean {
    const { passcode, hostSeed } = this.#options;
    return (
      message.type === "state" &&
      passcode !== undefined &&
      hostSeed === undefined &&
      !this.#admitted &&
      (message.standing === "found" || message.standing === "wait")
    );
  }

  #handleState(state: State): void {
    const continued = this.#token === state.token;
    this.#token = state.token;
    this.#roster.clearPresence();
    for (const { client_id, presence } of state.participants) {
      this.#roster.setPresence(client_id, presence);
    }
    this.#tracks.clear();
    for (const track of state.tracks) {
      this.#tracks.set(track.track_id, track);
    }
    this.#tracksChanged();
    this.#media?.handleSession(continued);
    switch (state.standing) {
      case "resume":
      case "restore":
        return this.#admitted ? this.#become("in-call") : undefined;
      case "join":
      case "resync":
      case "found":
      case "knock":
        this.#admitted = false;
        break;
      case "wait":
        break;
    }
    if (this.#state === "connecting" || this.#state === "full" || this.#state === "lobby") {
      this.#become("waiting");
    }
    this.#refresh();
  }

  #handleLost(): void {
    this.#e2ee?.handleConnectionLost();
    this.#media?.handleSessionLost();
    if (this.#state === "in-call") {
      this.#note([{ at: Date.now(), kind: "lost" }]);
      this.#become("reconnecting");
    }
  }

  #handleAdmitted(epoch: number): void {
    this.#admitted = true;
    this.#epoch = epoch;
    this.#media?.handleKeyed();
    this.#become("in-call");
    this.#sendStatusSoon();
    this.#refresh();
  }

  #handleEpoch(epoch: number): void {
    this.#epoch = epoch;
    this.#media?.handleKeyed();
    this.#sendStatusSoon();
    this.#refresh();
    this.#events.emit("code", this.#code);
  }

  async #handleFirstEncrypted(sender: number): Promise<void> {
    await this.#media?.handleFirstEncrypted(sender);
    this.#refresh();
  }

  #handleApp(from: string, payload: string): void {
    if (from === this.#clientId) {
      return;
    }
    const decoded = decodeMessage(payload);
    if ("fault" in decoded) {
      return this.#countDrop(decoded.fault);
    }
    const { message } = decoded;
    if (message.type === "status") {
      this.#roster.setStatus(from, message.status);
      this.#media?.setMuted(this.#roster.muted);
      return this.#refresh();
    }
    if (message.type === "caption") {
      return this.#captionGate.allows(from, performance.now())
        ? this.#events.emit("caption", { from, caption: message.caption })
        : this.#countDrop("too_many");
    }
    if (message.type === "lower_hands") {
      return this.#handleLowerHands(from, message.clientId);
    }
    const refusal = this.conversation.handle(from, message);
    if (refusal !== undefined) {
      this.#countDrop(refusal);
    }
  }

  #handleLowerHands(from: string, clientId: string | undefined): void {
    if (!moderates(this.#roster.roleOf(from))) {
      return this.#countDrop("not_host");
    }
    this.#roster.lowerHands(clientId);
    if (this.#hand !== undefined && (clientId === undefined || clientId === this.#clientId)) {
      this.setHand(false);
      this.#events.emit("hand-lowered", this.#nameOf(from) ?? "");
    }
    this.#refresh();
  }

  /** What is not allowed any more is turned off here too: the server drops it anyway. */
  #handleModeration(moderation: Moderation): void {
    this.#moderation = moderation;
    this.#events.emit("moderation", moderation);
    const { lifetime, burn } = moderation;
    this.conversation.setRule({ burn, ...(lifetime !== null && { lifetime }) });
    this.#applyLink(moderation);
    const on: Readonly<Record<LocalSource, boolean>> = {
      microphone: this.#local.microphoneOn,
      camera: this.#local.cameraOn,
      screen_video: this.#local.share.on,
      screen_audio: this.#local.track("screen_audio") !== null,
    };
    const silenced = LOCAL_SOURCES.filter((source) => on[source] && !moderation.permitted.includes(source));
    if (silenced.length > 0) {
      this.#events.emit("silenced", silenced);
      void this.#silence(silenced);
    }
    this.#refresh();
  }

  async #silence(sources: readonly LocalSource[]): Promise<void> {
    for (const source of sources) {
      await this.#local.silence(source);
      await (source === "screen_video" || source === "screen_audio"
        ? this.#shareChanged()
        : this.#localChanged(source));
    }
  }

  /** What the link says of itself, a host signs as soon as it can, so that the others hold to it. */
  #applyLink({ role, link }: Moderation): void {
    const { expires, maxUses, hostSeed } = this.#options;
    const isSigned = link.expires !== null || link.max_uses !== null;
    if (role !== "host" || hostSeed === undefined || isSigned || this.#linkSigned) {
      return;
    }
    if (expires !== undefined || maxUses !== undefined) {
      this.#linkSigned = true;
      const terms = { expires: expires ?? null, max_uses: maxUses ?? null };
      this.decide({ decide: "link", link: terms }).catch((error: Error) => this.#events.emit("error", error));
    }
  }

  #requirePermission(source: LocalSource, on: boolean): void {
    if (on && !this.#moderation.permitted.includes(source)) {
      throw new CallError("not-permitted");
    }
  }

  #chatChanged(entries: readonly ChatEntry[]): void {
    this.files.keepOnly(new Set(entries.map((entry) => entry.id)));
    this.#events.emit("chat", entries);
    clearTimeout(this.#chatTimer);
    const { nextEnd } = this.conversation;
    if (nextEnd !== undefined) {
      const wait = Math.max(0, Math.min(nextEnd - Date.now(), CLOCK_MS));
      this.#chatTimer = setTimeout(() => {
        this.conversation.handleTimeout();
        this.#chatChanged(this.conversation.entries);
      }, wait);
    }
  }

  #countDrop(reason: MessageFault | MessageRefusal): void {
    this.#messageDrops.set(reason, (this.#messageDrops.get(reason) ?? 0) + 1);
  }

  // Media

  #tracksChanged(): void {
    this.#media?.subscribe(this.#roster.setTracks([...this.#tracks.values()]));
    this.#refresh();
  }

  async #localChanged(source: LocalSource): Promise<void> {
    if (this.#state === "ended") {
      this.#local.close();
      return;
    }
    if (source === "microphone") {
      this.#watchMicrophone();
    }
    await this.#media?.publish(source);
    this.#sendStatusSoon();
    this.#refresh();
  }

  /** A device or a shared screen ended by itself. */
  async #handleEnded(source: Exclude<LocalSource, "screen_audio">): Promise<void> {
    if (source === "screen_video") {
      return this.#shareChanged();
    }
    await this.#localChanged(source);
    this.#events.emit("device-ended", source);
  }

  async #shareChanged(): Promise<void> {
    await this.#localChanged("screen_audio");
    await this.#localChanged("screen_video");
  }

  #watchMicrophone(): void {
    this.#voice.watch(this.#local.microphoneOn ? this.#local.track("microphone") : null);
  }

  // What is told and shown

  #status(): Status {
    const { microphoneOn: microphone, cameraOn: camera, share } = this.#local;
    return { microphone, camera, ...(share.on && { screen: true }), recording: this.#recording, hand: this.#hand };
  }

  #sendStatusSoon(): void {
    clearTimeout(this.#statusTimer);
    this.#statusTimer = setTimeout(() => {
      this.#sendApp(encodeStatus(this.#status()));
    }, STATUS_DELAY_MS);
  }

  /** Sends a payload to all members; false when that is not possible now. */
  #sendApp(payload: string): boolean {
    if (!this.#admitted || this.#socket?.state !== "open" || this.#e2ee === undefined) {
      return false;
    }
    this.#e2ee.sendApp(payload);
    return true;
  }

  #newRoster(): Roster {
    return new Roster(this.#selfFacts());
  }

  #selfFacts() {
    return {
      clientId: this.#clientId,
      name: this.#options.name,
      status: this.#status(),
      speaking: this.#isSpeaking,
      video: this.#local.preview(),
      audio: this.#local.sound(),
      share: this.#local.share.stream,
      unconfirmed: this.#media?.unconfirmed() ?? LOCAL_SOURCES,
      admitted: this.#admitted,
    };
  }

  #refresh(): void {
    this.#roster.setSelf(this.#selfFacts());
    const participants = this.#roster.participants();
    if (participants !== this.#participants) {
      this.#participants = participants;
      this.#events.emit("participants", participants);
    }
  }

  #nameOf(clientId: string | null): string | undefined {
    return clientId === this.#clientId ? this.#options.name : this.#roster.displayName(clientId);
  }

  #note(entries: readonly ChangeLogEntry[]): void {
    this.#log = [...this.#log, ...entries];
    this.#events.emit("log", this.#log);
  }

  #become(state: CallState): void {
    if (this.#state !== state && this.#state !== "ended") {
      if (state === "in-call" && this.#state === "reconnecting") {
        this.#note([{ at: Date.now(), kind: "recovered" }]);
      }
      this.#state = state;
      this.#events.emit("state", state);
      if (state === "in-call") {
        this.conversation.handleConnected();
      }
    }
  }
}
