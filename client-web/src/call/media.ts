// A call's media connection: made, kept, and made anew when it fails.
import { type FrameCrypto, Peer } from "../media/peer.ts";
import { kindOf } from "../media/sections.ts";
import type { SignalingSocket } from "../signaling/socket.ts";
import type { ServerMessage, Source, Track, TrackId } from "../wire/types.ts";
import { Hearing } from "./hearing.ts";
import type { LocalMedia, LocalSource } from "./local.ts";
import { Negotiator } from "./negotiator.ts";
import { OtherVoices } from "./speaking.ts";
import { type TileView, ViewSender } from "./views.ts";

/** Sources that a participant publishes. */
export const LOCAL_SOURCES: readonly LocalSource[] = ["microphone", "camera", "screen_video", "screen_audio"];

const REBUILD_DELAYS_MS = [0, 1_000, 2_000, 5_000] as const;
/** A connection that lived this long was no failure of the rebuilding. */
const HEALTHY_AFTER_MS = 20_000;

/** What the media connection tells the call. */
export interface MediaEvents {
  /** A track can be shown, or cannot any more. */
  stream(track: Track, stream: MediaStream | undefined): void;
  /** The tracks in which somebody is heard speaking are others now. */
  speaking(tracks: ReadonlySet<TrackId>): void;
  /** Of these tracks nothing is wanted now. */
  unwanted(tracks: ReadonlySet<TrackId>): void;
  /** Every stream is gone with the connection that carried it. */
  reset(): void;
  error(error: Error): void;
}

export class MediaConnection {
  readonly #negotiator: Negotiator;
  readonly #voices: OtherVoices;
  readonly #views: ViewSender;
  readonly #hearing: Hearing;
  #peer: Peer | undefined;
  #tracks: readonly Track[] = [];
  #participants = 1;
  #keyed = false;
  #rebuilds = 0;
  #rebuildTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly crypto: FrameCrypto,
    private readonly local: LocalMedia,
    private readonly events: MediaEvents,
    private readonly socket: SignalingSocket,
  ) {
    this.#negotiator = new Negotiator(socket);
    this.#voices = new OtherVoices(
      async () => (await this.#peer?.levels()) ?? new Map(),
      (tracks) => {
        this.#hearing.setSpeaking(tracks);
        this.events.speaking(tracks);
      },
    );
    this.#views = new ViewSender((views) => socket.send({ type: "views", views }));
    this.#hearing = new Hearing((heard) => {
      this.#views.setHeard(heard);
      this.#viewsChanged();
    });
  }

  /** There is a signaling session: the one before it, or another, which is another peer at the SFU. */
  handleSession(continued: boolean): void {
    if (continued && this.#peer !== undefined) {
      this.#peer.handleSignalingBack();
    } else {
      this.#build();
    }
  }

  /** The device has another network, or one again. */
  handleNetworkChange(): void {
    this.#peer?.handleNetworkChange();
  }

  handleSessionLost(): void {
    this.#negotiator.abandon("the signaling connection was lost");
    this.#views.repeat();
  }

  handleAnswer(message: Extract<ServerMessage, { type: "answer" | "offer_rejected" }>): void {
    this.#negotiator.handle(message);
  }

  /** There are keys to send with. */
  handleKeyed(): void {
    this.#keyed = true;
    this.#peer?.handleKeyed();
  }

  async handleFirstEncrypted(senderId: number): Promise<void> {
    await this.#peer?.handleFirstEncrypted(senderId);
  }

  handleReceiverRunning(receiverId: number): void {
    this.#peer?.handleReceiverRunning(receiverId);
  }

  handleFirstDecrypted(receiverId: number, trackId: TrackId): void {
    this.#peer?.handleFirstDecrypted(receiverId, trackId);
  }

  /** Receives exactly `tracks` from now on. */
  subscribe(tracks: readonly Track[]): void {
    this.#tracks = tracks;
    this.#hearing.setTracks(tracks.filter(({ source }) => kindOf(source) === "audio"));
    this.#views.setTracks(tracks);
    this.#viewsChanged();
    this.#peer?.subscribe(tracks);
  }

  /** How large each picture is on the screen. */
  setTiles(tiles: readonly TileView[]): void {
    this.#views.setTiles(tiles);
    this.#viewsChanged();
  }

  /** Clients whose microphone is off. */
  setMuted(clients: ReadonlySet<string>): void {
    this.#hearing.setMuted(clients);
  }

  /** Sends what the source is now. */
  async publish(source: LocalSource): Promise<void> {
    await this.#peer?.publish(source, this.local.track(source));
  }

  /** How many are in the call. */
  setParticipants(participants: number): void {
    this.#participants = participants;
    void this.#peer?.setParticipants(participants);
  }

  /** Sends only those sizes of a picture from now on, smallest first. */
  need(source: Source, needed: readonly boolean[]): void {
    void this.#peer?.need(source, needed);
  }

  /** Sources that should be sent but whose encryption the worker has not confirmed. */
  unconfirmed(): readonly LocalSource[] {
    return LOCAL_SOURCES.filter(
      (source) => this.local.track(source) !== null && this.#peer?.isPublishing(source) !== true,
    );
  }

  /** Gives the connection up and makes another, later the more often that did not help. */
  rebuild(): void {
    clearTimeout(this.#rebuildTimer);
    const delay = REBUILD_DELAYS_MS[Math.min(this.#rebuilds, REBUILD_DELAYS_MS.length - 1)];
    this.#rebuildTimer = setTimeout(() => this.#build(), delay);
  }

  async stats(): Promise<RTCStatsReport | undefined> {
    return this.#peer?.stats();
  }

  close(): void {
    clearTimeout(this.#rebuildTimer);
    this.#voices.close();
    this.#hearing.close();
    this.#views.close();
    this.#negotiator.abandon("the call is over");
    this.#peer?.close();
    this.#peer = undefined;
  }

  #viewsChanged(): void {
    this.events.unwanted(this.#views.unwanted);
  }

  #build(): void {
    clearTimeout(this.#rebuildTimer);
    if (this.#peer !== undefined) {
      this.#peer.close();
      // Another connection may be one to another SFU.
      this.#views.repeat();
    }
    this.events.reset();
    const peer = new Peer(this.crypto, (sdp, sections) => this.#negotiator.offer(sdp, sections));
    this.#peer = peer;
    const born = performance.now();
    peer.on("stream", ({ track, stream }) => this.events.stream(track, stream));
    // The network that carries signaling may be gone too, and the restart needs it now.
    peer.on("silent", () => this.socket.hurry());
    peer.on("lost", () => this.socket.hurry());
    peer.on("failed", (failure) => {
      if (this.#peer === peer) {
        this.events.error(new Error(`the media connection: ${failure}`));
        this.#rebuilds = performance.now() - born > HEALTHY_AFTER_MS ? 0 : this.#rebuilds + 1;
        this.rebuild();
      }
    });
    void peer.setParticipants(this.#participants);
    if (this.#keyed) {
      peer.handleKeyed();
    }
    for (const source of LOCAL_SOURCES) {
      peer.publish(source, this.local.track(source)).catch((error: unknown) => {
        this.events.error(error instanceof Error ? error : new Error(String(error)));
      });
    }
    peer.subscribe(this.#tracks);
  }
}
