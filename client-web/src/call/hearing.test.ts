import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Track, TrackId } from "../wire/types.ts";
import { Hearing, MOST_HEARD } from "./hearing.ts";

function microphones(count: number): Track[] {
  return Array.from({ length: count }, (_, id) => ({
    track_id: id,
    client_id: `c${id}`,
    source: "microphone" as const,
    codec: "opus" as const,
  }));
}

const clients = (ids: readonly number[]) => new Set(ids.map((id) => `c${id}`));
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

let wanted: (ReadonlySet<TrackId> | undefined)[];
let hearing: Hearing;
const last = () => wanted.at(-1);

beforeEach(() => {
  vi.useFakeTimers();
  wanted = [];
  hearing = new Hearing((tracks) => wanted.push(tracks));
});

afterEach(() => {
  hearing.close();
  vi.useRealTimers();
});

describe("whose sound is wanted", () => {
  it("is that of a shared screen too, whose person is muted", () => {
    const screen: Track = { track_id: 99, client_id: "c0", source: "screen_audio", codec: "opus" };
    hearing.setMuted(clients(range(0, MOST_HEARD)));
    hearing.setTracks([...microphones(MOST_HEARD), screen]);
    expect(last()?.has(99)).toBe(true);
  });

  it("is everybody's in a call of a size that people can follow, whoever speaks or is muted", async () => {
    hearing.setTracks(microphones(MOST_HEARD));
    hearing.setMuted(clients([1, 2]));
    hearing.setSpeaking(new Set([3]));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(wanted).toEqual([]);
  });

  it("is everybody's with an open microphone before anybody's without", () => {
    hearing.setTracks(microphones(100));
    hearing.setMuted(clients(range(0, 90)));
    expect(last()?.size).toBe(MOST_HEARD);
    expect(range(90, 100).every((track) => last()?.has(track))).toBe(true);
    hearing.setMuted(clients([...range(0, 40), ...range(41, 90)]));
    expect(last()?.has(40)).toBe(true);
  });

  it("is everybody's again when enough have left", () => {
    hearing.setTracks(microphones(30));
    hearing.setTracks(microphones(20));
    expect(wanted).toHaveLength(2);
    expect(last()).toBeUndefined();
  });

  it("goes round among open microphones until each was heard", async () => {
    hearing.setTracks(microphones(100));
    const heard = new Set<TrackId>();
    // 16 of 100 are heard all the time, 8 places go round among the other 84.
    for (let step = 0; step < Math.ceil(84 / 8); step += 1) {
      expect(last()?.size).toBe(MOST_HEARD);
      for (const track of last() ?? []) {
        heard.add(track);
      }
      await vi.advanceTimersByTimeAsync(600);
    }
    expect(heard.size).toBe(100);
  });

  it("stays with who speaks, and with who spoke a moment ago", async () => {
    hearing.setTracks(microphones(100));
    hearing.setSpeaking(new Set([77]));
    await vi.advanceTimersByTimeAsync(120_000);
    expect(last()?.has(77)).toBe(true);
    hearing.setSpeaking(new Set([78]));
    let steps = 0;
    for (const until = performance.now() + 59_000; performance.now() < until; steps += 1) {
      expect(last()?.has(77)).toBe(true);
      await vi.advanceTimersByTimeAsync(600);
    }
    expect(steps).toBeGreaterThan(90);
  });

  it("is searched at the same pace while people begin and end to speak", async () => {
    hearing.setTracks(microphones(100));
    wanted = [];
    for (let turn = 0; turn < 60; turn += 1) {
      hearing.setSpeaking(new Set(turn % 2 === 0 ? [1] : []));
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(wanted.length).toBeGreaterThanOrEqual(10);
    expect(wanted.length).toBeLessThanOrEqual(11);
  });

  it("forgets who left", () => {
    hearing.setTracks(microphones(100));
    hearing.setSpeaking(new Set([99]));
    hearing.setSpeaking(new Set());
    hearing.setTracks(microphones(50));
    hearing.setTracks(microphones(100));
    expect(last()?.has(99)).toBe(false);
  });
});
