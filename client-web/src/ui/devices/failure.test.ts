import { describe, expect, it } from "vitest";
import { DeviceError } from "../../media/devices.ts";
import { failureWords } from "./failure.ts";

describe("a device that does not open in the call", () => {
  it.each([
    ["denied", "The microphone is blocked. Allow the microphone"],
    ["busy", "The microphone is busy. Another program uses the microphone."],
    ["missing", "No microphone found. Plug in a microphone"],
    ["unsuitable", "The microphone does not start. Pick another one"],
  ] as const)("is spoken of by what is wrong: %s", (problem, words) => {
    expect(failureWords("microphone", new DeviceError("microphone", problem)).slice(0, words.length)).toBe(words);
  });

  it("is said not to start when nothing more is known", () => {
    expect(failureWords("camera", new Error("?"))).toMatch(/^The camera does not start/);
  });
});
