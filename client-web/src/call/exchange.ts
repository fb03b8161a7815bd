// What members tell each other inside the group: chat, files, captions, raised hands, and how each one stands.
import type { Emitter } from "../base/emitter.ts";
import type { SessionToken } from "../wire/types.ts";
import { decodeMessage, encodeMessage, type MessageFault } from "./app-message.ts";
import type { CallEvents, CallOptions } from "./call-events.ts";
import { type Caption, CaptionGate, OwnCaptions } from "./caption.ts";
import type { ChatEntry } from "./chat-entry.ts";
import { Conversation, type MessageRefusal } from "./conversation.ts";
import { SharedFiles } from "./files.ts";
import { encodeProof, Liveness, paceOf } from "./liveness.ts";
import type { LocalMedia } from "./local.ts";
import { moderates, type Roster } from "./participants.ts";
import { encodeStatus, type OwnDevice, type Status } from "./status.ts";

/** Several newcomers and changes within this time make one status message. */
const STATUS_DELAY_MS = 250;
/** Messages that are over go at most so much later: a timer stands still while the machine sleeps. */
const CLOCK_MS = 10_000;
/** How often it is looked who has been silent for too long, in milliseconds. */
const LOOK_MS = 5_000;

/** What the exchange asks and tells the call. */
export interface ExchangePorts {
  /** Sends a payload to all members; false when that is not possible now. */
  send(payload: string): boolean;
  clientId(): string;
  /** The epoch that this participant has, once it has one. */
  epoch(): number | undefined;
  /** The session's, while this participant is a member. */
  token(): SessionToken | undefined;
  roster(): Roster;
  local(): LocalMedia;
  nameOf(clientId: string): string | undefined;
  /** Somebody said how they stand. */
  told(from: string, status: Status): void;
  /** The roster, or what it says of oneself, may have changed. */
  changed(): void;
}

export class Exchange {
  /** The chat: texts, files, polls, and when they go. */
  readonly conversation: Conversation;
  /** Files on their way, and those that came. */
  readonly files: SharedFiles;
  readonly #events: Emitter<CallEvents>;
  readonly #ports: ExchangePorts;
  readonly #drops = new Map<MessageFault | MessageRefusal, number>();
  readonly #captionGate = new CaptionGate();
  readonly #liveness = new Liveness();
  #liveTimer: ReturnType<typeof setInterval> | undefined;
  #provedAt = Number.NEGATIVE_INFINITY;
  #captions: OwnCaptions | undefined;
  #recording = false;
  #interrupted: readonly OwnDevice[] = [];
  /** The own place in the queue of raised hands. */
  #hand: number | undefined;
  #statusTimer: ReturnType<typeof setTimeout> | undefined;
  #chatTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: CallOptions, events: Emitter<CallEvents>, ports: ExchangePorts) {
    this.#events = events;
    this.#ports = ports;
    this.conversation = new Conversation({
      send: (payload) => ports.send(payload),
      self: () => ({ clientId: ports.clientId(), name: options.name }),
      nameOf: (clientId) => ports.roster().displayName(clientId),
      now: () => Date.now(),
      chatChanged: (entries) => this.#chatChanged(entries),
      ruleChanged: (rule) => events.emit("rule", rule),
      reacted: (from, reaction) => events.emit("reaction", { from, reaction }),
    });
    this.files = new SharedFiles({
      server: {
        url: new URL(`/api/v1/rooms/${options.room}/files`, options.server).href,
        token: () => ports.token(),
      },
      offer: (offer, replyTo) => this.conversation.offer(offer, replyTo),
      ending: () => this.conversation.ending,
      changed: (view) => events.emit("files", view),
    });
  }

  /** Messages of others that were not taken, by reason. */
  get drops(): ReadonlyMap<MessageFault | MessageRefusal, number> {
    return this.#drops;
  }

  /** How this participant stands. */
  status(): Status {
    const { microphoneOn: microphone, cameraOn: camera, share } = this.#ports.local();
    return {
      microphone,
      camera,
      interrupted: this.#interrupted,
      ...(share.on && { screen: true }),
      recording: this.#recording,
      hand: this.#hand,
    };
  }

  /** Tells everybody how this participant stands. */
  tellStatusSoon(): void {
    clearTimeout(this.#statusTimer);
    this.#statusTimer = setTimeout(() => {
      this.#ports.send(encodeStatus(this.status()));
    }, STATUS_DELAY_MS);
  }

  setHand(raised: boolean): void {
    this.#hand = raised ? (this.#hand ?? this.#ports.roster().nextPlace()) : undefined;
    this.tellStatusSoon();
    this.#ports.changed();
  }

  setInterrupted(devices: readonly OwnDevice[]): void {
    if (devices.join() !== this.#interrupted.join()) {
      this.#interrupted = devices;
      this.tellStatusSoon();
    }
  }

  lowerHands(clientId: string | undefined): void {
    this.#ports.send(encodeMessage({ type: "lower_hands", clientId }));
    this.#ports.roster().lowerHands(clientId);
    this.#ports.changed();
  }

  setRecording(recording: boolean): boolean {
    if (recording && !this.#ports.send(encodeStatus({ ...this.status(), recording }))) {
      return false;
    }
    this.#recording = recording;
    this.tellStatusSoon();
    this.#ports.changed();
    return true;
  }

  startCaptions(): void {
    this.#captions ??= new OwnCaptions((payload) => this.#ports.send(payload));
  }

  addCaption(caption: Caption): void {
    this.#captions?.add(caption);
  }

  stopCaptions(): void {
    this.#captions?.close();
    this.#captions = undefined;
  }

  /** Takes what came from a member. */
  handle(from: string, payload: string): void {
    if (from === this.#ports.clientId()) {
      return;
    }
    const decoded = decodeMessage(payload);
    if ("fault" in decoded) {
      return this.#countDrop(decoded.fault);
    }
    const { message } = decoded;
    if (message.type === "status") {
      return this.#ports.told(from, message.status);
    }
    if (message.type === "alive") {
      const epoch = this.#ports.epoch();
      return epoch === undefined ? undefined : this.#liveness.handle(from, message.proof, epoch, Date.now());
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

  /** This participant is a member, again maybe: it proves from now on that it is there, and looks who else does. */
  handleAdmitted(): void {
    this.#liveness.restart(Date.now());
    this.#provedAt = Number.NEGATIVE_INFINITY;
    this.#liveTimer ??= setInterval(() => this.#look(), LOOK_MS);
    this.#look();
  }

  /** Takes who is in the group now, and forgets what was counted about those who left. */
  keepOnly(present: ReadonlySet<string>): void {
    const others = new Set(present);
    others.delete(this.#ports.clientId());
    this.#liveness.setMembers(others, Date.now());
    this.conversation.keepOnly(present);
    this.#captionGate.keepOnly(present);
  }

  /** The session is over, another may follow: what was to be told is told in that one. */
  handleSessionOver(): void {
    clearTimeout(this.#statusTimer);
    clearInterval(this.#liveTimer);
    this.#liveTimer = undefined;
  }

  close(): void {
    this.files.close();
    this.conversation.close();
    this.stopCaptions();
    clearInterval(this.#liveTimer);
    clearTimeout(this.#chatTimer);
    clearTimeout(this.#statusTimer);
  }

  /** Proves at its pace that this participant is there, and notes who has not done so for too long. */
  #look(): void {
    const now = Date.now();
    const epoch = this.#ports.epoch();
    const roster = this.#ports.roster();
    if (epoch !== undefined && now - this.#provedAt >= paceOf(roster.size)) {
      if (this.#ports.send(encodeProof({ epoch, at: now }))) {
        this.#provedAt = now;
      } else {
        // Without a connection nobody is heard.
        this.#liveness.restart(now);
      }
    }
    roster.setSilent(this.#liveness.silent(now));
    this.#ports.changed();
  }

  #handleLowerHands(from: string, clientId: string | undefined): void {
    if (!moderates(this.#ports.roster().roleOf(from))) {
      return this.#countDrop("not_host");
    }
    this.#ports.roster().lowerHands(clientId);
    if (this.#hand !== undefined && (clientId === undefined || clientId === this.#ports.clientId())) {
      this.setHand(false);
      this.#events.emit("hand-lowered", this.#ports.nameOf(from) ?? "");
    }
    this.#ports.changed();
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
    this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + 1);
  }
}
