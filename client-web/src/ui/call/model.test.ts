import { describe, expect, it } from "vitest";
import type { CallState, ChangeLogEntry, EndReason, Participant } from "../../index.ts";
import type { Suite } from "../../wire/types.ts";
import type { CallEventName, CallPort } from "../port.ts";
import { CallModel, describeChange, securityOf } from "./model.ts";

const PICKED = { microphoneId: "", cameraId: "", speakerId: "" };
const LINK = { room: "r", secret: "s", href: "https://example.org/r/r#s" };

function person(clientId: string, change: Partial<Participant> = {}): Participant {
  return {
    clientId,
    name: clientId,
    isSelf: false,
    isHost: false,
    crypto: { state: "secure", reason: "receiving" },
    microphone: { on: true },
    camera: { on: true },
    speaking: false,
    ...change,
  };
}

class TestCall implements CallPort {
  state: CallState = "idle";
  endReason: EndReason | undefined;
  code: string | undefined;
  epoch: number | undefined;
  suite: Suite | undefined;
  participants = new Map<string, Participant>();
  log: ChangeLogEntry[] = [];
  asked: string[] = [];
  failing = false;
  readonly #handlers = new Map<CallEventName, () => void>();

  join = () => this.#answer("join");
  leave = () => this.#answer("leave");
  setMicrophone = (on: boolean) => this.#answer(`microphone ${on}`);
  setCamera = (on: boolean) => this.#answer(`camera ${on}`);
  replaceMicrophone = (id: string) => this.#answer(`microphone ${id}`);
  replaceCamera = (id: string) => this.#answer(`camera ${id}`);
  setTiles = () => undefined;
  kick = (id: string) => this.#answer(`kick ${id}`);

  on(event: CallEventName, handler: () => void): () => void {
    this.#handlers.set(event, handler);
    return () => this.#handlers.delete(event);
  }

  change(state: CallState, ...people: Participant[]): void {
    this.state = state;
    this.participants = new Map(people.map((each) => [each.clientId, each]));
    this.#handlers.get("state")?.();
    this.#handlers.get("participants")?.();
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

  it("takes a message away only while it is the last one", () => {
    const model = new CallModel(new TestCall(), LINK, PICKED);
    model.announce("one");
    const first = model.notice.value?.number ?? 0;
    model.announce("two");
    model.dismiss(first);
    expect(model.notice.value?.message).toBe("two");
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
