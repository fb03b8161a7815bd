// What is shown and heard of the others, told to the server no more often than it helps.
import { kindOf } from "../media/sections.ts";
import type { Track, TrackId, View } from "../wire/types.ts";

/** How large somebody's picture is on the screen. */
export interface TileView {
  readonly clientId: string;
  /** Which picture it is; without it the camera's. */
  readonly source?: "camera" | "screen_video";
  /** Height of the whole picture in device pixels; 0 when it cannot be seen now. */
  readonly height: number;
}

/** Changes within this time make one message. */
const SETTLE_MS = 150;
/** Shortest time between two messages. */
const INTERVAL_MS = 300;
/** Height asked for until a newcomer's tile was measured: the first picture comes soon and costs little. */
const UNMEASURED_HEIGHT = 180;
/** The server takes no more. */
const MAX_VIEWS = 512;
const MAX_HEIGHT = 0xffff;

/**
 * The views of `tracks`. Pictures come first, the largest before the others; those of one size stay in the order of their
 * tiles, for an order by who speaks would tell the server who does. Without `tiles` every picture is wanted large, without
 * `heard` every sound.
 */
export function viewsOf(
  tracks: readonly Track[],
  tiles: readonly TileView[] | undefined,
  heard: ReadonlySet<TrackId> | undefined,
): View[] {
  const places = new Map(
    tiles?.map(({ clientId, source = "camera", height }, place) => [
      `${source} ${clientId}`,
      { height: pixels(height), place },
    ]),
  );
  const placeOf = ({ source, client_id }: Track) =>
    places.get(`${source} ${client_id}`) ?? { height: UNMEASURED_HEIGHT, place: places.size };
  const pictures = tracks.filter((track) => tiles !== undefined && kindOf(track.source) === "video");
  const views = pictures
    .map((track) => ({ track_id: track.track_id, ...placeOf(track) }))
    .sort((a, b) => b.height - a.height || a.place - b.place || a.track_id - b.track_id)
    .map(({ track_id, height }): View => ({ track_id, height }));
  for (const { track_id, source } of tracks) {
    if (heard !== undefined && kindOf(source) === "audio") {
      views.push({ track_id, height: heard.has(track_id) ? 1 : 0 });
    }
  }
  return views;
}

/** Sends the views when they changed and settled. */
export class ViewSender {
  #tracks: readonly Track[] = [];
  #tiles: readonly TileView[] | undefined;
  #heard: ReadonlySet<TrackId> | undefined;
  #views: readonly View[] = [];
  /** What the server knows. */
  #sent = "[]";
  #sentAt = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `send` says whether there was a session to send it in. */
  constructor(private readonly send: (views: View[]) => boolean) {}

  /** Tracks of which nothing is wanted. */
  get unwanted(): ReadonlySet<TrackId> {
    return new Set(this.#views.filter(({ height }) => height === 0).map(({ track_id }) => track_id));
  }

  /** New tracks are told at once: the server takes a track that it was told nothing of for one shown large. */
  setTracks(tracks: readonly Track[]): void {
    this.#tracks = tracks;
    this.#change(0);
  }

  setTiles(tiles: readonly TileView[]): void {
    this.#tiles = tiles;
    this.#change(SETTLE_MS);
  }

  setHeard(heard: ReadonlySet<TrackId> | undefined): void {
    this.#heard = heard;
    this.#change(0);
  }

  /** Tells all of it again, or as soon as there is a session: the server may have forgotten it. */
  repeat(): void {
    this.#sent = "[]";
    this.#sentAt = Number.NEGATIVE_INFINITY;
    this.#change(0);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #change(delayMs: number): void {
    this.#views = viewsOf(this.#tracks, this.#tiles, this.#heard).slice(0, MAX_VIEWS);
    clearTimeout(this.#timer);
    const wait = Math.max(delayMs, this.#sentAt + INTERVAL_MS - performance.now());
    if (JSON.stringify(this.#views) === this.#sent) {
      return;
    }
    if (wait <= 0) {
      this.#flush();
    } else {
      this.#timer = setTimeout(() => this.#flush(), wait);
    }
  }

  #flush(): void {
    if (this.send([...this.#views])) {
      this.#sent = JSON.stringify(this.#views);
      this.#sentAt = performance.now();
    }
  }
}

function pixels(height: number): number {
  return Math.max(0, Math.min(MAX_HEIGHT, Math.ceil(height)));
}
