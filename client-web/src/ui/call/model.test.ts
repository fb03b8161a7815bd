import { describe, expect, it, vi } from "vitest";
import { Emitter } from "../../base/emitter.ts";
import { OPEN_TERMS } from "../../call/participants.ts";
import type {
  CallEvents,
  CallState,
  ChangeLogEntry,
  ChatEntry,
  Decision,
  EndReason,
  Moderation,
  Participant,
  Question,
  Reaction,
  TileView,
  Waiting,
} from "../../index.ts";
import { DeviceError } from "../../media/devices.ts";
import type { Suite } from "../../wire/types.ts";
import type { CallEventName, CallPort } from "../port.ts";
import { CallModel, describeChange, securityOf } from "./model.ts";
import { handQueue } from "./talk.ts";

const SOURCES = ["microphone", "camera", "screen_video", "screen_audio"] as const;
const PICKED = { microphoneId: "", cameraId: "", speakerId: "" };
const LINK = { room: "r", secret: "s", lobby: false, passcode: false, href: "https://example.org/r/r#s" };

function person(clientId: string, change: Partial<Participant> = {}): Participant {
  return {
    clientId,
    name: clientId,
    isSelf: false,
    role: "member",
    identity: undefined,
    permitted: SOURCES,
    crypto: { state: "secure", reason: "receiving" },
    microphone: { on: true },
    camera: { on: true },
    speaking: false,
    recording: false,
    unheard: false,
    ...change,
  };
}

class TestCall implements CallPort {
  state: CallState = "idle";
  endReason: EndReason | undefined;
  receipt: string | undefined;
  code: string | undefined;
  epoch: number | undefined;
  suite: Suite | undefined;
  participants = new Map<string, Participant>();
  log: ChangeLogEntry[] = [];
  asked: string[] = [];
  failing = false;
  chat: ChatEntry[] = [];
  readonly events = new Emitter<CallEvents>();

  join = () => this.#answer("join");
  leave = () => this.#answer("leave");
  setMicrophone = (on: boolean) => this.#answer(`microphone ${on}`);
  setCamera = (on: boolean) => this.#answer(`camera ${on}`);
  startShare = () => (this.sharing === undefined ? this.#answer("share") : Promise.reject(this.sharing));
  /** What the picker answers. */
  sharing: Error | undefined;
  setNoiseSuppression = (on: boolean) => this.#answer(`noise ${on}`);
  stopShare = () => this.#answer("share stop");
  setShareContent = (content: string) => this.#note(`share ${content}`);
  replaceMicrophone = (id: string) => this.#answer(`microphone ${id}`);
  replaceCamera = (id: string) => this.#answer(`camera ${id}`);
  tiles: readonly TileView[] = [];
  setTiles = (tiles: readonly TileView[]) => {
    this.tiles = tiles;
  };
  stats = () => Promise.resolve(undefined);
  moderation: Moderation = {
    role: "member",
    permitted: SOURCES,
    sources: SOURCES,
    locked: false,
    recording: true,
    lobby: false,
    ...OPEN_TERMS,
  };
  decide = (decision: Decision) => this.#answer(JSON.stringify(decision));
  waiting: readonly Waiting[] = [];
  lowerHands = (clientId?: string) => this.#note(`lower ${clientId}`);

  say = (words: string) => this.#note(`say ${words}`);
  editMessage = (id: string) => this.#note(`edit ${id}`);
  react = (reaction: Reaction) => this.#note(`react ${reaction}`);
  setRecording = () => true;
  startCaptions = () => undefined;
  addCaption = () => undefined;
  stopCaptions = () => undefined;
  setHand = (raised: boolean) => this.#note(`hand ${raised}`);
  /** What the others know the system to have taken. */
  interrupted: readonly string[] = [];
  setInterrupted = (devices: readonly string[]) => {
    this.interrupted = devices;
  };

  readonly conversation = {
    rule: { burn: false },
    wish: {},
    ending: {},
    ask: (question: Question) => this.#note(`ask ${question.question}`),
    vote: (id: string, choices: readonly number[]) => this.#note(`vote ${id} ${choices}`),
    endPoll: (id: string) => this.#note(`end ${id}`),
    delete: (id: string) => this.#note(`delete ${id}`),
    markRead: () => this.asked.push("read"),
    handleTimeout: () => undefined,
  };
  readonly files = {
    view: { uploads: [], fetched: new Map() },
    share: (file: File) => this.asked.push(`share ${file.name}`) <= this.mostFiles,
    cancelUpload: (id: string) => void this.asked.push(`cancel ${id}`),
    fetch: (id: string) => this.#answer(`fetch ${id}`),
    letGo: (id: string) => void this.asked.push(`let go ${id}`),
    cancelFetch: (id: string) => void this.asked.push(`cancel ${id}`),
  };
  mostFiles = 10;

  on<Name extends CallEventName>(event: Name, handler: (value: CallEvents[Name]) => void): () => void {
    return this.events.on(event, handler);
  }

  /** Lets a message come in. */
  hear(from: string, words: string): void {
    const entry = { id: `${this.chat.length}`, from, name: from, isSelf: false, at: 0, text: words };
    this.chat = [...this.chat, { ...entry, edited: false, waiting: false, readBy: new Set(), burns: false }];
    this.events.emit("chat", this.chat);
  }

  change(state: CallState, ...people: Participant[]): void {
    this.state = state;
    this.participants = new Map(people.map((each) => [each.clientId, each]));
    this.events.emit("state", state);
    this.events.emit("participants", this.participants);
  }

  #note(asked: string): undefined {
    this.asked.push(asked);
  }

  #answer(asked: string): Promise<void> {
    this.asked.push(asked);
    return this.failing ? Promise.reject(new Error("refused")) : Promise.resolve();
  }
}

const self = person("me", { isSelf: true });

describe("CallModel", () => {
  it("shows oneself last", () => {
    const call = new TestCall();
    const model = new CallModel(call, LINK, PICKED);
    call.change("in-call", self, person("Ana"), person("Bo"));
    expect(model.people.value.map((each) => each.clientId)).toEqual(["Ana", "Bo", "me"]);
  });

  it("announces who comes and goes, but not the people found on entering", () => {
    const call = new TestCall();
    const model = new CallModel(call, LINK, PICKED);
    call.change("in-call", self, person("Ana"));
    expect(model.notice.value).toBeUndefined();
    call.change("in-call", self, person("Ana"), person("Bo"));
    expect(model.notice.value?.message).toBe("Bo joined");
    call.change("in-call", self, person("Bo"));
    expect(model.notice.value?.message).toBe("Ana left");
  });

  it("announces the recovery of a lost connection", () => {
    const call = new TestCall();
    const model = new CallModel(call, LINK, PICKED);
    call.change("in-call", self);
    call.change("reconnecting", self);
    call.change("in-call", self);
    expect(model.notice.value?.message).toBe("You are back in the call.");
  });

  it("keeps the first reason of an end", () => {
    const call = new TestCall();
    const model = new CallModel(call, LINK, PICKED);
    call.change("in-call", self);
    call.endReason = "removed";
    call.change("ended");
    model.leave();
    expect(model.ended.value).toBe("removed");
  });

  it("ends when joining fails", async () => {
    const call = new TestCall();
    call.failing = true;
    call.endReason = "room-full";
    const model = new CallModel(call, LINK, PICKED);
    await model.join();
    expect(model.ended.value).toBe("room-full");
  });

  it("turns a device that does not start into a message", async () => {
    const call = new TestCall();
    const model = new CallModel(call, LINK, PICKED);
    call.change("in-call", self);
    call.failing = true;
    await model.toggle("camera");
    expect(call.asked).toEqual(["camera false"]);
    expect(model.notice.value).toMatchObject({
      tone: "problem",
      message: "The camera does not start. Pick another one under Settings.",
    });
  });

  it("opens the device that was picked before joining with it off", async () => {
    const call = new TestCall();
    const model = new CallModel(call, LINK, { ...PICKED, microphoneId: "headset" });
    call.change("in-call", person("me", { isSelf: true, microphone: { on: false } }));
    await model.toggle("microphone");
    await model.toggle("microphone");
    expect(call.asked).toEqual(["microphone headset", "microphone true", "microphone true"]);
  });

  it("goes on with another microphone when the one in use is unplugged", () => {
    const call = new TestCall();
    const microphone = {} as MediaStreamTrack;
    const model = new CallModel(call, LINK, { ...PICKED, microphone, microphoneId: "headset", cameraId: "lost" });
    call.change("in-call", self);
    const builtIn = { id: "built-in", label: "" };
    const devices = { cameras: [], speakers: [], microphones: [{ id: "headset", label: "" }, builtIn] };
    model.followDevices(devices);
    expect(call.asked).toEqual([]);
    model.followDevices({ ...devices, microphones: [builtIn] });
    expect(call.asked).toEqual(["microphone built-in"]);
    model.followDevices({ ...devices, cameras: [builtIn] });
    expect(model.cameraId.value).toBe("");
  });

  it("goes on with the new default when the default is unplugged, and with a device that was taken away", async () => {
    const call = new TestCall();
    const model = new CallModel(call, LINK, { ...PICKED, cameraId: "webcam" });
    call.change("in-call", self);
    call.events.emit("device-ended", "microphone");
    call.events.emit("device-ended", "camera");
    expect(call.asked).toEqual(["microphone "]);
    model.followDevices({ cameras: [{ id: "webcam", label: "" }], microphones: [], speakers: [] });
    call.events.emit("device-ended", "camera");
    expect(call.asked).toEqual(["microphone ", "camera webcam"]);
    call.failing = true;
    call.events.emit("device-ended", "microphone");
    await Promise.resolve();
    await vi.waitFor(() => expect(model.notice.value?.tone).toBe("problem"));
  });

  it("tells the others what the system has taken, until it is back", () => {
    const call = new TestCall();
    const model = new CallModel(call, LINK, PICKED);
    const camera = Object.assign(new EventTarget(), { muted: false }) as unknown as MediaStreamTrack;
    const video = { getVideoTracks: () => [camera], getAudioTracks: () => [] } as unknown as MediaStream;
    call.change("in-call", { ...self, video });
    camera.dispatchEvent(new Event("mute"));
    expect(call.interrupted).toEqual(["camera"]);
    expect(model.notice.value?.tone).toBe("problem");
    camera.dispatchEvent(new Event("unmute"));
    expect(call.interrupted).toEqual([]);
  });

  it("takes a message away only while it is the last one", () => {
    const model = new CallModel(new TestCall(), LINK, PICKED);
    model.announce("one");
    const first = model.notice.value?.number ?? 0;
    model.announce("two");
    model.dismiss(first);
    expect(model.notice.value?.message).toBe("two");
  });
});

describe("sharing a screen", () => {
  const share = { crypto: { state: "secure", reason: "receiving" } } as const;

  it("is announced, one's own too, when it begins and when it ends", () => {
    const call = new TestCall();
    const model = new CallModel(call, LINK, PICKED);
    const bo = person("Bo");
    call.change("in-call", self, person("Ana", { share }), bo);
    expect(model.notice.value).toBeUndefined();
    call.change("in-call", self, person("Ana"), person("Bo", { share }));
    expect(model.notice.value?.message).toBe("Ana stopped sharing their screen. Bo is sharing their screen");
    call.change("in-call", { ...self, share }, person("Ana"));
    expect(model.notice.value?.message).toBe("Bo left. You are sharing your screen");
    call.events.emit("moderation", { ...call.moderation, permitted: ["microphone", "camera"] });
    call.events.emit("silenced", ["screen_video", "screen_audio"]);
    call.change("in-call", self, person("Ana"));
    expect(model.notice.value?.message).toBe("A host stopped your screen sharing");
  });

  it("is begun and ended by one button", async () => {
    const call = new TestCall();
    const model = new CallModel(call, LINK, PICKED);
    call.change("in-call", self);
    await model.toggleShare();
    call.change("in-call", { ...self, share });
    await model.toggleShare();
    expect(call.asked).toEqual(["share", "share stop"]);
  });

  it.each([
    ["cancelled", undefined],
    ["denied", "Your system does not let the browser share the screen."],
    ["busy", "The screen could not be shared."],
  ] as const)("says nothing to who changes their mind, and helps otherwise: %s", async (problem, words) => {
    const call = new TestCall();
    const model = new CallModel(call, LINK, PICKED);
    call.change("in-call", self);
    call.sharing = new DeviceError("screen", problem);
    await model.toggleShare();
    expect(model.notice.value?.message.slice(0, words?.length)).toBe(words);
  });

  it("is not begun where a host does not allow it", async () => {
    const call = new TestCall();
    call.moderation = { ...call.moderation, permitted: ["microphone", "camera"] };
    const model = new CallModel(call, LINK, PICKED);
    call.change("in-call", self);
    await model.toggleShare();
    expect([call.asked, model.notice.value?.tone]).toEqual([[], "problem"]);
  });
});

describe("the pictures that are asked for", () => {
  const tiles = [
    { clientId: "Ana", height: 720 },
    { clientId: "Bo", height: 0 },
  ];

  it("are as large as they are shown, small, or none", () => {
    const call = new TestCall();
    const model = new CallModel(call, LINK, PICKED);
    model.setTiles(tiles);
    expect(call.tiles).toEqual(tiles);
    model.setPictures("small");
    expect(call.tiles.map((tile) => tile.height)).toEqual([180, 0]);
    model.setPictures("none");
    expect(call.tiles.map((tile) => tile.height)).toEqual([0, 0]);
  });

  it("go on coming for the small window while the page is hidden, all at one size", () => {
    const call = new TestCall();
    const model = new CallModel(call, LINK, PICKED);
    model.setPip(true);
    model.setTiles(tiles.map((tile) => ({ ...tile, height: 0 })));
    expect(call.tiles.map((tile) => tile.height)).toEqual([240, 240]);
    model.setPip(false);
    expect(call.tiles.map((tile) => tile.height)).toEqual([0, 0]);
  });
});

describe("the talk", () => {
  it("counts what was not read, and forgets it when the chat is opened", () => {
    const call = new TestCall();
    const { talk, notice } = new CallModel(call, LINK, PICKED);
    call.hear("Ana", "Hello");
    call.hear("Ana", "Anybody?");
    expect(talk.unread.value).toBe(2);
    expect(talk.firstUnread.value).toBe("0");
    expect(notice.value?.message).toBe("Ana: Anybody?");
    talk.setOpen(true);
    call.hear("Bo", "Here");
    expect(talk.unread.value).toBe(0);
    talk.setOpen(false);
    call.hear("Bo", "Bye");
    expect([talk.unread.value, talk.firstUnread.value]).toEqual([1, "3"]);
  });

  it("shows the last reaction of a person and says it", () => {
    const call = new TestCall();
    const model = new CallModel(call, LINK, PICKED);
    call.change("in-call", self, person("Ana"));
    call.events.emit("reaction", { from: "Ana", reaction: "heart" });
    call.events.emit("reaction", { from: "Ana", reaction: "party" });
    expect(model.talk.reactions.value.get("Ana")?.reaction).toBe("party");
    expect(model.notice.value?.message).toBe("Ana: Celebration");
    model.close();
  });

  it("announces a raised hand and queues hands by the time they went up", () => {
    const call = new TestCall();
    const model = new CallModel(call, LINK, PICKED);
    call.change("in-call", self, person("Ana"), person("Bo", { hand: 5 }));
    call.change("in-call", self, person("Ana", { hand: 9 }), person("Bo", { hand: 5 }));
    expect(model.notice.value?.message).toBe("Ana raised a hand");
    expect(handQueue(model.people.value).map((each) => each.name)).toEqual(["Bo", "Ana"]);
    model.toggleHand();
    expect(call.asked).toEqual(["hand true"]);
  });

  it("opens a muted microphone while a key is held, however short, and leaves an open one alone", async () => {
    const call = new TestCall();
    const model = new CallModel(call, LINK, PICKED);
    call.change("in-call", self);
    model.holdToTalk(true);
    expect(call.asked).toEqual([]);
    const muted = person("me", { isSelf: true, microphone: { on: false } });
    const picked = { ...PICKED, microphone: {} as MediaStreamTrack };
    const another = new CallModel(call, LINK, picked);
    call.change("in-call", muted);
    another.holdToTalk(true);
    expect(another.talking.value).toBe(true);
    another.holdToTalk(false);
    await vi.waitFor(() => expect(call.asked).toEqual(["microphone true", "microphone false"]));
  });
});

describe("ModerationModel", () => {
  const host: Moderation = {
    role: "host",
    permitted: SOURCES,
    sources: SOURCES,
    locked: false,
    recording: true,
    lobby: false,
    ...OPEN_TERMS,
  };
  function callOf(moderation: Moderation) {
    const call = new TestCall();
    call.moderation = moderation;
    const model = new CallModel(call, LINK, PICKED);
    call.change("in-call", self, person("Ana"));
    return { call, model, moderation: model.moderation };
  }

  it("changes one thing about one person and leaves the rest as it was", () => {
    const { call, moderation } = callOf({ ...host, sources: ["microphone", "camera"] });
    const muted = person("Bo", { permitted: ["camera"] });
    expect([moderation.isStopped(muted, "microphone"), moderation.isStopped(muted, "camera")]).toEqual([true, false]);
    moderation.setStopped(muted, "camera", true);
    moderation.setStopped(muted, "microphone", false);
    moderation.setAllowed("screen", true);
    expect(call.asked.map((asked) => JSON.parse(asked) as unknown)).toEqual([
      { decide: "stop", client_id: "Bo", stopped: ["microphone", "camera"] },
      { decide: "stop", client_id: "Bo", stopped: [] },
      { decide: "sources", sources: ["microphone", "camera", "screen_video", "screen_audio"] },
    ]);
  });

  it("lets a co-host moderate members and nobody above", () => {
    const { moderation } = callOf({ ...host, role: "co_host" });
    const may = (role: Participant["role"]) => moderation.mayModerate(person("Bo", { role }));
    expect([may("host"), may("co_host"), may("member"), may("viewer")]).toEqual([false, false, true, true]);
    expect(moderation.mayModerate(self)).toBe(false);
  });

  it("asks before it removes somebody or ends the call", () => {
    const { call, moderation } = callOf(host);
    moderation.asked.value = { kind: "ban", person: person("Ana") };
    moderation.answer(false);
    expect(call.asked).toEqual([]);
    moderation.asked.value = { kind: "ban", person: person("Ana") };
    moderation.answer(true);
    moderation.asked.value = { kind: "end" };
    moderation.answer(true);
    expect(call.asked.map((asked) => JSON.parse(asked) as unknown)).toEqual([
      { decide: "remove", client_id: "Ana", ban: true },
      { decide: "end" },
    ]);
    expect(moderation.asked.value).toBeUndefined();
  });

  it("says who knocks, once, and lets in one or all", () => {
    const { call, model, moderation } = callOf(host);
    const [ada, bo] = [
      { client_id: "a", display_name: "Ada" },
      { client_id: "b", display_name: "Bo" },
    ];
    call.events.emit("waiting", [bo]);
    expect(model.notice.value).toBeUndefined();
    call.events.emit("waiting", []);
    model.panel.value = "chat";
    call.events.emit("waiting", [ada]);
    expect(model.notice.value?.message).toBe("Ada wants to come in");
    const { number } = model.notice.value ?? {};
    call.events.emit("waiting", [ada]);
    expect(model.notice.value?.number).toBe(number);
    call.events.emit("waiting", [ada, bo]);
    moderation.admit(moderation.waiting);
    moderation.deny(bo);
    expect(call.asked.map((asked) => JSON.parse(asked) as unknown)).toEqual([
      { decide: "admit", client_id: "a" },
      { decide: "admit", client_id: "b" },
      { decide: "deny", client_id: "b" },
    ]);
    call.events.emit("moderation", { ...host, role: "member" });
    expect(moderation.waiting).toEqual([]);
  });

  it("says when something that was decided was refused", async () => {
    const { call, model, moderation } = callOf(host);
    call.failing = true;
    moderation.setLocked(true);
    await vi.waitFor(() => expect(model.notice.value?.tone).toBe("problem"));
  });

  it("says what a host did to this person, and does not open what is not allowed", async () => {
    const { call, model } = callOf({ ...host, role: "member" });
    call.events.emit("silenced", ["microphone"]);
    expect(model.notice.value?.message).toBe("A host turned your microphone off");
    call.events.emit("moderation", { ...host, role: "member", permitted: ["camera"] });
    await model.toggle("microphone");
    const muted = person("me", { isSelf: true, microphone: { on: false } });
    call.change("in-call", muted);
    await model.toggle("microphone");
    expect(call.asked).not.toContain("microphone true");
    expect(model.notice.value?.tone).toBe("problem");
    call.events.emit("moderation", { ...host, role: "member", locked: true });
    expect(model.notice.value?.message).toBe(
      "The meeting is locked. You may use your microphone again. You may share your screen again",
    );
  });
});

describe("describeChange", () => {
  it("counts instead of listing when several people come at once", () => {
    const now = [person("Ana"), person("Bo"), person("Chi")];
    expect(describeChange([], now)).toBe("3 people joined");
    expect(describeChange(now, [person("Di")])).toBe("Di joined. 3 people left");
    expect(describeChange(now, now)).toBeUndefined();
  });
});

describe("securityOf", () => {
  it("is secure only when everybody is", () => {
    const waiting = person("b", { crypto: { state: "waiting", reason: "first_frame" } });
    const failed = person("c", { crypto: { state: "failed", reason: "auth_fail" } });
    expect(securityOf([])).toEqual({ kind: "checking" });
    expect(securityOf([self, person("a")])).toEqual({ kind: "secure" });
    expect(securityOf([self, waiting])).toEqual({ kind: "checking" });
    expect(securityOf([self, waiting, failed])).toEqual({ kind: "failed", count: 1 });
  });
});
