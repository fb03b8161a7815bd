import { describe, expect, it } from "vitest";
import {
  ALL_NEEDED,
  adaptEncodings,
  type Encoding,
  neededInCallOf,
  offeredEncodings,
  type Sending,
  updateNeeded,
} from "./layers.ts";

const CAMERA: Sending = { source: "camera", codec: "vp9", width: 1280, height: 720, needed: ALL_NEEDED };

/** What a browser gives back for what it was offered, adapted once to the camera and then to each of `needs` in turn. */
function after(offered: Encoding[], sending: Sending, ...needs: readonly boolean[][]): Encoding[] {
  const encodings = offered.map((encoding) => ({ active: true, ...encoding }));
  adaptEncodings(encodings, sending);
  for (const needed of needs) {
    adaptEncodings(encodings, { ...sending, needed });
  }
  return encodings;
}

describe("a camera as one scalable stream", () => {
  const offered = () => offeredEncodings("camera", "scalable");

  it("is offered with three spatial and three temporal layers", () => {
    expect(offered()).toEqual([{ scalabilityMode: "L3T3_KEY", maxBitrate: 2_350_000 }]);
  });

  it.each([
    [[true, true, true], true, "L3T3_KEY", 1, 2_350_000],
    [[true, true, false], true, "L2T3_KEY", 2, 650_000],
    [[true, false, false], true, "L1T3", 4, 150_000],
    // The lower layers come with the higher one.
    [[false, true, false], true, "L2T3_KEY", 2, 650_000],
    [[false, false, false], false, "L3T3_KEY", 1, 2_350_000],
  ])("sends what is needed of it: %j", (needed, active, scalabilityMode, scaleResolutionDownBy, maxBitrate) => {
    expect(after(offered(), CAMERA, needed)).toEqual([{ active, scalabilityMode, scaleResolutionDownBy, maxBitrate }]);
  });

  it.each([
    [640, 480, [true, false, true], "L1T3", 2],
    [480, 640, [true, false, true], "L1T3", 2],
    [640, 480, [true, true, false], "L3T3_KEY", 1],
    [320, 240, [true, false, false], "L3T3_KEY", 1],
    [0, 0, [true, true, false], "L2T3_KEY", 2],
  ])("has fewer layers when it is small: %i by %i, needed %j", (width, height, needed, mode, scale) => {
    expect(after(offered(), { ...CAMERA, width, height }, needed)[0]).toMatchObject({
      scalabilityMode: mode,
      scaleResolutionDownBy: scale,
    });
  });

  it("comes back from a pause as it was", () => {
    const small = after(offered(), CAMERA, [true, false, false]);
    const back = after(offered(), CAMERA, [true, false, false], [false, false, false], [true, false, false]);
    expect(back).toEqual(small);
    expect(after(offered(), CAMERA, [true, false, false], [false, false, false])).toEqual([
      { ...small[0], active: false },
    ]);
  });

  it("is no larger than 720 lines", () => {
    expect(after(offered(), { ...CAMERA, width: 2560, height: 1440 })[0]?.scaleResolutionDownBy).toBe(2);
    expect(after(offered(), { ...CAMERA, width: 720, height: 1280 })[0]?.scaleResolutionDownBy).toBe(1);
    expect(after(offered(), { ...CAMERA, width: 0, height: 0 })[0]?.scaleResolutionDownBy).toBe(1);
    const large = { ...CAMERA, width: 2560, height: 1440 };
    expect(after(offered(), large, [true, false, false])[0]?.scaleResolutionDownBy).toBe(8);
  });

  it("is one plain picture when another codec was negotiated", () => {
    const sending: Sending = { ...CAMERA, codec: "vp8" };
    const [large] = after(offered(), sending);
    expect(large).toMatchObject({ active: true, scaleResolutionDownBy: 1, maxBitrate: 1_700_000 });
    const [small] = after(offered(), sending, [true, false, false]);
    expect(small).toMatchObject({ active: true, scaleResolutionDownBy: 4, maxBitrate: 150_000 });
  });
});

describe("a camera as a simulcast", () => {
  const offered = () => offeredEncodings("camera", "simulcast");
  const sending: Sending = { ...CAMERA, codec: "vp8" };

  it("is offered with three named encodings, the smallest first", () => {
    expect(offered()).toEqual([
      { rid: "l", maxBitrate: 150_000, scaleResolutionDownBy: 4 },
      { rid: "m", maxBitrate: 500_000, scaleResolutionDownBy: 2 },
      { rid: "h", maxBitrate: 1_700_000, scaleResolutionDownBy: 1 },
    ]);
  });

  it.each([
    [
      [true, false, true],
      [true, false, true],
    ],
    [
      [false, false, false],
      [false, false, false],
    ],
  ])("sends what is needed of it: %j", (needed, active) => {
    const encodings = after(offered(), sending, needed);
    expect(encodings.map((encoding) => encoding.active)).toEqual(active);
    expect(encodings.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy)).toEqual([4, 2, 1]);
  });

  it("is no larger than 720 lines", () => {
    const encodings = after(offered(), { ...sending, width: 1920, height: 1080 });
    expect(encodings.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy)).toEqual([6, 3, 1.5]);
  });

  it("is one whole picture when the server refuses simulcast, for the browser then keeps the first encoding", () => {
    const [smallest] = offered();
    expect(after(smallest === undefined ? [] : [smallest], sending)).toEqual([
      { active: true, rid: "l", maxBitrate: 1_700_000, scaleResolutionDownBy: 1 },
    ]);
    expect(after(smallest === undefined ? [] : [smallest], sending, [false, true, true])[0]?.active).toBe(false);
  });
});

describe("other sources", () => {
  it("send a screen in one size, whose frame rate can be lowered where the browser knows how", () => {
    const scalable = offeredEncodings("screen_video", "scalable");
    expect(scalable).toEqual([{ scalabilityMode: "L1T3", maxBitrate: 2_500_000, maxFramerate: 30 }]);
    expect(offeredEncodings("screen_video", "simulcast")).toEqual([{ maxBitrate: 2_500_000, maxFramerate: 30 }]);
    const screen: Sending = { ...CAMERA, source: "screen_video", width: 3840, height: 2160 };
    expect(after(scalable, screen, [true])).toEqual([{ ...scalable[0], active: true }]);
    expect(after(scalable, screen, [false])).toEqual([{ ...scalable[0], active: false }]);
  });

  it("send sound at a constant rate, whatever is needed", () => {
    const offered = offeredEncodings("microphone", "scalable");
    expect(offered).toEqual([{ maxBitrate: 40_000 }]);
    const sending: Sending = { ...CAMERA, source: "microphone", codec: "opus", width: 0, height: 0, needed: [false] };
    expect(after(offered, sending)).toEqual([{ maxBitrate: 40_000, active: true }]);
  });
});

describe("what is needed", () => {
  it("is guessed by the size of the call at first", () => {
    expect([1, 2, 3, 9, 10, 500].map(neededInCallOf)).toEqual([
      ALL_NEEDED,
      ALL_NEEDED,
      [true, true, false],
      [true, true, false],
      [true, false, false],
      [true, false, false],
    ]);
  });

  it("stays as it was above the layers that the server was sent", () => {
    expect(updateNeeded(ALL_NEEDED, [true])).toEqual([true, true, true]);
    const reduced = updateNeeded(ALL_NEEDED, [true, false, false]);
    expect(reduced).toEqual([true, false, false]);
    // The stream has one layer now, and of that the server speaks.
    expect(updateNeeded(reduced, [true])).toEqual([true, false, false]);
    expect(updateNeeded(reduced, [false])).toEqual([false, false, false]);
    expect(updateNeeded(reduced, [true, true, true])).toEqual(ALL_NEEDED);
  });
});

it("nothing is changed twice", () => {
  for (const layering of ["scalable", "simulcast"] as const) {
    const encodings = offeredEncodings("camera", layering);
    for (const needed of [ALL_NEEDED, [true, true, false], [false, false, false]]) {
      adaptEncodings(encodings, { ...CAMERA, needed });
      expect(adaptEncodings(encodings, { ...CAMERA, needed })).toBe(false);
    }
  }
});
