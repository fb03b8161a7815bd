import { describe, expect, it } from "vitest";
import { type Encoding, offeredEncodings } from "./layers.ts";
import { Publisher } from "./publisher.ts";

interface Parameters {
  transactionId: string;
  encodings: Encoding[];
}

/** A sender that refuses parameters which another has overtaken, as browsers do. */
class TestSender {
  sent: (MediaStreamTrack | null)[] = [];
  set: Encoding[][] = [];
  track: MediaStreamTrack | null = null;
  #encodings: Encoding[] = offeredEncodings("camera", "scalable").map((encoding) => ({
    active: true,
    scaleResolutionDownBy: 1,
    ...encoding,
  }));
  #transaction = 0;
  #setting = false;

  getParameters(): Parameters {
    this.#transaction += 1;
    return { transactionId: `${this.#transaction}`, encodings: structuredClone(this.#encodings) };
  }

  async setParameters(parameters: Parameters): Promise<void> {
    if (this.#setting || parameters.transactionId !== `${this.#transaction}`) {
      throw new DOMException("overtaken", "InvalidStateError");
    }
    this.#setting = true;
    await Promise.resolve();
    this.#setting = false;
    this.#encodings = structuredClone(parameters.encodings);
    this.set.push(this.#encodings);
  }

  async replaceTrack(track: MediaStreamTrack | null): Promise<void> {
    this.track = track;
    this.sent.push(track);
  }
}

function testTrack(name: string) {
  const track = {
    name,
    contentHint: "",
    enabled: true,
    stopped: false,
    clone: () => testTrack(`probe of ${name}`),
    stop: () => {
      track.stopped = true;
    },
    getSettings: () => ({ width: 1280, height: 720 }),
  };
  return track as unknown as MediaStreamTrack & { readonly name: string; readonly stopped: boolean };
}

function publisher(source: "camera" | "screen_video" = "camera") {
  const sender = new TestSender();
  const probe = testTrack("probe");
  const made = new Publisher(source, { sender } as unknown as RTCRtpTransceiver, 1, probe);
  return { sender, probe, publisher: made };
}

const modes = (sender: TestSender) => sender.set.map(([encoding]) => encoding?.scalabilityMode);

describe("a publisher", () => {
  it("sends nothing real before its encryption is confirmed", async () => {
    const { sender, probe, publisher: camera } = publisher();
    const real = testTrack("camera");
    await camera.carry(real);
    expect(sender.sent).toEqual([]);
    await camera.confirm();
    expect(sender.sent).toEqual([real]);
    expect((probe as unknown as { stopped: boolean }).stopped).toBe(true);
  });

  it("goes on with the smallest probe while nobody needs it, until it is confirmed", async () => {
    const { sender, publisher: camera } = publisher();
    await camera.carry(testTrack("camera"));
    await camera.need([false, false, false]);
    expect(sender.set.map(([encoding]) => [encoding?.active, encoding?.scalabilityMode])).toEqual([[true, "L1T3"]]);
    await camera.confirm();
    await camera.configure();
    expect(sender.set.map(([encoding]) => encoding?.active)).toEqual([true, false]);
  });

  it("sets one thing after the other, and nothing that is so already", async () => {
    const { sender, publisher: camera } = publisher();
    await camera.carry(testTrack("camera"));
    await camera.confirm();
    await Promise.all([
      camera.negotiated("vp9"),
      camera.need([true, false, false]),
      camera.configure(),
      camera.need([true, true, false]),
    ]);
    await camera.need([true, true, false]);
    expect(modes(sender)).toEqual(["L2T3_KEY"]);
    await camera.need([true]);
    expect(modes(sender)).toEqual(["L2T3_KEY"]);
    await camera.need([true, true, true]);
    expect(modes(sender)).toEqual(["L2T3_KEY", "L3T3_KEY"]);
  });

  it("sends what a call of that size needs until it is told what is needed", async () => {
    const { sender, publisher: camera } = publisher();
    await camera.carry(testTrack("camera"));
    await camera.expect(5);
    await camera.confirm();
    await camera.expect(10);
    await camera.need([true, true, true]);
    await camera.expect(100);
    expect(modes(sender)).toEqual(["L2T3_KEY", "L1T3", "L3T3_KEY"]);
  });

  it("survives a browser that refuses the parameters, and sets them the next time", async () => {
    const { sender, publisher: camera } = publisher();
    await camera.confirm();
    const set = sender.setParameters;
    sender.setParameters = () => Promise.reject(new DOMException("negotiating", "InvalidModificationError"));
    await camera.need([true, false, false]);
    expect(sender.set).toEqual([]);
    sender.setParameters = set;
    await camera.negotiated("vp9");
    expect(modes(sender)).toEqual(["L1T3"]);
  });
});
