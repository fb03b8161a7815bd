// A made-up SDK for the gallery: people with painted pictures, and every state of a call on demand.

import { encodeBase64Url } from "../src/base/bytes.ts";
import { Emitter } from "../src/base/emitter.ts";
import type { TalkMessage } from "../src/call/app-message.ts";
import { Conversation } from "../src/call/conversation.ts";
import type {
  CallEvents,
  CallOptions,
  CallState,
  ChangeLogEntry,
  CryptoReason,
  CryptoState,
  Decision,
  EndReason,
  Feature,
  Fetched,
  FilesView,
  MeetingLink,
  Moderation,
  NewMeeting,
  Participant,
  PathResult,
  Reaction,
  Waiting,
} from "../src/index.ts";
import { OPEN_TERMS } from "../src/index.ts";
import type { CallEventName, CallPort, SdkPort } from "../src/ui/port.ts";

/** What the gallery's address asks for. */
export interface Wishes {
  /** How many others are in the call. */
  readonly others: number;
  readonly state: CallState;
  readonly missing: readonly Feature[];
}

const NAMES = [
  "Amara Okafor",
  "Björn",
  "Chiyo Tanaka",
  "Dolores Ibárruri Gómez de la Vega y Montenegro",
  "Emil Novák",
  "Fatima Zahra",
  "Grace Hopper",
  "Hedy Lamarr",
  "李小龍",
  "Ida Rhodes",
];
const ALL = ["microphone", "camera", "screen_video", "screen_audio"] as const;
const SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const ROOM = "Zm9vYmFyYmF6cXV4MTIzNA";

/** The SDK of the gallery. */
export class FakeSdk implements SdkPort {
  readonly #wishes: Wishes;

  constructor(wishes: Wishes) {
    this.#wishes = wishes;
  }

  createMeeting(): Promise<NewMeeting> {
    return Promise.resolve({ link: linkOf(`${location.origin}/r/${ROOM}#${SECRET}`), hostSeed: undefined });
  }

  parseLink(href: string): MeetingLink | undefined {
    return /\/r\/[\w-]{22}#[\w-]{43}$/u.test(href) ? linkOf(href) : undefined;
  }

  missingFeatures(): readonly Feature[] {
    return this.#wishes.missing;
  }

  reachServer(): Promise<number | undefined> {
    return Promise.resolve(23);
  }

  /** A network that lets only TCP through. */
  tryPath(_room: string, protocol: "udp" | "tcp"): Promise<PathResult> {
    return Promise.resolve(protocol === "tcp" ? { open: true, roundTripMs: 31 } : { open: false, why: "closed" });
  }

  openCall(options: Omit<CallOptions, "server">): CallPort {
    return new FakeCall(options, this.#wishes);
  }
}

class FakeCall implements CallPort {
  state: CallState = "idle";
  endReason: EndReason | undefined;
  receipt: string | undefined;
  participants = new Map<string, Participant>();
  code: string | undefined = "48213 90177 52846 10395 77402 61958";
  epoch = 14;
  suite = "post_quantum" as const;
  moderation: Moderation = {
    role: "host",
    permitted: ALL,
    sources: ALL,
    locked: false,
    lobby: false,
    recording: true,
    ...OPEN_TERMS,
  };
  log: ChangeLogEntry[] = [];
  readonly #events = new Emitter<CallEvents>();
  readonly #options: Omit<CallOptions, "server">;
  readonly #wishes: Wishes;
  readonly conversation = new Conversation({
    send: () => this.state === "in-call",
    self: () => ({ clientId: "self", name: this.#options.name }),
    nameOf: (clientId) => this.participants.get(clientId)?.name,
    now: () => Date.now(),
    chatChanged: (entries) => this.#events.emit("chat", entries),
    ruleChanged: (rule) => this.#events.emit("rule", rule),
    reacted: (from, reaction) => this.#events.emit("reaction", { from, reaction }),
  });

  /** Files as they are while they move, without a server. */
  readonly files = {
    view: { uploads: [], fetched: new Map() } as FilesView,
    share: () => true,
    cancelUpload: () => undefined,
    fetch: () => Promise.resolve(),
    cancelFetch: () => undefined,
    letGo: () => undefined,
  };

  constructor(options: Omit<CallOptions, "server">, wishes: Wishes) {
    this.#options = options;
    this.#wishes = wishes;
    // The gallery's pages and the screenshots drive the call from outside.
    Object.assign(window, { fakeCall: this });
  }

  async join(): Promise<void> {
    const { camera, microphone, name } = this.#options;
    this.#set({
      clientId: "self",
      name,
      isSelf: true,
      role: "host",
      identity: { key: keyOf(200), remembered: true },
      permitted: ALL,
      crypto: { state: "secure", reason: "sending" },
      microphone: { on: microphone !== undefined },
      camera: { on: camera !== undefined },
      speaking: false,
      recording: false,
      unheard: false,
      video: camera === undefined ? undefined : new MediaStream([camera]),
    });
    for (let index = 0; index < this.#wishes.others; index += 1) {
      this.add(index);
    }
    this.log = [
      { at: Date.now() - 300_000, kind: "joined", name: "Björn", by: "Amara Okafor", epoch: 12 },
      { at: Date.now() - 120_000, kind: "left", by: "Björn", epoch: 13 },
      { at: Date.now() - 60_000, kind: "keys", by: "Amara Okafor", epoch: 13 },
      { at: Date.now() - 20_000, kind: "joined", name, by: "Björn", epoch: 14 },
    ];
    this.go(this.#wishes.state);
  }

  /** Changes where the call stands. */
  go(state: CallState, reason?: EndReason): void {
    this.state = state;
    this.endReason = reason;
    this.#events.emit("state", state);
    this.#events.emit("participants", this.participants);
    this.#events.emit("code", this.code);
    this.#events.emit("log", this.log);
  }

  /** Lets the person with this number come in. */
  add(index: number): void {
    const crypto: Record<number, { state: CryptoState; reason: CryptoReason }> = {
      2: { state: "waiting", reason: "first_frame" },
      5: { state: "failed", reason: "auth_fail" },
    };
    const cameraOn = index % 3 !== 1;
    this.#set({
      clientId: `person-${index}`,
      name: NAMES[index % NAMES.length] ?? "",
      isSelf: false,
      role: index === 0 ? "co_host" : index === 4 ? "viewer" : "member",
      identity: { key: keyOf(index), remembered: index % 3 !== 1 },
      permitted: index === 4 ? [] : index === 3 ? ["camera", "screen_video", "screen_audio"] : ALL,
      crypto: crypto[index] ?? { state: "secure", reason: "receiving" },
      microphone: { on: index % 4 !== 3 },
      camera: { on: cameraOn },
      speaking: index === 0,
      recording: false,
      unheard: index === 2,
      video: cameraOn && crypto[index] === undefined ? paintedPerson(index) : undefined,
    });
    this.#events.emit("participants", this.participants);
  }

  leave(): Promise<void> {
    this.go("ended", "left");
    return Promise.resolve();
  }

  setMicrophone(on: boolean): Promise<void> {
    return this.#changeSelf({ microphone: { on } });
  }

  setCamera(on: boolean): Promise<void> {
    return this.#changeSelf({ camera: { on } });
  }

  setTiles(): void {}

  setNoiseSuppression(): Promise<void> {
    return Promise.resolve();
  }

  startShare(): Promise<void> {
    return this.#changeSelf({ share: { crypto: { state: "secure", reason: "sending" }, video: paintedScreen(9) } });
  }

  stopShare(): Promise<void> {
    return this.#changeSelf({ share: undefined });
  }

  setShareContent(): void {}

  /** Lets these people share their screens; the last one's picture is not there yet. */
  share(indices: readonly number[]): void {
    for (const [place, index] of indices.entries()) {
      const person = this.participants.get(`person-${index}`);
      if (person !== undefined) {
        const isHere = place === 0 || place < indices.length - 1;
        const crypto = isHere
          ? ({ state: "secure", reason: "receiving" } as const)
          : ({ state: "waiting", reason: "first_frame" } as const);
        this.#set({ ...person, share: { crypto, video: isHere ? paintedScreen(index) : undefined } });
      }
    }
    this.#events.emit("participants", new Map(this.participants));
  }

  replaceMicrophone(): Promise<void> {
    return Promise.resolve();
  }

  replaceCamera(): Promise<void> {
    return Promise.resolve();
  }

  /** A line that loses a tenth of what comes. */
  stats(): Promise<RTCStatsReport> {
    const packets = Math.round(performance.now());
    return Promise.resolve(
      new Map<string, object>([
        [
          "in",
          { type: "inbound-rtp", packetsReceived: packets * 9, packetsLost: packets, bytesReceived: packets * 4_000 },
        ],
        ["out", { type: "outbound-rtp", kind: "video", packetsSent: packets, bytesSent: packets * 300 }],
        ["path", { type: "candidate-pair", nominated: true, localCandidateId: "here", currentRoundTripTime: 0.042 }],
        ["here", { type: "local-candidate", id: "here", protocol: "udp", address: "192.0.2.7" }],
      ]),
    );
  }

  /** Decides it at once: there is nobody to ask. */
  decide(decision: Decision): Promise<void> {
    const change = (clientId: string, what: Partial<Participant>) => {
      const person = this.participants.get(clientId);
      if (person !== undefined) {
        this.#set({ ...person, ...what });
      }
    };
    switch (decision.decide) {
      case "role":
        change(decision.client_id, { role: decision.role, permitted: decision.role === "viewer" ? [] : ALL });
        break;
      case "stop":
        change(decision.client_id, { permitted: ALL.filter((source) => !decision.stopped.includes(source)) });
        break;
      case "sources":
        this.moderation = { ...this.moderation, sources: decision.sources };
        break;
      case "lock":
        this.moderation = { ...this.moderation, locked: decision.locked };
        break;
      case "lobby":
        this.moderation = { ...this.moderation, lobby: decision.lobby };
        break;
      case "recording":
        this.moderation = { ...this.moderation, recording: decision.recording };
        break;
      case "link":
        this.moderation = { ...this.moderation, link: decision.link, used: 2 };
        break;
      case "admit":
      case "deny":
        this.knock(this.waiting.filter((person) => person.client_id !== decision.client_id));
        break;
      case "remove":
        this.participants.delete(decision.client_id);
        break;
      case "end":
        this.go("ended", "ended");
        break;
    }
    this.#events.emit("participants", new Map(this.participants));
    this.#events.emit("moderation", this.moderation);
    return Promise.resolve();
  }

  waiting: readonly Waiting[] = [];

  /** Lets these people wait in the lobby. */
  knock(waiting: readonly Waiting[]): void {
    this.waiting = waiting;
    this.#events.emit("waiting", waiting);
  }

  lowerHands(clientId?: string): void {
    for (const person of this.participants.values()) {
      if (clientId === undefined || person.clientId === clientId) {
        this.#set({ ...person, hand: undefined });
      }
    }
    this.#events.emit("participants", this.participants);
  }

  get chat() {
    return this.conversation.entries;
  }

  say(words: string, replyTo?: string) {
    return this.conversation.say(words, replyTo);
  }

  editMessage(id: string, words: string) {
    return this.conversation.edit(id, words);
  }

  react(reaction: Reaction) {
    return this.conversation.react(reaction);
  }

  startCaptions(): void {}

  addCaption(): void {}

  stopCaptions(): void {}

  /** Lets two people say something that their devices write down. */
  caption(): void {
    const say = (index: number, words: string, final: boolean) =>
      this.#events.emit("caption", { from: `person-${index}`, caption: { text: words, final } });
    say(0, "Good morning everybody, shall we begin with the figures of last week?", true);
    say(1, "مرحبا بالجميع، أنا مستعد", true);
    say(0, "Then I share", false);
  }

  setRecording(recording: boolean): boolean {
    void this.#changeSelf({ recording });
    return true;
  }

  /** Lets these people record. */
  record(...indexes: readonly number[]): void {
    for (const index of indexes) {
      const person = this.participants.get(`person-${index}`);
      if (person !== undefined) {
        this.#set({ ...person, recording: true });
      }
    }
    this.#events.emit("participants", this.participants);
  }

  /** Lets the server have no room for these people's pictures. */
  pause(...indexes: readonly number[]): void {
    for (const index of indexes) {
      const person = this.participants.get(`person-${index}`);
      if (person !== undefined) {
        this.#set({ ...person, paused: "downlink" });
      }
    }
    this.#events.emit("participants", this.participants);
  }

  setInterrupted(): void {
    // Nobody else is there to be told.
  }

  /** Lets the system take this person's camera. */
  interrupt(index: number): void {
    const person = this.participants.get(`person-${index}`);
    if (person !== undefined) {
      this.#set({ ...person, camera: { on: true, interrupted: true } });
    }
    this.#events.emit("participants", this.participants);
  }

  setHand(raised: boolean): void {
    void this.#changeSelf({ hand: raised ? 3 : undefined });
  }

  /** Lets the others write, raise hands and react. */
  chatter(): void {
    const [ana, bo, chi] = ["AAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAC"] as const;
    const say = (from: number, id: string, words: string, replyTo?: string) =>
      this.conversation.handle(`person-${from}`, { type: "chat", id, text: words, replyTo });
    say(0, ana, "Good morning! The agenda is at https://example.org/agenda?week=47.");
    say(0, "AAAAAAAAAAAAAAAD", "Shall we begin?");
    say(1, bo, "Two minutes, please 🙏", "AAAAAAAAAAAAAAAD");
    this.say("Of course. I have <b>three</b> points.");
    say(2, chi, "مرحبا بالجميع", "AAAAAAAAAAAAAAAZ");
    this.conversation.handle("person-0", { type: "edit", id: "AAAAAAAAAAAAAAAD", text: "Shall we begin at ten?" });
    this.conversation.keepOnly(new Set(this.participants.keys()));
    this.conversation.handle("person-0", { type: "read", ids: [this.chat.find((entry) => entry.isSelf)?.id ?? ana] });
    for (const [place, index] of [1, 0].entries()) {
      const person = this.participants.get(`person-${index}`);
      if (person !== undefined) {
        this.#set({ ...person, hand: place + 1 });
      }
    }
    this.#events.emit("participants", this.participants);
    this.#events.emit("reaction", { from: "person-0", reaction: "applause" });
  }

  /** Lets the others share a picture and a file, ask, and answer; a file of one's own is on its way and another failed. */
  async exchange(): Promise<void> {
    const [picture, plan, poll] = ["BBBBBBBBBBBBBBBB", "BBBBBBBBBBBBBBBC", "BBBBBBBBBBBBBBBD"] as const;
    const offer = { file: "AAECAwQFBgcICQoLDA0ODw", key: SECRET };
    const say = (from: number, message: TalkMessage) => this.conversation.handle(`person-${from}`, message);
    this.conversation.setRule({ lifetime: 3_600, burn: false });
    say(0, { type: "file", id: picture, offer: { ...offer, name: "Garten.png", mime: "image/png", bytes: 48_213 } });
    say(2, {
      type: "file",
      id: plan,
      offer: { ...offer, name: "خطة 2026.pdf", mime: "application/pdf", bytes: 83_000_000 },
    });
    const options = ["Monday at ten", "Tuesday at four", "الأربعاء"];
    say(1, { type: "poll", id: poll, question: { question: "When do we meet again?", options, multiple: false } });
    say(0, { type: "vote", id: poll, choices: [1] });
    say(2, { type: "vote", id: poll, choices: [2] });
    this.conversation.vote(poll, [1]);
    this.conversation.wish = { burn: true };
    this.say("This one is only for now.");
    const canvas = document.createElement("canvas");
    canvas.width = 320;
    canvas.height = 180;
    const paint = canvas.getContext("2d");
    if (paint !== null) {
      paint.fillStyle = "#3b7a57";
      paint.fillRect(0, 0, 320, 180);
      paint.fillStyle = "#f4c430";
      paint.fillRect(120, 50, 80, 80);
    }
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve));
    this.files.view = {
      uploads: [
        { id: "1", name: "Urlaub.mp4", bytes: 180_000_000, sent: 61_000_000 },
        { id: "2", name: "archive.zip", bytes: 900_000_000, sent: 0, problem: "too_large", limit: 209_715_200 },
      ],
      fetched: new Map<string, Fetched>([
        ...(blob === null ? [] : [[picture, { state: "here", blob }] as const]),
        [plan, { state: "loading", received: 21_000_000 }],
      ]),
    };
    this.#events.emit("files", this.files.view);
  }

  on<Name extends CallEventName>(event: Name, handler: (value: CallEvents[Name]) => void): () => void {
    return this.#events.on(event, handler);
  }

  #changeSelf(change: Partial<Participant>): Promise<void> {
    const self = this.participants.get("self");
    if (self !== undefined) {
      this.#set({ ...self, ...change });
    }
    this.#events.emit("participants", this.participants);
    return Promise.resolve();
  }

  #set(person: Participant): void {
    this.participants.set(person.clientId, person);
  }
}

/** A made-up long-term key. */
function keyOf(index: number): string {
  return encodeBase64Url(new Uint8Array(32).fill(index));
}

function linkOf(href: string): MeetingLink {
  return { room: ROOM, secret: SECRET, lobby: false, passcode: location.search.includes("passcode"), href };
}

/** A picture of a window full of text. */
function paintedScreen(index: number): MediaStream {
  const canvas = document.createElement("canvas");
  canvas.width = 1280;
  canvas.height = 800;
  const paint = canvas.getContext("2d");
  const draw = () => {
    if (paint === null) {
      return;
    }
    paint.fillStyle = "#fdfcf7";
    paint.fillRect(0, 0, 1280, 800);
    paint.fillStyle = `hsl(${(index * 67 + 200) % 360} 40% 30%)`;
    paint.fillRect(0, 0, 1280, 60);
    paint.fillStyle = "#22303c";
    for (let line = 0; line < 18; line += 1) {
      paint.fillRect(90, 110 + line * 36, 400 + ((line * 173 + index * 91) % 620), 12);
    }
  };
  draw();
  setInterval(draw, 1_000);
  return canvas.captureStream(5);
}

/** A picture, moving unless the person wants less motion, that looks a little like somebody in front of a wall. */
function paintedPerson(index: number): MediaStream {
  const canvas = document.createElement("canvas");
  canvas.width = 640;
  canvas.height = 360;
  const paint = canvas.getContext("2d");
  let step = index * 20;
  const draw = () => {
    step += 1;
    if (paint === null) {
      return;
    }
    const hue = (index * 67) % 360;
    const wall = paint.createLinearGradient(0, 0, 640, 360);
    wall.addColorStop(0, `hsl(${hue} 22% 62%)`);
    wall.addColorStop(1, `hsl(${(hue + 40) % 360} 26% 38%)`);
    paint.fillStyle = wall;
    paint.fillRect(0, 0, 640, 360);
    const sway = Math.sin(step / 14) * 10;
    paint.fillStyle = `hsl(${(hue + 190) % 360} 34% 30%)`;
    paint.beginPath();
    paint.ellipse(320 + sway, 380, 170, 150, 0, 0, Math.PI * 2);
    paint.fill();
    paint.fillStyle = `hsl(${20 + (index % 4) * 6} 42% ${38 + (index % 5) * 9}%)`;
    paint.beginPath();
    paint.ellipse(320 + sway * 1.4, 165, 70, 88, 0, 0, Math.PI * 2);
    paint.fill();
    paint.fillStyle = `hsl(${(index * 31) % 50} 30% ${12 + (index % 3) * 12}%)`;
    paint.beginPath();
    paint.ellipse(320 + sway * 1.4, 110, 78, 52, 0, Math.PI, Math.PI * 2);
    paint.fill();
  };
  draw();
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
    // A frame now and then keeps the picture on the screen, and costs a hundred people less than a moving one.
    setInterval(draw, 2_000);
  } else {
    setInterval(draw, 100);
  }
  return canvas.captureStream(10);
}
