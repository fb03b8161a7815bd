// The call as signals: copies what the SDK reports and turns changes into things to say.

import { batch, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type {
  CallState,
  ChangeLogEntry,
  EndReason,
  MeetingLink,
  Participant,
  Reaction,
  TileView,
} from "../../index.ts";
import type { Device, Devices } from "../devices/device-list.ts";
import { failureWords } from "../devices/failure.ts";
import { recall } from "../devices/memory.ts";
import { suppressesNoise } from "../devices/noise.ts";
import type { DeviceKind } from "../devices/problem.ts";
import type { CallPort } from "../port.ts";
import { text } from "../text.ts";
import { CaptionsModel } from "./captions.ts";
import { Interruptions } from "./interruption.ts";
import { ModerationModel } from "./moderation.ts";
import { nameOf } from "./name.ts";
import type { Notice } from "./notice.ts";
import { type Counts, countsOf, type Quality, qualityOf } from "./quality.ts";
import { RecordingModel } from "./recording.ts";
import { Sharing, sharedBetween } from "./sharing.ts";
import { raisedBetween, Talk } from "./talk.ts";
import { type Traffic, trafficOf } from "./traffic.ts";
import { TrustModel } from "./trust.ts";
import { type Layout, type PictureMode, shareId, View } from "./view.ts";

/** What the panel beside the grid shows. */
export type PanelName = "chat" | "connection" | "host" | "participants" | "security" | "settings";

/** What was picked before joining; a device without a track was off. */
export interface PickedDevices {
  readonly microphone?: MediaStreamTrack | undefined;
  readonly camera?: MediaStreamTrack | undefined;
  readonly microphoneId: string;
  readonly cameraId: string;
  readonly speakerId: string;
}

/** The security of the call as a whole, for the badge. */
export type CallSecurity =
  | { readonly kind: "secure" }
  | { readonly kind: "checking" }
  | { readonly kind: "failed"; readonly count: number };

/** How often the connection is measured, in milliseconds. */
const QUALITY_EVERY_MS = 3_000;

/** Height of the picture in the small window, in device pixels. */
const PIP_PICTURE_HEIGHT = 240;

/** Most height of a picture that is asked for, in device pixels. */
const MOST_HEIGHT: Readonly<Record<PictureMode, number>> = { all: Number.POSITIVE_INFINITY, small: 180, none: 0 };

/** One call on the screen. */
export class CallModel {
  readonly link: MeetingLink;
  readonly #call: CallPort;
  readonly #state = signal<CallState>("idle");
  readonly #people = signal<readonly Participant[]>([]);
  readonly #code = signal<string | undefined>(undefined);
  readonly #epoch = signal<number | undefined>(undefined);
  readonly #suite = signal<string | undefined>(undefined);
  readonly #log = signal<readonly ChangeLogEntry[]>([]);
  readonly #notice = signal<Notice | undefined>(undefined);
  readonly #ended = signal<EndReason | undefined>(undefined);
  readonly #unsubscribe: readonly (() => void)[];
  /** Devices that were off on joining: the call has not yet been told which one was picked. */
  readonly #unopened: Set<DeviceKind>;
  readonly #talking = signal(false);
  readonly #pipOpen = signal(false);
  readonly #quality = signal<Quality | undefined>(undefined);
  readonly #traffic = signal<Traffic | undefined>(undefined);
  #counts: Counts | undefined;
  #devices: Devices | undefined;
  readonly #qualityTimer = setInterval(() => void this.#measure(), QUALITY_EVERY_MS);
  #lastTalk: Promise<void> = Promise.resolve();
  #tiles: readonly TileView[] = [];
  #noticeNumber = 0;

  /** The chat, the reactions and the hands. */
  readonly talk: Talk;
  /** What the hosts decided, and deciding it. */
  readonly moderation: ModerationModel;
  /** Sharing the own screen. */
  readonly sharing: Sharing;
  /** What is said, in writing. */
  readonly captions: CaptionsModel;
  /** The own recording. */
  readonly recording: RecordingModel;
  /** Who was verified, and whether others know this device again. */
  readonly trust = new TrustModel((message, tone) => this.announce(message, tone));
  /** Own devices that the system gave to something else for a while. */
  readonly interruptions = new Interruptions(
    (kind) => void this.replace(kind, this.#picked(kind).peek()),
    globalThis.document,
  );
  /** How this person looks at the call. */
  readonly view = new View();
  /** The list of shortcuts is open. Its button and its own close button write it. */
  readonly helpOpen = signal(false);
  /** Keys without Ctrl work. The settings write it. */
  readonly singleKeys = signal(recall("singleKeys") !== "off");

  /** The open panel. The panels' buttons write it. */
  readonly panel = signal<PanelName | undefined>(undefined);
  /** The picked devices, for the Settings panel; "" is the system's default. */
  readonly microphoneId: Signal<string>;
  readonly cameraId: Signal<string>;
  readonly speakerId: Signal<string>;
  /** The browser holds sound back until a click. The audio elements write it. */
  readonly audioBlocked = signal(false);

  constructor(call: CallPort, link: MeetingLink, picked: PickedDevices) {
    this.#call = call;
    this.link = link;
    this.microphoneId = signal(picked.microphoneId);
    this.cameraId = signal(picked.cameraId);
    this.speakerId = signal(picked.speakerId);
    this.#unopened = new Set([
      ...(picked.microphone === undefined ? (["microphone"] as const) : []),
      ...(picked.camera === undefined ? (["camera"] as const) : []),
    ]);
    this.talk = new Talk(call, (message, tone) => this.announce(message, tone));
    this.sharing = new Sharing(call, (message, tone) => this.announce(message, tone));
    this.moderation = new ModerationModel(
      call,
      (message, tone) => this.announce(message, tone),
      () => this.panel.peek() !== undefined,
    );
    this.recording = new RecordingModel(call, this.#people, this.moderation.mayRecord, (message, tone) =>
      this.announce(message, tone),
    );
    this.captions = new CaptionsModel(call, this.#people, (message, tone) => this.announce(message, tone));
    this.#unsubscribe = [
      () => this.captions.close(),
      () => this.interruptions.close(),
      this.interruptions.kinds.subscribe((kinds) => this.#sayInterrupted(kinds)),
      () => this.recording.close(),
      () => this.talk.close(),
      () => this.moderation.close(),
      () => clearInterval(this.#qualityTimer),
      call.on("state", () => this.#readState()),
      call.on("participants", () => this.#readPeople()),
      call.on("device-ended", (kind) => this.#handleDeviceEnded(kind)),
      call.on("code", () => this.#readCode()),
      call.on("log", () => {
        this.#log.value = [...call.log];
      }),
    ];
    this.#readState();
    this.#readPeople();
    this.#readCode();
    this.#log.value = [...call.log];
  }

  /** Goes into the call; the end, also a failed start, shows in `ended`. */
  async join(): Promise<void> {
    try {
      await this.#call.join();
    } catch {
      this.#ended.value ??= this.#call.endReason ?? "failed";
    }
  }

  /** Leaves for good. */
  leave(): void {
    this.recording.close();
    void this.#call.leave().catch(() => undefined);
    this.#ended.value ??= "left";
  }

  /** Lets go of the SDK's events. */
  close(): void {
    for (const stop of this.#unsubscribe) {
      stop();
    }
  }

  /** How large each picture is on the screen. */
  setTiles(tiles: readonly TileView[]): void {
    this.#tiles = tiles;
    this.#tellTiles();
  }

  /** The small window opened or closed. */
  setPip(open: boolean): void {
    this.#pipOpen.value = open;
    this.#tellTiles();
  }

  /** Asks for the pictures of the others in another size, or not at all. */
  setPictures(mode: PictureMode): void {
    this.view.pictures.value = mode;
    this.#tellTiles();
  }

  /** Shows somebody large whoever speaks, or not any more. */
  pin(person: Participant, pinned: boolean): void {
    this.view.pinned.value = pinned ? person.clientId : undefined;
    this.announce((pinned ? text.view.pinned : text.view.unpinned)(nameOf(person)));
  }

  /** Shows somebody's shared screen alone as the large one, or not any more. */
  pinShare(person: Participant, pinned: boolean): void {
    this.view.pinned.value = pinned ? shareId(person.clientId) : undefined;
    this.announce((pinned ? text.view.pinned : text.view.unpinned)(text.share.of(nameOf(person))));
  }

  /** Begins or ends to share the own screen. Must run in a click or on a key. */
  async toggleShare(): Promise<void> {
    await (this.self?.share === undefined ? this.sharing.start() : this.sharing.stop());
  }

  /** Shows the people in this way. */
  show(layout: Layout): void {
    batch(() => {
      this.view.layout.value = layout;
      this.view.page.value = 0;
      if (layout === "grid") {
        this.view.pinned.value = undefined;
      }
    });
    this.announce(layout === "grid" ? text.view.grid : text.view.speaker);
  }

  /** Turns to another page of people. */
  turnTo(page: number, pages: number): void {
    if (page !== this.view.page.value) {
      this.view.page.value = page;
      this.announce(text.view.page(page + 1, pages));
    }
  }

  react(reaction: Reaction): void {
    this.talk.react(reaction);
  }

  /** What somebody is called who is in the call, or was. */
  nameOf(clientId: string): string {
    const person = this.#people.value.find((known) => known.clientId === clientId);
    const written = this.talk.entries.value.find((entry) => entry.from === clientId);
    return nameOf(person ?? { name: written?.name ?? "" });
  }

  /** Raises the own hand, or lowers it. */
  toggleHand(): void {
    const raised = this.self?.hand === undefined;
    this.#call.setHand(raised);
    this.announce(raised ? text.hands.selfRaised : text.hands.selfLowered);
  }

  /** Opens the microphone for as long as a key is held, if it was muted. */
  holdToTalk(talking: boolean): void {
    if (talking === this.#talking.value || (talking && this.self?.microphone.on !== false)) {
      return;
    }
    this.#talking.value = talking;
    // One after the other: a key that is let go at once must not leave the microphone open.
    this.#lastTalk = this.#lastTalk.then(() => this.#turn("microphone", talking));
  }

  async toggle(kind: DeviceKind): Promise<void> {
    await this.#turn(kind, !(this.self?.[kind].on ?? false));
  }

  async replace(kind: DeviceKind, deviceId: string): Promise<void> {
    this.#unopened.delete(kind);
    try {
      await this.#replace(kind, deviceId);
      this.#picked(kind).value = deviceId;
    } catch (error) {
      this.announce(failureWords(kind, error), "problem");
    }
  }

  /** Does to the camera what was chosen about the background. */
  async followBackground(): Promise<void> {
    if (this.self?.camera.on === true) {
      await this.replace("camera", this.cameraId.value);
    }
  }

  /** Does to the microphone what was chosen about noise. */
  async followNoise(): Promise<void> {
    try {
      await this.#call.setNoiseSuppression(suppressesNoise.peek());
    } catch (error) {
      this.announce(failureWords("microphone", error), "problem");
    }
  }

  /** Goes on with another device when the picked one was unplugged. */
  followDevices(devices: Devices): void {
    this.#devices = devices;
    this.#follow("microphone", devices.microphones);
    this.#follow("camera", devices.cameras);
  }

  /** Shows a message for a moment and has it read aloud. */
  announce(message: string, tone: Notice["tone"] = "info"): void {
    this.#noticeNumber += 1;
    this.#notice.value = { message, tone, number: this.#noticeNumber };
  }

  /** Takes the message away, unless a newer one stands there. */
  dismiss(number: number): void {
    if (this.#notice.value?.number === number) {
      this.#notice.value = undefined;
    }
  }

  get state(): ReadonlySignal<CallState> {
    return this.#state;
  }

  /** The people of the call; oneself comes last. */
  get people(): ReadonlySignal<readonly Participant[]> {
    return this.#people;
  }

  get code(): ReadonlySignal<string | undefined> {
    return this.#code;
  }

  get epoch(): ReadonlySignal<number | undefined> {
    return this.#epoch;
  }

  get suite(): ReadonlySignal<string | undefined> {
    return this.#suite;
  }

  get log(): ReadonlySignal<readonly ChangeLogEntry[]> {
    return this.#log;
  }

  /** The microphone is open for as long as a key is held. */
  get talking(): ReadonlySignal<boolean> {
    return this.#talking;
  }

  /** How good the connection is; `undefined` until it was measured twice. */
  get quality(): ReadonlySignal<Quality | undefined> {
    return this.#quality;
  }

  /** What the server can count of the own media; `undefined` while nothing is measured. */
  get traffic(): ReadonlySignal<Traffic | undefined> {
    return this.#traffic;
  }

  get pipOpen(): ReadonlySignal<boolean> {
    return this.#pipOpen;
  }

  get notice(): ReadonlySignal<Notice | undefined> {
    return this.#notice;
  }

  /** Why the call is over, once it is. */
  /** The receipt of a burnt room. */
  get receipt(): string | undefined {
    return this.#call.receipt;
  }

  get ended(): ReadonlySignal<EndReason | undefined> {
    return this.#ended;
  }

  get self(): Participant | undefined {
    return this.#people.value.find((person) => person.isSelf);
  }

  async #measure(): Promise<void> {
    const report = this.#call.state === "in-call" ? await this.#call.stats().catch(() => undefined) : undefined;
    if (report === undefined) {
      this.#counts = undefined;
      this.#quality.value = undefined;
      this.#traffic.value = undefined;
      return;
    }
    const stats = [...report.values()];
    const counts = countsOf(stats, performance.now());
    this.#quality.value = this.#counts === undefined ? undefined : qualityOf(this.#counts, counts, stats);
    this.#counts = counts;
    this.#traffic.value = trafficOf(stats);
  }

  /** While the small window is open, every picture is asked for at its size: it changes with the speaker. */
  #tellTiles(): void {
    const least = this.#pipOpen.value ? PIP_PICTURE_HEIGHT : 0;
    const most = MOST_HEIGHT[this.view.pictures.value];
    this.#call.setTiles(
      this.#tiles.map(({ height, ...picture }) => ({ ...picture, height: Math.min(most, Math.max(height, least)) })),
    );
  }

  /** The system's default was unplugged: whatever is the default now; or a device that is still there was taken away. */
  #handleDeviceEnded(kind: DeviceKind): void {
    const picked = this.#picked(kind).peek();
    const known = kind === "microphone" ? this.#devices?.microphones : this.#devices?.cameras;
    if (picked === "" || known?.some((device) => device.id === picked) === true) {
      void this.#reopen(kind, picked);
    }
  }

  async #reopen(kind: DeviceKind, deviceId: string): Promise<void> {
    try {
      await this.#replace(kind, deviceId);
    } catch (error) {
      // A phone call may have it until the person is back.
      this.interruptions.lose(kind);
      this.announce(failureWords(kind, error), "problem");
    }
  }

  #sayInterrupted(kinds: ReadonlySet<DeviceKind>): void {
    this.#call.setInterrupted([...kinds]);
    const [kind] = kinds;
    if (kind !== undefined) {
      this.announce(text.interruption[kinds.size > 1 ? "both" : kind], "problem");
    }
  }

  #follow(kind: DeviceKind, devices: readonly Device[]): void {
    const picked = this.#picked(kind);
    const [other] = devices;
    if (other === undefined || picked.peek() === "" || devices.some((device) => device.id === picked.peek())) {
      return;
    }
    if (this.#unopened.has(kind)) {
      picked.value = "";
    } else {
      void this.replace(kind, other.id);
    }
  }

  async #turn(kind: DeviceKind, on: boolean): Promise<void> {
    if (on && !this.moderation.decided.value.permitted.includes(kind)) {
      this.announce(text.moderation.notAllowed[kind], "problem");
      return;
    }
    this.interruptions.forget(kind);
    try {
      if (on) {
        await this.#openPicked(kind);
      }
      await (kind === "microphone" ? this.#call.setMicrophone(on) : this.#call.setCamera(on));
    } catch (error) {
      this.announce(failureWords(kind, error), "problem");
    }
  }

  #picked(kind: DeviceKind): Signal<string> {
    return kind === "microphone" ? this.microphoneId : this.cameraId;
  }

  async #openPicked(kind: DeviceKind): Promise<void> {
    const deviceId = this.#picked(kind).peek();
    if (this.#unopened.delete(kind) && deviceId !== "") {
      await this.#replace(kind, deviceId);
    }
  }

  #replace(kind: DeviceKind, deviceId: string): Promise<void> {
    return kind === "microphone" ? this.#call.replaceMicrophone(deviceId) : this.#call.replaceCamera(deviceId);
  }

  #readState(): void {
    const before = this.#state.value;
    const now = this.#call.state;
    batch(() => {
      this.#state.value = now;
      if (now === "ended") {
        this.recording.close();
        this.captions.stopOwn();
        this.#ended.value ??= this.#call.endReason ?? "failed";
      }
    });
    if (before === "reconnecting" && now === "in-call") {
      this.announce(text.call.recovered);
    }
  }

  #readPeople(): void {
    const before = this.#people.value;
    const now = [...this.#call.participants.values()];
    now.sort((a, b) => Number(a.isSelf) - Number(b.isSelf));
    batch(() => {
      this.#people.value = now;
      this.view.follow(now);
    });
    this.trust.follow(now);
    this.interruptions.follow(now.find(({ isSelf }) => isSelf));
    // The suite becomes known with the roster.
    this.#readCode();
    const inCall = this.#call.state === "in-call" && before.some((person) => person.isSelf);
    if (!inCall) {
      return;
    }
    const news = [
      describeChange(before, now),
      ...raisedBetween(before, now).map((person) => text.hands.raised(nameOf(person))),
      ...sharedBetween(before, now, this.moderation.decided.value.permitted.includes("screen_video")),
    ].filter((part) => part !== undefined);
    if (news.length > 0) {
      this.announce(news.join(". "));
    }
  }

  #readCode(): void {
    batch(() => {
      this.#code.value = this.#call.code;
      this.#epoch.value = this.#call.epoch;
      this.#suite.value = this.#call.suite;
    });
  }
}

/** Who came or went between two rosters, in one sentence; `undefined` when nobody did. */
export function describeChange(before: readonly Participant[], now: readonly Participant[]): string | undefined {
  const joined = now.filter((person) => !person.isSelf && !before.some((old) => old.clientId === person.clientId));
  const left = before.filter((old) => !old.isSelf && !now.some((person) => person.clientId === old.clientId));
  const sentences = [
    sentence(joined, text.call.joined, text.call.joinedMany),
    sentence(left, text.call.left, text.call.leftMany),
  ].filter((part) => part !== undefined);
  return sentences.length === 0 ? undefined : sentences.join(". ");
}

/** How secure the call is as a whole. */
export function securityOf(people: readonly Participant[]): CallSecurity {
  const failed = people.filter((person) => person.crypto.state === "failed").length;
  if (failed > 0) {
    return { kind: "failed", count: failed };
  }
  return people.length > 0 && people.every((person) => person.crypto.state === "secure")
    ? { kind: "secure" }
    : { kind: "checking" };
}

function sentence(
  people: readonly Participant[],
  one: (name: string) => string,
  many: (count: number) => string,
): string | undefined {
  const [first] = people;
  if (first === undefined) {
    return undefined;
  }
  return people.length === 1 ? one(nameOf(first)) : many(people.length);
}
