import { describe, expect, it } from "vitest";
import type { Track } from "../wire/types.ts";
import { SectionMap } from "./sections.ts";

function track(track_id: number, source: Track["source"] = "camera"): Track {
  return { track_id, client_id: `c${track_id}`, source, codec: source === "microphone" ? "opus" : "vp9" };
}

/** Sections named like mids, in the order they were made. */
function counting() {
  let next = 0;
  return () => `m${next++}`;
}

describe("the media sections", () => {
  it("are described by mid, with their use", () => {
    const map = new SectionMap<string>();
    map.addPublish("p", "microphone");
    map.carry([track(1)], counting());
    expect(map.describe((handle) => handle)).toEqual([
      { mid: "p", role: "publish", source: "microphone" },
      { mid: "m0", role: "subscribe", track_id: 1 },
    ]);
  });

  it("are given up with their track and never used again", () => {
    const map = new SectionMap<string>();
    const create = counting();
    map.carry([track(1), track(2, "microphone")], create);
    expect(map.carry([track(2, "microphone")], create).map(({ handle }) => handle)).toEqual(["m0"]);
    expect(map.carry([track(2, "microphone"), track(3)], create)).toEqual([]);
    expect(map.describe((handle) => handle)).toEqual([
      { mid: "m1", role: "subscribe", track_id: 2 },
      { mid: "m2", role: "subscribe", track_id: 3 },
    ]);
  });

  it("stay as they are for tracks that stay", () => {
    const map = new SectionMap<string>();
    const create = counting();
    map.carry([track(1), track(2)], create);
    expect(map.carry([track(2), track(1)], create)).toEqual([]);
    expect(map.subscriptions.map(({ handle }) => handle)).toEqual(["m0", "m1"]);
  });

  it("take a track id with another owner for another track", () => {
    const map = new SectionMap<string>();
    const create = counting();
    map.carry([track(1)], create);
    expect(map.carry([{ ...track(1), client_id: "other" }], create).map(({ handle }) => handle)).toEqual(["m0"]);
    expect(map.subscriptions.map(({ handle, track: { client_id } }) => [handle, client_id])).toEqual([["m1", "other"]]);
  });

  it("leave out what has no mid yet", () => {
    const map = new SectionMap<string>();
    map.carry([track(1)], counting());
    expect(map.describe(() => null)).toEqual([]);
  });
});
