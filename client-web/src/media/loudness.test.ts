import { describe, expect, it } from "vitest";
import { Loudness } from "./loudness.ts";

function report(...sounds: readonly (readonly [mid: string, energy: number, seconds: number])[]) {
  const stats = new Map<string, object>([
    ["video", { type: "inbound-rtp", kind: "video", mid: "9" }],
    ["codec", { type: "codec" }],
  ]);
  for (const [mid, totalAudioEnergy, totalSamplesDuration] of sounds) {
    stats.set(mid, { type: "inbound-rtp", kind: "audio", mid, totalAudioEnergy, totalSamplesDuration });
  }
  return stats as ReadonlyMap<string, RTCStats>;
}

describe("the loudness of received sound", () => {
  it("is the root mean square since the last look, for each section", () => {
    const loudness = new Loudness();
    expect(loudness.update(report(["0", 5, 10], ["1", 5, 10])).size).toBe(0);
    const levels = loudness.update(report(["0", 5.05, 10.2], ["1", 5, 10.2]));
    expect([...levels.keys()]).toEqual(["0", "1"]);
    expect(levels.get("0")).toBeCloseTo(0.5);
    expect(levels.get("1")).toBe(0);
  });

  it("is not known of sound that is not played", () => {
    const loudness = new Loudness();
    loudness.update(report(["0", 5, 10]));
    expect(loudness.update(report(["0", 5, 10])).size).toBe(0);
  });

  it("begins anew with a section that was away", () => {
    const loudness = new Loudness();
    loudness.update(report(["0", 5, 10]));
    loudness.update(report());
    expect(loudness.update(report(["0", 6, 11])).size).toBe(0);
  });
});
