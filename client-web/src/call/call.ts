// A call: joins, keeps itself alive, and says at any time who is there and how well each one is protected.
import { randomBase64Url } from "../base/bytes.ts";
import { Emitter } from "../base/emitter.ts";
import type { Decision, FrameCounters, Moderation, Waiting } from "../e2ee/messages.ts";
import type { State, Suite } from "../wire/types.ts";
import type { MessageFault, Reaction } from "./app-message.ts";
import {
  CallError,
  type CallEvents,
  type CallOptions,
  type CallState,
  END_REASONS,
  type EndReason,
} from "./call-events.ts";
import type { Caption } from "./caption.ts";
import type { ChatEntry } from "./chat-entry.ts";
import type { Conversation, MessageRefusal, SendProblem } from "./conversation.ts";
import { Exchange } from "./exchange.ts";
import type { SharedFiles } from "./files.ts";
import { type ChangeLogEntry, entriesOf } from "./log.ts";
import { LOCAL_SOURCES } from "./media.ts";
import { onNetworkChange } from "./network.ts";
import { OwnSources } from "./own-sources.ts";
import { type Participant, Roster } from "./participants.ts";
import { roomSecret } from "./passcode.ts";
import { Rulings } from "./rulings.ts";
import { Session } from "./session.ts";
import type { ShareContent } from "./share.ts";
import type { OwnDevice } from "./status.ts";
import type { TileView } from "./views.ts";

const CLIENT_ID_BYTES = 16;
/** So many worker failures in a row end the call; one that comes after a quiet time counts anew. */
const MOST_REJOINS = 3;
const QUIET_MS = 60_000;

export class Call {
  readonly #events = new Emitter<CallEvents>();
  readonly #options: CallOptions;
  readonly #sources: OwnSources;
  readonly #exchange: Exchange;
  readonly #rulings: Rulings;
  #roster: Roster;
  #clientId = "";
  #state: CallState = "idle";
  #endReason: EndReason | undefined;
  #session: Session | undefined;
  #secret: string;
  #code: string | undefined;
  #epoch: number | undefined;
  #suite: Suite | undefined;
  #log: readonly ChangeLogEntry[] = [];
  #receipt: string | undefined;
  #waiting: readonly Waiting[] = [];
  #tiles: readonly TileView[] | undefined;
  #counters: FrameCounters | undefined;
  #participants: ReadonlyMap<string, Participant> = new Map();
  #rejoins = 0;
  #rejoinedAt = 0;
  #offNetworkChange: (() => void) | undefined;
  readonly #onPageHide = () => void this.leave();

  constructor(options: CallOptions) {
    this.#options = options;
    this.#secret = options.secret;
    this.#rulings = new Rulings(options, this.#events);
    this.#sources = new OwnSources(options, this.#events, {
      permitted: () => this.moderation.permitted,
      changed: async (source) => {
        await this.#session?.publish(source);
        this.#exchange.tellStatusSoon();
        this.#refresh();
      },
      spoke: () => this.#refresh(),
    });
    this.#exchange = new Exchange(options, this.#events, {
      send: (payload) => this.#session?.sendApp(payload) ?? false,
      clientId: () => this.#clientId,
      epoch: () => this.#epoch,
      token: () => (this.#session?.admitted === true ? this.#session.token : undefined),
      roster: () => this.#roster,
      local: () => this.#sources.local,
      nameOf: (clientId) => this.#nameOf(clientId),
      told: (from, status) => {
        this.#roster.setStatus(from, status);
        this.#session?.setMuted(this.#roster.muted);
        this.#refresh();
      },
      changed: () => this.#refresh(),
    });
    this.#roster = this.#newRoster();
  }

  /** The chat: texts, files, polls, and when they go. */
  get conversation(): Conversation {
    return this.#exchange.conversation;
  }

  /** Files on their way, and those that came. */
  get files(): SharedFiles {
    return this.#exchange.files;
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
    return this.#exchange.drops;
  }

  /** What the hosts decided. */
  get moderation(): Moderation {
    return this.#rulings.moderation;
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
      this.#session?.handleNetworkChange();
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
    this.#sources.watchVoice();
    return joined;
  }

  /** Leaves for good and lets go of the devices. */
  async leave(): Promise<void> {
    this.#end("left");
  }

  /** Throws `CallError` "not-permitted" when the hosts do not allow it. */
  async setMicrophone(on: boolean): Promise<void> {
    await this.#sources.setMicrophone(on);
  }

  /** Throws `CallError` "not-permitted" when the hosts do not allow it. */
  async setCamera(on: boolean): Promise<void> {
    await this.#sources.setCamera(on);
  }

  async replaceMicrophone(deviceId: string): Promise<void> {
    await this.#sources.replaceMicrophone(deviceId);
  }

  /** Takes noise out of the own microphone, or leaves it in; throws `DeviceError`. */
  async setNoiseSuppression(on: boolean): Promise<void> {
    await this.#sources.setNoiseSuppression(on);
  }

  /** Changes the camera; one that is off stays off and is the new one when it is turned on. */
  async replaceCamera(deviceId: string): Promise<void> {
    await this.#sources.replaceCamera(deviceId);
  }

  /**
   * Lets the person choose a screen, a window or a tab and shows it to everybody; must run in a click. Throws `CallError`
   * "not-permitted" or `DeviceError`.
   */
  async startShare(): Promise<void> {
    await this.#sources.startShare();
  }

  async stopShare(): Promise<void> {
    await this.#sources.stopShare();
  }

  /** Whether the own shared screen is to be sharp or fluid where it cannot be both. */
  setShareContent(content: ShareContent): void {
    this.#sources.setShareContent(content);
  }

  /**
   * Says how large each person's picture is on the screen, in the order of their importance: nothing larger is received,
   * and nothing at all of what cannot be seen. Until the first call everything is received as large as it comes.
   */
  setTiles(tiles: readonly TileView[]): void {
    this.#tiles = tiles;
    this.#session?.setTiles(tiles);
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
    this.#exchange.setHand(raised);
  }

  /** Tells everybody what the system has taken from this participant, although it is on: nothing, when it is back. */
  setInterrupted(devices: readonly OwnDevice[]): void {
    this.#exchange.setInterrupted(devices);
  }

  /**
   * Tells everybody, now and later, that this participant records the call, or not any more. False when they cannot be
   * told now: then nothing may be recorded.
   */
  setRecording(recording: boolean): boolean {
    return this.#exchange.setRecording(recording);
  }

  /** Sends what is added from now on to everybody, in messages of one size at one pace. */
  startCaptions(): void {
    this.#exchange.startCaptions();
  }

  /** Adds what was understood of the own speech. */
  addCaption(caption: Caption): void {
    this.#exchange.addCaption(caption);
  }

  stopCaptions(): void {
    this.#exchange.stopCaptions();
  }

  /** Decides something for the call, as a host or co-host. Throws `DecisionError` or `CallError`. */
  async decide(decision: Decision): Promise<void> {
    if (this.#session === undefined) {
      throw new CallError("not-in-call");
    }
    await this.#session.decide(decision);
  }

  /** Takes somebody's hand down, or everybody's (hosts and co-hosts; the others ignore it from anybody else). */
  lowerHands(clientId?: string): void {
    this.#exchange.lowerHands(clientId);
  }

  /** Statistics of the media connection. */
  async stats(): Promise<RTCStatsReport | undefined> {
    return this.#session?.stats();
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
    this.#clientId = randomBase64Url(CLIENT_ID_BYTES);
    this.#roster = this.#newRoster();
    const session = new Session({
      call: this.#options,
      secret: this.#secret,
      clientId: this.#clientId,
      local: this.#sources.local,
      roster: this.#roster,
      tiles: this.#tiles,
      changed: () => this.#refresh(),
    });
    this.#session = session;
    this.#listen(session);
    this.#listenToWorker(session);
    session.connect();
    this.#refresh();
  }

  #exit(): void {
    this.#exchange.handleSessionOver();
    this.#session?.close();
    this.#session = undefined;
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
    this.#sources.close();
    this.#exchange.close();
    this.#endReason = reason;
    this.#become("ended");
  }

  /** Ends once the worker has judged what came before: it may have more to say, a receipt. */
  async #endAfter(session: Session, reason: EndReason): Promise<void> {
    if (reason === "burnt") {
      await session.settle();
    }
    this.#end(reason);
  }

  // What the session says

  #listen(session: Session): void {
    session.on("standing", (standing) => this.#handleStanding(standing, session.admitted));
    session.on("deserted", () => this.#become("lobby"));
    session.on("lost", () => this.#handleLost());
    session.on("overloaded", () => (this.#state === "connecting" ? this.#become("full") : undefined));
    session.on("wrong-passcode", () => this.#end("wrong-passcode"));
    session.on("error", (error) => this.#events.emit("error", error));
    session.on("refused", (code) => {
      if (code === "client_id_taken") {
        this.#rejoin();
      } else {
        void this.#endAfter(session, END_REASONS[code] ?? "refused");
      }
    });
  }

  #listenToWorker(session: Session): void {
    session.onNotice("admitted", ({ epoch }) => {
      this.#epoch = epoch;
      this.#become("in-call");
      this.#exchange.handleAdmitted();
      this.#exchange.tellStatusSoon();
      this.#refresh();
    });
    session.onNotice("epoch", ({ epoch }) => {
      this.#epoch = epoch;
      this.#exchange.tellStatusSoon();
      this.#refresh();
      this.#events.emit("code", this.#code);
    });
    session.onNotice("roster", ({ members, suite }) => {
      this.#suite = suite ?? undefined;
      const newcomers = this.#roster.setMembers(members);
      session.setParticipants(members.length);
      this.#refresh();
      this.#exchange.keepOnly(new Set(members.map((member) => member.client_id)));
      if (newcomers.length > 0) {
        this.#exchange.tellStatusSoon();
      }
    });
    session.onNotice("code", ({ code }) => {
      this.#code = code;
      this.#events.emit("code", code);
    });
    session.onNotice("app", ({ from, payload }) => this.#exchange.handle(from, payload));
    session.onNotice("log", ({ change }) => this.#note(entriesOf(change, Date.now(), (id) => this.#nameOf(id))));
    session.onNotice("moderation", ({ moderation }) => {
      this.#rulings.handle(moderation, {
        conversation: this.conversation,
        sources: this.#sources,
        decide: (decision) => this.decide(decision),
      });
      this.#refresh();
    });
    session.onNotice("knocking", () => this.#become("lobby"));
    session.onNotice("knocks", ({ waiting }) => {
      this.#waiting = waiting;
      this.#events.emit("waiting", waiting);
    });
    session.onNotice("ended", () => this.#end("ended"));
    session.onNotice("burnt", ({ receipt }) => {
      this.#receipt = receipt;
      this.#log = [];
      this.#code = undefined;
      this.#end("burnt");
    });
    session.onNotice("removed", () => this.#end("removed"));
    session.onNotice("counters", ({ counters }) => {
      this.#counters = counters;
    });
    session.onNotice("session_failed", ({ reason }) => {
      this.#events.emit("error", new Error(`the encryption session: ${reason}`));
    });
    session.onNotice("broken", ({ reason }) => {
      this.#events.emit("error", new Error(`the encryption worker: ${reason}`));
      this.#rejoin();
    });
  }

  #handleStanding(standing: State["standing"], admitted: boolean): void {
    if (standing === "resume" || standing === "restore") {
      return admitted ? this.#become("in-call") : undefined;
    }
    if (this.#state === "connecting" || this.#state === "full" || this.#state === "lobby") {
      this.#become("waiting");
    }
    this.#refresh();
  }

  #handleLost(): void {
    if (this.#state === "in-call") {
      this.#note([{ at: Date.now(), kind: "lost" }]);
      this.#become("reconnecting");
    }
  }

  // What is told and shown

  #newRoster(): Roster {
    return new Roster(this.#selfFacts());
  }

  #selfFacts() {
    const { local, isSpeaking } = this.#sources;
    return {
      clientId: this.#clientId,
      name: this.#options.name,
      status: this.#exchange.status(),
      speaking: isSpeaking,
      video: local.preview(),
      audio: local.sound(),
      share: local.share.stream,
      unconfirmed: this.#session?.unconfirmed() ?? LOCAL_SOURCES,
      admitted: this.#session?.admitted ?? false,
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
