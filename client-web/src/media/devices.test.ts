import { describe, expect, it } from "vitest";
import { suppressNoise } from "./devices.ts";

/** A track of a browser that takes the change, ignores it or refuses it. */
function track(browser: "takes" | "ignores" | "refuses") {
  let noiseSuppression = true;
  const applied: MediaTrackConstraints[] = [];
  const made = {
    getConstraints: () => ({ deviceId: "headset", noiseSuppression: true }),
    getSettings: () => ({ noiseSuppression }),
    applyConstraints: (constraints: MediaTrackConstraints) => {
      applied.push(constraints);
      noiseSuppression = browser === "takes" ? constraints.noiseSuppression === true : noiseSuppression;
      return browser === "refuses" ? Promise.reject(new DOMException("", "OverconstrainedError")) : Promise.resolve();
    },
  };
  return { track: made as unknown as MediaStreamTrack, applied };
}

describe("noise suppression of an open microphone", () => {
  it.each([
    ["takes", true],
    ["ignores", false],
    ["refuses", false],
  ] as const)("is what the track then does, in a browser that %s it", async (browser, done) => {
    const { track: microphone, applied } = track(browser);
    expect(await suppressNoise(microphone, false)).toBe(done);
    expect(applied).toEqual([{ deviceId: "headset", noiseSuppression: false }]);
  });
});
