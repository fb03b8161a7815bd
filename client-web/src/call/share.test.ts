import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DeviceError } from "../media/devices.ts";
import { OwnShare } from "./share.ts";

class TestTrack extends EventTarget {
  contentHint = "";
  stopped = false;
  stop(): void {
    this.stopped = true;
  }
}

class TestStream {
  readonly picture = new TestTrack();
  constructor(readonly sound: TestTrack | undefined) {}
  getVideoTracks = () => [this.picture];
  getAudioTracks = () => (this.sound === undefined ? [] : [this.sound]);
  getTracks = () => [...this.getVideoTracks(), ...this.getAudioTracks()];
}

let pick: (options: DisplayMediaStreamOptions) => Promise<unknown>;
let asked: DisplayMediaStreamOptions[];

beforeEach(() => {
  asked = [];
  vi.stubGlobal("navigator", {
    mediaDevices: {
      getDisplayMedia: (options: DisplayMediaStreamOptions) => {
        asked.push(options);
        return pick(options);
      },
    },
  });
});

afterEach(() => vi.unstubAllGlobals());

describe("the own shared screen", () => {
  it("is sharp text until something else is said, also while it runs", async () => {
    const stream = new TestStream(undefined);
    pick = () => Promise.resolve(stream);
    const share = new OwnShare(() => undefined);
    await share.start(true);
    expect(stream.picture.contentHint).toBe("text");
    share.setContent("motion");
    expect(stream.picture.contentHint).toBe("motion");
    expect(share.track("screen_audio")).toBeNull();
  });

  it("ends with the browser's own bar, once, and its sound ends too", async () => {
    const stream = new TestStream(new TestTrack());
    pick = () => Promise.resolve(stream);
    let ends = 0;
    const share = new OwnShare(() => {
      ends += 1;
    });
    await share.start(true);
    stream.picture.dispatchEvent(new Event("ended"));
    stream.picture.dispatchEvent(new Event("ended"));
    expect([ends, share.on, stream.sound?.stopped]).toEqual([1, false, true]);
  });

  it("goes on when the one before it ends, in whose place it came", async () => {
    const [first, second] = [new TestStream(undefined), new TestStream(undefined)];
    const share = new OwnShare(() => expect.unreachable());
    pick = () => Promise.resolve(first);
    await share.start(true);
    pick = () => Promise.resolve(second);
    await share.start(true);
    expect(first.picture.stopped).toBe(true);
    first.picture.dispatchEvent(new Event("ended"));
    expect([share.on, share.track("screen_video")]).toEqual([true, second.picture]);
  });

  it("stays as it was when the person chooses nothing", async () => {
    const stream = new TestStream(undefined);
    pick = () => Promise.resolve(stream);
    const share = new OwnShare(() => undefined);
    await share.start(true);
    pick = () => Promise.reject(new DOMException("Permission denied by user", "NotAllowedError"));
    await expect(share.start(true)).rejects.toMatchObject({ problem: "cancelled" });
    expect([share.on, stream.picture.stopped]).toEqual([true, false]);
  });

  it.each([
    ["Permission denied by system", "NotAllowedError", "denied"],
    ["", "NotReadableError", "busy"],
    ["", "TypeError", "unsuitable"],
  ])("says what is wrong: %s %s", async (message, name, problem) => {
    pick = () => Promise.reject(new DOMException(message, name));
    const failed = await new OwnShare(() => undefined).start(true).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(DeviceError);
    expect(failed).toMatchObject({ kind: "screen", problem });
  });

  it("never takes the sound of the whole machine, nor any where it is not allowed", async () => {
    pick = () => Promise.resolve(new TestStream(undefined));
    await new OwnShare(() => undefined).start(true);
    await new OwnShare(() => undefined).start(false);
    expect(asked).toMatchObject([
      { systemAudio: "exclude", selfBrowserSurface: "exclude", audio: { echoCancellation: false } },
      { systemAudio: "exclude", audio: false },
    ]);
  });
});
