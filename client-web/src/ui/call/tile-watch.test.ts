import { describe, expect, it } from "vitest";
import { viewsOf } from "./tile-watch.ts";

const tile = (clientId: string, width: number, height: number, seen = true) => ({ clientId, width, height, seen });

describe("the views of tiles", () => {
  it("are in device pixels of the whole picture, of which a narrow tile shows a part", () => {
    expect(viewsOf([tile("wide", 320, 180), tile("narrow", 100, 180), tile("flat", 640, 180)], 1.5)).toEqual([
      { clientId: "wide", height: 270 },
      { clientId: "narrow", height: 270 },
      { clientId: "flat", height: 540 },
    ]);
  });

  it("are nothing for a tile that is scrolled out of sight, and for all on a page that is not seen", () => {
    expect(viewsOf([tile("a", 320, 180, false), tile("b", 320, 180)], 1)).toEqual([
      { clientId: "a", height: 0 },
      { clientId: "b", height: 180 },
    ]);
    expect(viewsOf([tile("b", 320, 180)], 0)).toEqual([{ clientId: "b", height: 0 }]);
  });

  it("are nothing for people on other pages", () => {
    expect(viewsOf([tile("a", 320, 180)], 1, [{ clientId: "b" }])).toEqual([
      { clientId: "a", height: 180 },
      { clientId: "b", height: 0 },
    ]);
  });

  it("are as large as it is for a shared screen, which no voice chose", () => {
    const screen = { ...tile("ana", 1280, 720), source: "screen_video" as const };
    expect(viewsOf([screen, tile("bo", 160, 90), tile("cyd", 320, 180)], 1, [], true)).toEqual([
      { clientId: "ana", source: "screen_video", height: 720 },
      { clientId: "bo", height: 180 },
      { clientId: "cyd", height: 180 },
    ]);
  });

  it("do not tell whose tile is the large one where a voice chose it", () => {
    const [ana, bo] = [tile("ana", 160, 90), tile("bo", 1280, 720)];
    const whenBoSpeaks = viewsOf([bo, ana], 1, [], true);
    const whenAnaSpeaks = viewsOf(
      [
        { ...ana, width: 1280, height: 720 },
        { ...bo, width: 160, height: 90 },
      ],
      1,
      [],
      true,
    );
    expect(whenBoSpeaks).toEqual(whenAnaSpeaks);
    expect(viewsOf([bo, tile("away", 160, 90, false)], 1, [], true)).toContainEqual({ clientId: "away", height: 0 });
  });
});
