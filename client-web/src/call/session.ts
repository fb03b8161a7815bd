// One session in a room, under one pseudonym: its worker, socket and media connection, and what goes between them.
import { Emitter } from "../base/emitter.ts";
import { E2eeClient, type E2eeEvents } from "../e2ee/client.ts";
import type { Decision } from "../e2ee/messages.ts";
import { SignalingSocket } from "../signaling/socket.ts";
import { MLS_TYPES } from "../wire/codec.ts";
import type { ErrorCode, ServerMessage, SessionToken, State, Track, TrackId } from "../wire/types.ts";
import type { CallOptions } from "./call-events.ts";
import type { LocalMedia, LocalSource } from "./local.ts";
import { LOCAL_SOURCES, MediaConnection } from "./media.ts";
import type { Roster } from "./participants.ts";
import type { TileView } from "./views.ts";

export type SessionEvents = {
  /** The server knows this participant, who stands like this with it and the group. */
  standing: State["standing"];
  /** There is nobody in the room yet whom a guest with a passcode could come to. */
  deserted: undefined;
  lost: undefined;
  refused: ErrorCode;
  overloaded: undefined;
  "wrong-passcode": undefined;
  /** Something failed that the session survived. */
  error: Error;
};

/** What a session is begun with. */
export interface SessionStart {
  readonly call: CallOptions;
  /** The room's secret, the passcode worked in. */
  readonly secret: string;
  readonly clientId: string;
  readonly local: LocalMedia;
  /** Is told who is there and what comes of whom. */
  readonly roster: Roster;
  readonly tiles: readonly TileView[] | undefined;
  /** The roster may have changed. */
  readonly changed: () => void;
}

/** Says nothing more after `close`, and is not used again. */
export class Session {
  readonly #events = new Emitter<SessionEvents>();
  readonly #start: SessionStart;
  readonly #e2ee: E2eeClient;
  readonly #socket: SignalingSocket;
  readonly #media: MediaConnection;
  readonly #tracks = new Map<TrackId, Track>();
  #token: SessionToken | undefined;
  #admitted = false;
  #closed = false;

  constructor(start: SessionStart) {
    this.#start = start;
    const { call, secret, clientId, local } = start;
    const { server, room, host, hostSeed, lobby = false, name, device } = call;
    const e2ee = new E2eeClient({ server, room, secret, host, hostSeed, lobby, clientId, name, device });
    this.#e2ee = e2ee;
    this.#socket = new SignalingSocket({
      server,
      hello: async () => {
        const hello = await e2ee.hello();
        const token = this.#token;
        return { room, client_id: clientId, ...(token !== undefined && { token }), ...hello };
      },
    });
    this.#media = this.#connectMedia(local);
    this.#listenToSocket();
    this.#listenToWorker();
  }

  /** Whether this participant is a member of the group. */
  get admitted(): boolean {
    return this.#admitted;
  }

  get token(): SessionToken | undefined {
    return this.#token;
  }

  on<Name extends keyof SessionEvents>(event: Name, handler: (value: SessionEvents[Name]) => void): void {
    this.#events.on(event, handler);
  }

  /** What the worker says; the session has heard it before. */
  onNotice<Name extends keyof E2eeEvents>(event: Name, handler: (value: E2eeEvents[Name]) => void): void {
    this.#e2ee.on(event, this.#whileOpen(handler));
  }

  /** Begins to connect. */
  connect(): void {
    this.#socket.start();
  }

  /** The device has another network, or one again. */
  handleNetworkChange(): void {
    this.#socket.hurry();
    this.#media.handleNetworkChange();
  }

  /** Settled once the worker has judged everything that came before. */
  async settle(): Promise<void> {
    await this.#e2ee.hello();
  }

  /** Sends a payload to all members; false when that is not possible now. */
  sendApp(payload: string): boolean {
    if (!this.#admitted || this.#closed || this.#socket.state !== "open") {
      return false;
    }
    this.#e2ee.sendApp(payload);
    return true;
  }

  /** Throws `DecisionError`. */
  async decide(decision: Decision): Promise<void> {
    await this.#e2ee.decide(decision);
  }

  /** Sends what the source is now. */
  async publish(source: LocalSource): Promise<void> {
    if (!this.#closed) {
      await this.#media.publish(source);
    }
  }

  setTiles(tiles: readonly TileView[]): void {
    this.#media.setTiles(tiles);
  }

  /** How many are in the call. */
  setParticipants(participants: number): void {
    this.#media.setParticipants(participants);
  }

  /** Clients whose microphone is off. */
  setMuted(clients: ReadonlySet<string>): void {
    this.#media.setMuted(clients);
  }

  /** Sources that should be sent but whose encryption is not confirmed. */
  unconfirmed(): readonly LocalSource[] {
    return this.#closed ? LOCAL_SOURCES : this.#media.unconfirmed();
  }

  async stats(): Promise<RTCStatsReport | undefined> {
    return this.#media.stats();
  }

  close(): void {
    this.#closed = true;
    this.#socket.stop();
    this.#media.close();
    this.#e2ee.close();
  }

  #connectMedia(local: LocalMedia): MediaConnection {
    const { roster, tiles, changed } = this.#start;
    const media = new MediaConnection(
      this.#e2ee,
      local,
      {
        stream: (track, stream) => {
          roster.setStream(track, stream);
          changed();
        },
        speaking: (tracks) => {
          roster.setSpeaking(tracks);
          changed();
        },
        unwanted: (tracks) => {
          roster.setUnwanted(tracks);
          changed();
        },
        reset: () => roster.resetReceptions(),
        error: (error) => this.#events.emit("error", error),
      },
      this.#socket,
    );
    if (tiles !== undefined) {
      media.setTiles(tiles);
    }
    return media;
  }

  /** What a socket or worker says that was given up is not heard. */
  #whileOpen<Value>(handler: (value: Value) => void): (value: Value) => void {
    return (value) => {
      if (!this.#closed) {
        handler(value);
      }
    };
  }

  #listenToSocket(): void {
    const socket = this.#socket;
    const whileOpen = this.#whileOpen.bind(this);
    socket.on(
      "state",
      whileOpen((state) => (state === "lost" ? this.#handleLost() : undefined)),
    );
    socket.on(
      "message",
      whileOpen(({ message, text }) => this.#handleMessage(message, text)),
    );
    socket.on(
      "refused",
      whileOpen(({ code }) => this.#events.emit("refused", code)),
    );
    socket.on(
      "overloaded",
      whileOpen(() => this.#events.emit("overloaded", undefined)),
    );
  }

  #listenToWorker(): void {
    const { roster, changed } = this.#start;
    this.onNotice("send", ({ text }) => void this.#socket.sendText(text));
    this.onNotice("admitted", () => {
      this.#admitted = true;
      this.#media.handleKeyed();
    });
    this.onNotice("epoch", () => this.#media.handleKeyed());
    this.onNotice("secured", ({ secured }) => {
      roster.setSecured(secured);
      changed();
    });
    this.onNotice("first_encrypted", ({ sender }) => void this.#handleFirstEncrypted(sender));
    this.onNotice("receiver_running", ({ receiver }) => this.#media.handleReceiverRunning(receiver));
    this.onNotice("first_decrypted", ({ receiver, trackId }) => this.#media.handleFirstDecrypted(receiver, trackId));
    this.onNotice("receiver_state", ({ trackId, state, reason }) => {
      roster.setReceiverState(trackId, state, reason);
      changed();
    });
  }

  #handleMessage(message: ServerMessage, text: string): void {
    const { call, roster, changed } = this.#start;
    if (this.#mustNotFound(message)) {
      return this.#events.emit("deserted", undefined);
    }
    if (MLS_TYPES.has(message.type)) {
      this.#e2ee.handleMessage(text);
    }
    switch (message.type) {
      case "state":
        return this.#handleState(message);
      case "presence":
        roster.setPresence(message.client_id, message.presence);
        return changed();
      case "track_published":
        this.#tracks.set(message.track.track_id, message.track);
        return this.#tracksChanged();
      case "track_unpublished":
        this.#tracks.delete(message.track_id);
        return this.#tracksChanged();
      case "answer":
      case "offer_rejected":
        return this.#media.handleAnswer(message);
      case "encodings_needed":
        return this.#media.need(message.source, message.needed);
      case "pictures_paused":
        roster.setPaused(new Set(message.tracks), message.cause);
        return changed();
      case "error":
        if (message.code === "bad_mls" && call.passcode !== undefined && !this.#admitted) {
          return this.#events.emit("wrong-passcode", undefined);
        }
        this.#events.emit("error", new Error(`the server: ${message.code}`));
        return message.code === "not_end_to_end_encrypted" ? this.#media.rebuild() : undefined;
      default:
        return;
    }
  }

  /**
   * A guest with a passcode begins no call: was it mistyped, whoever has the right one could not come in. It waits for
   * somebody who made the room.
   */
  #mustNotFound(message: ServerMessage): boolean {
    const { passcode, hostSeed } = this.#start.call;
    return (
      message.type === "state" &&
      passcode !== undefined &&
      hostSeed === undefined &&
      !this.#admitted &&
      (message.standing === "found" || message.standing === "wait")
    );
  }

  #handleState(state: State): void {
    const { roster } = this.#start;
    const continued = this.#token === state.token;
    this.#token = state.token;
    roster.clearPresence();
    for (const { client_id, presence } of state.participants) {
      roster.setPresence(client_id, presence);
    }
    this.#tracks.clear();
    for (const track of state.tracks) {
      this.#tracks.set(track.track_id, track);
    }
    this.#tracksChanged();
    this.#media.handleSession(continued);
    switch (state.standing) {
      case "join":
      case "resync":
      case "found":
      case "knock":
        this.#admitted = false;
        break;
      case "resume":
      case "restore":
      case "wait":
        break;
    }
    this.#events.emit("standing", state.standing);
  }

  #handleLost(): void {
    this.#e2ee.handleConnectionLost();
    this.#media.handleSessionLost();
    this.#events.emit("lost", undefined);
  }

  async #handleFirstEncrypted(sender: number): Promise<void> {
    await this.#media.handleFirstEncrypted(sender);
    this.#start.changed();
  }

  #tracksChanged(): void {
    this.#media.subscribe(this.#start.roster.setTracks([...this.#tracks.values()]));
    this.#start.changed();
  }
}
