import { describe, expect, it } from "vitest";
import { actionOf, KEYS } from "./shortcuts.ts";

const press = (key: string, change = {}) => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  repeat: false,
  ...change,
});

describe("the keys of the call", () => {
  it("are all different", () => {
    expect(new Set(Object.values(KEYS)).size).toBe(Object.keys(KEYS).length);
  });

  it("act in upper and lower case", () => {
    expect(actionOf(press("m"), "none")).toBe("microphone");
    expect(actionOf(press("M"), "control")).toBe("microphone");
    expect(actionOf(press("?"), "none")).toBe("help");
  });

  it("are typing where something is typed", () => {
    for (const key of [...Object.values(KEYS), " "]) {
      expect(actionOf(press(key), "text")).toBeUndefined();
    }
  });

  it("leave the browser's own shortcuts and held keys alone", () => {
    for (const change of [{ ctrlKey: true }, { metaKey: true }, { altKey: true }, { repeat: true }]) {
      expect(actionOf(press("g", change), "none")).toBeUndefined();
    }
  });

  it("let people talk by the space bar only where it does nothing else", () => {
    expect(actionOf(press(" "), "none")).toBe("talk");
    expect(actionOf(press(" "), "control")).toBeUndefined();
  });
});
