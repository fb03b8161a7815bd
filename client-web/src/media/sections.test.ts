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

  it("become idle when their track is gone and are used again for one of that kind", () => {
    const map = new SectionMap<string>();
    const create = counting();
    map.carry([track(1), track(2, "microphone")], create);
    const gone = map.carry([], create);
    expect(gone.idled.map(({ handle }) => handle)).toEqual(["m0", "m1"]);
    expect(map.describe((handle) => handle).map(({ role }) => role)).toEqual(["idle", "idle"]);
    const back = map.carry([track(3, "microphone")], create);
    expect(back.assigned.map(({ handle }) => handle)).toEqual(["m1"]);
    expect(map.size).toBe(2);
  });

  it("never carry audio in a video section", () => {
    const map = new SectionMap<string>();
    const create = counting();
    map.carry([track(1)], create);
    map.carry([track(2, "microphone")], create);
    expect(map.subscriptions.map(({ handle, kind }) => [handle, kind])).toEqual([
      ["m0", "video"],
      ["m1", "audio"],
    ]);
  });

  it("stay as they are for tracks that stay", () => {
    const map = new SectionMap<string>();
    const create = counting();
    map.carry([track(1), track(2)], create);
    const changes = map.carry([track(2), track(1)], create);
    expect(changes).toEqual({ assigned: [], idled: [] });
  });

  it("hand a section over within one update without calling it idle", () => {
    const map = new SectionMap<string>();
    const create = counting();
    map.carry([track(1)], create);
    const { assigned, idled } = map.carry([track(2)], create);
    expect(assigned.map(({ handle, target }) => [handle, target?.track_id])).toEqual([["m0", 2]]);
    expect(idled).toEqual([]);
  });

  it("take a track id with another owner for another track", () => {
    const map = new SectionMap<string>();
    const create = counting();
    map.carry([track(1)], create);
    const { assigned } = map.carry([{ ...track(1), client_id: "other" }], create);
    expect(assigned.map(({ target }) => target?.client_id)).toEqual(["other"]);
  });

  it("leave out what has no mid yet", () => {
    const map = new SectionMap<string>();
    map.carry([track(1)], counting());
    expect(map.describe(() => null)).toEqual([]);
  });
});
