import { describe, expect, it } from "vitest";
import { Capture, startBoth } from "./capture.ts";
import { loudness } from "./level.ts";
import { problemOf } from "./problem.ts";

class TestTrack extends EventTarget {
  stopped = false;

  constructor(
    readonly kind: "video" | "audio",
    readonly deviceId: string,
  ) {
    super();
  }

  stop(): void {
    this.stopped = true;
  }

  getSettings() {
    return { deviceId: this.deviceId };
  }
}

/** Answers requests as `answer` says; remembers what was asked and given. */
class TestDevices {
  readonly asked: MediaStreamConstraints[] = [];
  readonly given: TestTrack[] = [];

  constructor(readonly answer: (wanted: MediaStreamConstraints) => string) {}

  get source(): MediaDevices {
    return { getUserMedia: (wanted: MediaStreamConstraints) => this.#give(wanted) } as unknown as MediaDevices;
  }

  async #give(wanted: MediaStreamConstraints): Promise<MediaStream> {
    this.asked.push(wanted);
    const answer = this.answer(wanted);
    if (answer.endsWith("Error")) {
      throw new DOMException("", answer);
    }
    const tracks = [
      ...(wanted.video ? [new TestTrack("video", answer)] : []),
      ...(wanted.audio ? [new TestTrack("audio", answer)] : []),
    ];
    this.given.push(...tracks);
    return { getTracks: () => tracks } as unknown as MediaStream;
  }
}

describe("Capture", () => {
  it("asks once for both devices", async () => {
    const devices = new TestDevices(() => "built-in");
    const camera = new Capture("camera", devices.source);
    const microphone = new Capture("microphone", devices.source);
    await startBoth(devices.source, camera, microphone);
    expect(devices.asked).toHaveLength(1);
    expect(camera.state.value.kind).toBe("on");
    expect(microphone.state.value.kind).toBe("on");
    expect(camera.deviceId.value).toBe("built-in");
  });

  it("gives the working device when the other one fails", async () => {
    const devices = new TestDevices((wanted) => (wanted.video ? "NotReadableError" : "headset"));
    const camera = new Capture("camera", devices.source);
    const microphone = new Capture("microphone", devices.source);
    await startBoth(devices.source, camera, microphone);
    expect(camera.state.value).toEqual({ kind: "problem", problem: "busy" });
    expect(microphone.state.value.kind).toBe("on");
  });

  it("stops a track that arrives after the device was turned off", async () => {
    const devices = new TestDevices(() => "built-in");
    const camera = new Capture("camera", devices.source);
    const started = camera.start();
    camera.stop();
    await started;
    expect(camera.state.value.kind).toBe("off");
    expect(devices.given.map((track) => track.stopped)).toEqual([true]);
  });

  it("stops the old track when another device is picked", async () => {
    const devices = new TestDevices(() => "any");
    const camera = new Capture("camera", devices.source);
    await camera.start();
    await camera.pick("other");
    expect(devices.given.map((track) => track.stopped)).toEqual([true, false]);
    expect(devices.asked[1]?.video).toMatchObject({ deviceId: { ideal: "other" } });
  });

  it("goes back to the default device when its own is unplugged", async () => {
    const devices = new TestDevices(() => "default");
    const microphone = new Capture("microphone", devices.source);
    await microphone.start("headset");
    devices.given[0]?.dispatchEvent(new Event("ended"));
    await Promise.resolve();
    expect(devices.asked).toHaveLength(2);
    expect(devices.asked[1]?.audio).not.toHaveProperty("deviceId");
    expect(microphone.deviceId.value).toBe("");
  });

  it("gives its track away running and forgets it", async () => {
    const devices = new TestDevices(() => "built-in");
    const camera = new Capture("camera", devices.source);
    await camera.start();
    const track = camera.release();
    camera.stop();
    expect(track).toBe(devices.given[0]);
    expect(devices.given[0]?.stopped).toBe(false);
    expect(camera.release()).toBeUndefined();
  });

  it("settles once its device has started, so that joining at once takes it along", async () => {
    const devices = new TestDevices(() => "built-in");
    const camera = new Capture("camera", devices.source);
    void camera.start();
    expect(camera.state.value.kind).toBe("starting");
    await camera.settled(60_000);
    expect(camera.release()).toBe(devices.given[0]);
  });

  it("settles at once when it is off", async () => {
    await new Capture("camera", undefined).settled(60_000);
  });

  it("says so where the page may not use devices", async () => {
    const camera = new Capture("camera", undefined);
    await startBoth(undefined, camera, new Capture("microphone", undefined));
    expect(camera.state.value).toEqual({ kind: "problem", problem: "insecure" });
  });
});

describe("problemOf", () => {
  it("sorts what browsers throw by what a person can do", () => {
    expect(problemOf(new DOMException("", "NotAllowedError"))).toBe("denied");
    expect(problemOf(new DOMException("", "NotReadableError"))).toBe("busy");
    expect(problemOf(new DOMException("", "NotFoundError"))).toBe("missing");
    expect(problemOf(new DOMException("", "InvalidStateError"))).toBe("failed");
    expect(problemOf(new TypeError("no constraints"))).toBe("failed");
  });
});

describe("loudness", () => {
  it("is nothing for silence, all for full scale, and even to the ear between", () => {
    expect(loudness(new Float32Array(64))).toBe(0);
    expect(loudness(new Float32Array(64).fill(1))).toBe(1);
    expect(loudness(new Float32Array(64).fill(10 ** (-30 / 20)))).toBeCloseTo(0.5, 3);
    expect(loudness(new Float32Array(0))).toBe(0);
  });
});
