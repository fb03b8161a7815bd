import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { decodeMessage } from "./app-message.ts";
import { CAPTION_BYTES, CAPTION_EVERY_MS, CaptionGate, encodeCaption, MAX_CAPTION, OwnCaptions } from "./caption.ts";

const bytes = (payload: string) => new TextEncoder().encode(payload).length;

describe("a caption", () => {
  it("has one size, whatever is said, and survives its journey", () => {
    for (const text of [
      "",
      "Hello",
      'She said "hello \\ goodbye"',
      "ب".repeat(MAX_CAPTION),
      "語".repeat(MAX_CAPTION),
    ]) {
      const payload = encodeCaption({ text, final: true });
      expect(bytes(payload)).toBe(CAPTION_BYTES);
      expect(decodeMessage(payload)).toEqual({ message: { type: "caption", caption: { text, final: true } } });
    }
  });

  it("is cut where it has no room, and is then of the same size", () => {
    const payload = encodeCaption({ text: "\ud800".repeat(MAX_CAPTION), final: false });
    expect(bytes(payload)).toBe(CAPTION_BYTES);
  });

  it("is dropped when it is none, and turns no direction", () => {
    for (const fields of [
      { text: 5, final: true },
      { text: "x" },
      { text: "x".repeat(MAX_CAPTION + 1), final: true },
    ]) {
      expect(decodeMessage(JSON.stringify({ type: "caption", ...fields }))).toEqual({ fault: "bad_fields" });
    }
    const turned = JSON.stringify({ type: "caption", text: "a\u202eb", final: true });
    expect(decodeMessage(turned)).toEqual({ message: { type: "caption", caption: { text: "ab", final: true } } });
  });
});

describe("own captions", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("go out at one pace, also when nothing is said, and stop when they are closed", () => {
    const sent: string[] = [];
    const own = new OwnCaptions((payload) => sent.push(payload));
    vi.advanceTimersByTime(2 * CAPTION_EVERY_MS);
    own.add({ text: "Good mor", final: false });
    own.add({ text: "Good morning", final: false });
    vi.advanceTimersByTime(CAPTION_EVERY_MS);
    own.add({ text: "Good morning.", final: true });
    own.add({ text: "Shall we?", final: true });
    own.add({ text: "I", final: false });
    vi.advanceTimersByTime(2 * CAPTION_EVERY_MS);
    own.close();
    vi.advanceTimersByTime(5 * CAPTION_EVERY_MS);
    const texts = sent.map((payload) => {
      const { text, final } = JSON.parse(payload) as { text: string; final: boolean };
      return [text, final];
    });
    expect(texts).toEqual([
      ["", false],
      ["", false],
      ["Good morning", false],
      ["Good morning. Shall we?", true],
      ["I", false],
    ]);
    expect(new Set(sent.map(bytes))).toEqual(new Set([CAPTION_BYTES]));
  });

  it("lose nothing of a long speech", () => {
    const heard: string[] = [];
    const own = new OwnCaptions((payload) => heard.push((JSON.parse(payload) as { text: string }).text));
    const speech = Array.from({ length: 90 }, (_, index) => String(index).padStart(4, "0")).join("");
    own.add({ text: speech, final: true });
    vi.advanceTimersByTime(3 * CAPTION_EVERY_MS);
    own.close();
    expect(heard.join("")).toBe(speech);
  });
});

describe("the gate of captions", () => {
  it("takes the pace of honest clients for ever, and no flood", () => {
    const gate = new CaptionGate();
    for (let second = 0; second < 60; second += 1) {
      expect(gate.allows("ann", second * CAPTION_EVERY_MS)).toBe(true);
    }
    const flood = Array.from({ length: 100 }, () => gate.allows("eve", 0));
    expect(flood.filter((taken) => taken)).toHaveLength(20);
    expect(gate.allows("ann", 60_000)).toBe(true);
    gate.keepOnly(new Set(["ann"]));
    expect(gate.allows("eve", 0)).toBe(true);
  });
});
