import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Source, Track, View } from "../wire/types.ts";
import { type TileView, ViewSender, viewsOf } from "./views.ts";

function track(track_id: number, client_id: string, source: Source = "camera"): Track {
  return { track_id, client_id, source, codec: source === "microphone" ? "opus" : "vp9" };
}

const tile = (clientId: string, height: number): TileView => ({ clientId, height });
const view = (track_id: number, height: number): View => ({ track_id, height });

describe("the views", () => {
  const tracks = [track(1, "ann"), track(2, "ann", "microphone"), track(3, "bob"), track(4, "bob", "microphone")];

  it("name the largest pictures first, and the others in the order of their tiles", () => {
    const more = [...tracks, track(5, "cat"), track(6, "dan")];
    const tiles = [tile("dan", 180), tile("bob", 180), tile("cat", 720), tile("ann", 0)];
    expect(viewsOf(more, tiles, undefined)).toEqual([view(5, 720), view(6, 180), view(3, 180), view(1, 0)]);
  });

  it("ask for a small picture until a tile was measured", () => {
    expect(viewsOf(tracks, [tile("ann", 90)], undefined)).toEqual([view(3, 180), view(1, 90)]);
  });

  it("name nothing while nobody measures and everything is heard", () => {
    expect(viewsOf(tracks, undefined, undefined)).toEqual([]);
  });

  it("name every sound once some are not heard", () => {
    expect(viewsOf(tracks, undefined, new Set([4]))).toEqual([view(2, 0), view(4, 1)]);
  });

  it("tell a shared screen from its person's camera", () => {
    const screen: Track = { track_id: 7, client_id: "ann", source: "screen_video", codec: "vp9" };
    const tiles: TileView[] = [tile("ann", 90), { clientId: "ann", source: "screen_video", height: 900 }];
    expect(viewsOf([track(1, "ann"), screen], tiles, undefined)).toEqual([view(7, 900), view(1, 90)]);
  });

  it("fit into what the protocol can carry", () => {
    expect(viewsOf(tracks, [tile("ann", 100_000), tile("bob", 0.2)], undefined)).toEqual([view(1, 65_535), view(3, 1)]);
  });
});

describe("the sender of views", () => {
  let sent: View[][];
  let open: boolean;
  let sender: ViewSender;

  beforeEach(() => {
    vi.useFakeTimers();
    sent = [];
    open = true;
    sender = new ViewSender((views) => {
      if (open) {
        sent.push(views);
      }
      return open;
    });
  });

  afterEach(() => {
    sender.close();
    vi.useRealTimers();
  });

  it("tells of a new track at once and of a tile when it has settled", async () => {
    sender.setTiles([]);
    sender.setTracks([track(1, "ann")]);
    expect(sent).toEqual([[view(1, 180)]]);
    await vi.advanceTimersByTimeAsync(1_000);
    for (let height = 200; height <= 300; height += 10) {
      sender.setTiles([tile("ann", height)]);
      await vi.advanceTimersByTimeAsync(16);
    }
    expect(sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(150);
    expect(sent.slice(1)).toEqual([[view(1, 300)]]);
  });

  it("sends a few times a second at most, the newest at last", async () => {
    sender.setTiles([tile("ann", 100)]);
    for (let id = 1; id <= 100; id += 1) {
      sender.setTracks([track(id, "ann")]);
      await vi.advanceTimersByTimeAsync(20);
    }
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent.length).toBeLessThanOrEqual(8);
    expect(sent.at(-1)).toEqual([view(100, 100)]);
  });

  it("does not repeat itself", async () => {
    sender.setTiles([tile("ann", 100)]);
    sender.setTracks([track(1, "ann")]);
    sender.setTiles([tile("ann", 200)]);
    sender.setTiles([tile("ann", 100)]);
    sender.setTracks([track(1, "ann")]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent).toEqual([[view(1, 100)]]);
  });

  it("tells each session anew, and what changed while there was none", async () => {
    sender.setTiles([tile("ann", 100)]);
    sender.setTracks([track(1, "ann")]);
    open = false;
    sender.setTiles([tile("ann", 50)]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent).toEqual([[view(1, 100)]]);
    open = true;
    sender.repeat();
    expect(sent).toEqual([[view(1, 100)], [view(1, 50)]]);
    sender.repeat();
    expect(sent).toEqual([[view(1, 100)], [view(1, 50)], [view(1, 50)]]);
  });

  it("says when everything is wanted again", async () => {
    sender.setTracks([track(1, "ann", "microphone")]);
    sender.setHeard(new Set());
    expect([...sender.unwanted]).toEqual([1]);
    await vi.advanceTimersByTimeAsync(1_000);
    sender.setHeard(undefined);
    expect(sent).toEqual([[view(1, 0)], []]);
    expect([...sender.unwanted]).toEqual([]);
  });

  it("sends no more than the server takes", () => {
    sender.setTiles([]);
    sender.setTracks(Array.from({ length: 600 }, (_, id) => track(id, `c${id}`)));
    expect(sent[0]).toHaveLength(512);
  });
});
