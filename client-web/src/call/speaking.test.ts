import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { TrackId } from "../wire/types.ts";
import { OtherVoices, Voice } from "./speaking.ts";

describe("a voice", () => {
  it("begins at its level and goes on at half of it", () => {
    const voice = new Voice(0.04);
    expect(voice.hear(0.03, 0)).toBe(false);
    expect(voice.hear(0.04, 1_000)).toBe(true);
    expect(voice.hear(0.019, 2_000)).toBe(false);
    expect(voice.hear(0.02, 2_500)).toBe(false);
    expect(voice.hear(0.04, 3_000)).toBe(true);
    expect(voice.hear(0.02, 3_600)).toBe(true);
    expect(voice.hear(0.02, 4_200)).toBe(true);
    expect(voice.hear(0.019, 4_800)).toBe(true);
    expect(voice.hear(0.019, 4_900)).toBe(false);
  });

  it("does not flicker in the pauses between words", () => {
    const voice = new Voice(0.04);
    const heard = [0.2, 0, 0, 0.1, 0, 0, 0, 0.3].map((level, index) => voice.hear(level, index * 200));
    expect(heard).toEqual(heard.map(() => true));
  });
});

describe("the voices of others", () => {
  let levels: ReadonlyMap<TrackId, number>;
  let told: TrackId[][];
  let voices: OtherVoices;

  beforeEach(() => {
    vi.useFakeTimers();
    levels = new Map();
    told = [];
    voices = new OtherVoices(
      async () => levels,
      (speaking) => told.push([...speaking]),
    );
  });

  afterEach(() => {
    voices.close();
    vi.useRealTimers();
  });

  it("are told when they begin and when they end, and not in between", async () => {
    levels = new Map([
      [7, 0.3],
      [8, 0.001],
    ]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told).toEqual([[7]]);
    levels = new Map([
      [7, 0],
      [8, 0.3],
    ]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told).toEqual([[7], [7, 8], [8]]);
  });

  it("end with a track that is not played any more", async () => {
    levels = new Map([[7, 0.3]]);
    await vi.advanceTimersByTimeAsync(400);
    levels = new Map();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told).toEqual([[7], []]);
  });

  it("survive a measurement that fails", async () => {
    voices.close();
    let broken = true;
    voices = new OtherVoices(
      async () => {
        if (broken) {
          throw new Error("the connection is closed");
        }
        return levels;
      },
      (speaking) => told.push([...speaking]),
    );
    levels = new Map([[7, 0.3]]);
    await vi.advanceTimersByTimeAsync(400);
    expect(told).toEqual([]);
    broken = false;
    await vi.advanceTimersByTimeAsync(400);
    expect(told).toEqual([[7]]);
  });

  it("say nothing once closed", async () => {
    levels = new Map([[7, 0.3]]);
    voices.close();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told).toEqual([]);
  });
});
