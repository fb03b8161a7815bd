// The one peer connection of a participant: publishes, subscribes, and never shows or sends an unprotected frame.
import { Emitter } from "../base/emitter.ts";
import type { Codec, ErrorCode, Section, Source, Track, TrackId } from "../wire/types.ts";
import { browserLayering, type Layering, offeredEncodings } from "./layers.ts";
import { Loudness } from "./loudness.ts";
import { Publisher, probeOf } from "./publisher.ts";
import { bytesReceived, Recovery } from "./recovery.ts";
import { answerForBrowser, negotiatedCodecs, offerForServer } from "./sdp.ts";
import { kindOf, type MediaKind, SectionMap } from "./sections.ts";

/** What a receiver is expected to carry. */
export interface ReceiverTarget {
  readonly trackId: TrackId;
  readonly clientId: string;
  readonly source: Source;
  readonly codec: Codec;
}

/** The end-to-end encryption as media needs it. */
export interface FrameCrypto {
  protectSender(sender: RTCRtpSender, source: Source): number;
  senderCodec(id: number, codec: Codec): void;
  protectReceiver(receiver: RTCRtpReceiver, target: ReceiverTarget): number;
  receiverGone(id: number): void;
}

/** The server refused an offer. */
export class OfferRefused extends Error {
  override readonly name = "OfferRefused";

  constructor(readonly code: ErrorCode) {
    super(code);
  }
}

/** No answer came: the signaling session was lost. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

/** Sends an offer and brings its answer; rejects with `OfferRefused` or `NoAnswer`. */
export type Negotiate = (sdp: string, sections: Section[]) => Promise<string>;

export type PeerEvents = {
  /** A subscribed track can be shown, or cannot any more. */
  stream: { readonly track: Track; readonly stream: MediaStream | undefined };
  connected: boolean;
  /** Nothing arrived for a moment. */
  silent: undefined;
  /** Nothing arrives any more; it is being brought back, for which signaling has to work. */
  lost: undefined;
  /** This connection is beyond repair: make another. */
  failed: PeerFailure;
};

/** Why a peer connection was given up. */
export type PeerFailure = "transport" | "negotiation" | "transform_not_running";

const REFUSALS_BEFORE_FAILURE = 6;
const REFUSAL_DELAY_MS = 300;
const NO_ANSWER_DELAY_MS = 1_000;
/** How often, and after how many packets, a receiver whose transform shows no sign of life is a fault. */
const RECEIVER_CHECK_MS = 3_000;
const PACKETS_WITHOUT_TRANSFORM = 30;
/** Time for a sender's transform to make its first ciphertext once there are a transport and keys. */
const TRANSFORM_PATIENCE_MS = 6_000;

export class Peer {
  readonly #events = new Emitter<PeerEvents>();
  readonly #pc: RTCPeerConnection;
  readonly #sections = new SectionMap<RTCRtpTransceiver>();
  readonly #publishers = new Map<Source, Publisher>();
  readonly #loudness = new Loudness();
  readonly #recovery = new Recovery({
    suspect: () => this.#events.emit("silent", undefined),
    restartIce: () => {
      this.#pc.restartIce();
      this.#renegotiate();
      this.#events.emit("lost", undefined);
    },
    giveUp: () => this.#fail("transport"),
  });
  /** Where this device has sent from, or tried. */
  readonly #addresses = new Set<string>();
  /** Receivers whose transform was seen running by id. */
  readonly #live = new Set<number>();
  /** Packets of the other receivers at the last check. */
  readonly #packets = new Map<number, number>();
  /** Ids of the protected receivers. */
  readonly #receivers = new Map<RTCRtpTransceiver, number>();
  #wanted: readonly Track[] = [];
  #participants = 1;
  /** Which sizes of each own picture anybody needs. */
  readonly #needed = new Map<Source, readonly boolean[]>();
  /** Whether something is not negotiated yet. */
  #dirty = false;
  #running = false;
  #refusals = 0;
  #closed = false;
  #keyed = false;
  #transformTimer: ReturnType<typeof setTimeout> | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #receiverTimer: ReturnType<typeof setInterval>;

  constructor(
    private readonly crypto: FrameCrypto,
    private readonly negotiate: Negotiate,
  ) {
    this.#pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", rtcpMuxPolicy: "require", iceServers: [] });
    this.#pc.onconnectionstatechange = () => this.#watchTransport();
    this.#pc.onicecandidate = ({ candidate }) => this.#watchNetworks(candidate);
    this.#receiverTimer = setInterval(() => void this.#checkReceivers(), RECEIVER_CHECK_MS);
  }

  on<Name extends keyof PeerEvents>(event: Name, handler: (value: PeerEvents[Name]) => void): () => void {
    return this.#events.on(event, handler);
  }

  /** Sends `track` as `source` from now on, or nothing. */
  async publish(source: Source, track: MediaStreamTrack | null): Promise<void> {
    const publisher = this.#publishers.get(source);
    if (publisher !== undefined) {
      await publisher.carry(track);
      await publisher.configure();
      this.#watchTransforms();
    } else if (track !== null) {
      await this.#addPublisher(source, track);
    }
  }

  /** Receives exactly `tracks` from now on. */
  subscribe(tracks: readonly Track[]): void {
    const changed = JSON.stringify(tracks) !== JSON.stringify(this.#wanted);
    this.#wanted = tracks;
    if (changed) {
      this.#renegotiate();
    }
  }

  /** Sends only those sizes of a picture from now on, smallest first. */
  async need(source: Source, needed: readonly boolean[]): Promise<void> {
    this.#needed.set(source, needed);
    await this.#publishers.get(source)?.need(needed);
  }

  /** How many are in the call. */
  async setParticipants(participants: number): Promise<void> {
    this.#participants = participants;
    await Promise.all([...this.#publishers.values()].map((publisher) => publisher.expect(participants)));
  }

  /** There are keys to send with: from now on a silent transform is a fault. */
  handleKeyed(): void {
    this.#keyed = true;
    this.#watchTransforms();
  }

  /** Negotiates what could not be negotiated while there was no signaling session. */
  handleSignalingBack(): void {
    if (this.#dirty) {
      this.#renegotiate();
    }
  }

  /** The device has another network, or one again. */
  handleNetworkChange(): void {
    this.#recovery.handleNetworkChange();
  }

  async handleFirstEncrypted(senderId: number): Promise<void> {
    for (const publisher of this.#publishers.values()) {
      if (publisher.senderId === senderId) {
        await publisher.confirm();
        await publisher.configure();
      }
    }
    this.#watchTransforms();
  }

  handleReceiverRunning(receiverId: number): void {
    this.#live.add(receiverId);
  }

  handleFirstDecrypted(receiverId: number, trackId: TrackId): void {
    for (const { handle, track } of this.#sections.subscriptions) {
      if (track.track_id === trackId && this.#receivers.get(handle) === receiverId) {
        this.#events.emit("stream", { track, stream: new MediaStream([handle.receiver.track]) });
      }
    }
  }

  isPublishing(source: Source): boolean {
    return this.#publishers.get(source)?.confirmed ?? false;
  }

  /** Statistics of the connection. */
  stats(): Promise<RTCStatsReport> {
    return this.#pc.getStats();
  }

  /** Root mean square, 0 to 1, of what each track played since the last call. */
  async levels(): Promise<ReadonlyMap<TrackId, number>> {
    const levels = new Map<TrackId, number>();
    if (this.#closed || !this.#sections.subscriptions.some(({ track }) => kindOf(track.source) === "audio")) {
      return levels;
    }
    const report = await this.#pc.getStats();
    if (this.#closed) {
      return levels;
    }
    // Sound has a constant rate: its end is the end of the connection.
    this.#recovery.look(bytesReceived(report));
    const byMid = this.#loudness.update(report);
    for (const { handle, track } of this.#sections.subscriptions) {
      const level = byMid.get(handle.mid ?? "");
      if (level !== undefined) {
        levels.set(track.track_id, level);
      }
    }
    return levels;
  }

  close(): void {
    this.#closed = true;
    this.#recovery.close();
    clearTimeout(this.#transformTimer);
    clearTimeout(this.#retryTimer);
    clearInterval(this.#receiverTimer);
    for (const publisher of this.#publishers.values()) {
      publisher.close();
    }
    for (const receiver of this.#receivers.values()) {
      this.crypto.receiverGone(receiver);
    }
    this.#pc.onconnectionstatechange = null;
    this.#pc.onicecandidate = null;
    this.#pc.close();
  }

  async #addPublisher(source: Source, track: MediaStreamTrack): Promise<void> {
    const probe = probeOf(track);
    const layering = browserLayering();
    const transceiver = this.#pc.addTransceiver(probe, {
      direction: "sendonly",
      sendEncodings: offeredEncodings(source, layering),
    });
    // In the same task, so that no frame comes before it.
    const senderId = this.crypto.protectSender(transceiver.sender, source);
    prefer(transceiver, kindOf(source), layering);
    const publisher = new Publisher(source, transceiver, senderId, probe);
    this.#publishers.set(source, publisher);
    this.#sections.addPublish(transceiver, source);
    this.#renegotiate();
    await publisher.carry(track);
    await publisher.expect(this.#participants);
    const needed = this.#needed.get(source);
    if (needed !== undefined) {
      await publisher.need(needed);
    }
  }

  #renegotiate(): void {
    clearTimeout(this.#retryTimer);
    this.#dirty = true;
    if (!this.#running && !this.#closed) {
      this.#running = true;
      void this.#run();
    }
  }

  /** One offer at a time, until nothing changed meanwhile. */
  async #run(): Promise<void> {
    // Changes made in one task go into one offer.
    await Promise.resolve();
    try {
      while (this.#dirty && !this.#closed) {
        this.#dirty = false;
        this.#updateSlots();
        if (this.#sections.size > 0) {
          await this.#round();
          this.#refusals = 0;
        }
      }
    } catch (error) {
      this.#dirty = true;
      await this.#rollBack();
      this.#handleRefusal(error);
    } finally {
      // In the same task as the last look at #dirty: a change that comes later starts another run.
      this.#running = false;
    }
  }

  async #round(): Promise<void> {
    const pc = this.#pc;
    await pc.setLocalDescription();
    const offer = pc.localDescription?.sdp ?? "";
    const sections = this.#sections.describe((transceiver) => transceiver.mid);
    const answer = answerForBrowser(await this.negotiate(offerForServer(offer), sections));
    if (this.#closed) {
      return;
    }
    const codecs = negotiatedCodecs(answer);
    const negotiated: [Publisher, Codec][] = [];
    for (const publisher of this.#publishers.values()) {
      const codec = codecs.get(publisher.transceiver.mid ?? "");
      if (codec !== undefined) {
        this.crypto.senderCodec(publisher.senderId, codec);
        negotiated.push([publisher, codec]);
      }
    }
    await pc.setRemoteDescription({ type: "answer", sdp: answer });
    this.#recovery.handleAnswered();
    await Promise.all(negotiated.map(([publisher, codec]) => publisher.negotiated(codec)));
  }

  async #rollBack(): Promise<void> {
    if (!this.#closed && this.#pc.signalingState === "have-local-offer") {
      await this.#pc.setLocalDescription({ type: "rollback" });
    }
  }

  #handleRefusal(error: unknown): void {
    if (this.#closed) {
      return;
    }
    if (error instanceof NoAnswer) {
      this.#retryTimer = setTimeout(() => this.#renegotiate(), NO_ANSWER_DELAY_MS);
      return;
    }
    console.warn("negotiation failed:", error);
    this.#refusals += 1;
    if (!(error instanceof OfferRefused) || this.#refusals >= REFUSALS_BEFORE_FAILURE) {
      this.#fail("negotiation");
      return;
    }
    // A track may have gone while the offer was on its way; its end is on its way too.
    this.#retryTimer = setTimeout(() => this.#renegotiate(), REFUSAL_DELAY_MS * this.#refusals);
  }

  #updateSlots(): void {
    const gone = this.#sections.carry(this.#wanted, (track) => {
      const kind = kindOf(track.source);
      const transceiver = this.#pc.addTransceiver(kind, { direction: "recvonly" });
      // In the same task: Chromium never calls a transform that an addTransceiver receiver gets later, as in `track`.
      this.#receivers.set(transceiver, this.crypto.protectReceiver(transceiver.receiver, targetOf(track)));
      prefer(transceiver, kind, browserLayering());
      return transceiver;
    });
    for (const { handle } of gone) {
      const receiver = this.#receivers.get(handle);
      this.#receivers.delete(handle);
      if (receiver !== undefined) {
        this.#live.delete(receiver);
        this.#packets.delete(receiver);
        this.crypto.receiverGone(receiver);
      }
      handle.stop();
    }
  }

  #watchTransport(): void {
    const state = this.#pc.connectionState;
    if (state === "connected") {
      this.#recovery.handleAlive();
      this.#events.emit("connected", true);
      this.#watchTransforms();
    } else if (state === "disconnected" || state === "failed") {
      this.#events.emit("connected", false);
      this.#recovery.handleLost();
    } else if (state === "closed") {
      // Only by the browser itself: `close` takes the handler away first.
      this.#fail("transport");
    }
  }

  #watchNetworks(candidate: RTCIceCandidate | null): void {
    const address = candidate?.address;
    if (address && !this.#addresses.has(address)) {
      this.#addresses.add(address);
      this.#recovery.handleNewPath();
    }
  }

  #watchTransforms(): void {
    clearTimeout(this.#transformTimer);
    const unconfirmed = [...this.#publishers.values()].some(
      (publisher) => !publisher.confirmed && publisher.transceiver.sender.track !== null,
    );
    if (unconfirmed && this.#keyed && this.#pc.connectionState === "connected") {
      this.#transformTimer = setTimeout(() => this.#fail("transform_not_running"), TRANSFORM_PATIENCE_MS);
    }
  }

  /** A receiver that gets packets while its transform never ran is not wired: nothing of it can be shown. */
  async #checkReceivers(): Promise<void> {
    for (const { handle } of this.#sections.subscriptions) {
      const receiver = this.#receivers.get(handle);
      if (receiver === undefined || this.#live.has(receiver)) {
        continue;
      }
      const packets = await packetsReceived(handle.receiver);
      const before = this.#packets.get(receiver);
      this.#packets.set(receiver, packets);
      if (before !== undefined && packets - before >= PACKETS_WITHOUT_TRANSFORM && !this.#live.has(receiver)) {
        this.#fail("transform_not_running");
        return;
      }
    }
  }

  #fail(failure: PeerFailure): void {
    if (!this.#closed) {
      this.#events.emit("failed", failure);
    }
  }
}

function targetOf(track: Track): ReceiverTarget {
  return { trackId: track.track_id, clientId: track.client_id, source: track.source, codec: track.codec };
}

/** Leaves only codecs whose frames can be encrypted whole or in a known way, the one that the browser layers first. */
function prefer(transceiver: RTCRtpTransceiver, kind: MediaKind, layering: Layering): void {
  const codecs = RTCRtpReceiver.getCapabilities(kind)?.codecs ?? [];
  const order = kind === "audio" ? ["opus"] : layering === "scalable" ? ["vp9", "vp8"] : ["vp8", "vp9"];
  const chosen = order.flatMap((name) => codecs.filter((codec) => isCodec(codec, name)));
  const repair = codecs.filter((codec) => kind === "video" && codec.mimeType.toLowerCase() === "video/rtx");
  transceiver.setCodecPreferences([...chosen, ...repair]);
}

function isCodec(codec: RTCRtpCodec, name: string): boolean {
  const [, subtype] = codec.mimeType.toLowerCase().split("/");
  // VP9 profiles other than 0 have other pixel formats.
  const profile = /profile-id=(\d+)/.exec(codec.sdpFmtpLine ?? "")?.[1] ?? "0";
  return subtype === name && profile === "0";
}

async function packetsReceived(receiver: RTCRtpReceiver): Promise<number> {
  const report: ReadonlyMap<string, RTCStats> = await receiver.getStats();
  let packets = 0;
  for (const stats of report.values()) {
    packets += stats.type === "inbound-rtp" ? ((stats as RTCInboundRtpStreamStats).packetsReceived ?? 0) : 0;
  }
  return packets;
}
