// Measures the tiles of the call: how many device pixels each picture has on the screen, and which are seen at all.

import type { TileView } from "../../index.ts";

/** Cameras send 16:9, and a tile shows a part of the picture that fills it. */
const PICTURE_ASPECT = 16 / 9;

/** Whose picture, and which. */
export type Picture = Omit<TileView, "height">;

interface Tile extends Picture {
  width: number;
  height: number;
  /** Within the window, not scrolled out of it. */
  seen: boolean;
}

/** Watches tiles and reports them all whenever one of them changes. */
export class TileWatch {
  readonly #tiles = new Map<Element, Tile>();
  readonly #report: (tiles: readonly TileView[]) => void;
  /** Pictures on other pages. */
  #away: readonly Picture[] = [];
  #equal = false;
  readonly #sizes = new ResizeObserver((entries) => this.#measure(entries));
  readonly #sight = new IntersectionObserver((entries) => this.#look(entries));
  readonly #tell = () =>
    this.#report(viewsOf(this.#tiles.values(), scaleOf(window, document), this.#away, this.#equal));

  constructor(report: (tiles: readonly TileView[]) => void) {
    this.#report = report;
    document.addEventListener("visibilitychange", this.#tell);
    // Another screen or zoom has other device pixels.
    addEventListener("resize", this.#tell);
    this.#tell();
  }

  /** Watches the tile of a picture until the returned function is called. */
  watch(element: Element, picture: Picture): () => void {
    this.#tiles.set(element, { ...picture, width: 0, height: 0, seen: true });
    this.#sizes.observe(element);
    this.#sight.observe(element);
    return () => {
      this.#tiles.delete(element);
      this.#sizes.unobserve(element);
      this.#sight.unobserve(element);
      this.#tell();
    };
  }

  /**
   * Says what is on other pages, and that all cameras are to be reported as large as the largest: what grows with a voice
   * would tell the server who speaks.
   */
  setPage(away: readonly Picture[], equal: boolean): void {
    this.#away = away;
    this.#equal = equal;
    this.#tell();
  }

  close(): void {
    document.removeEventListener("visibilitychange", this.#tell);
    removeEventListener("resize", this.#tell);
    this.#sizes.disconnect();
    this.#sight.disconnect();
  }

  #measure(entries: readonly ResizeObserverEntry[]): void {
    for (const { target, contentRect } of entries) {
      const tile = this.#tiles.get(target);
      if (tile !== undefined) {
        tile.width = contentRect.width;
        tile.height = contentRect.height;
      }
    }
    this.#tell();
  }

  #look(entries: readonly IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const tile = this.#tiles.get(target);
      if (tile !== undefined) {
        tile.seen = isIntersecting;
      }
    }
    this.#tell();
  }
}

/** The views of tiles, in their order. `scale`: device pixels in a CSS pixel, 0 when the page is not seen. */
export function viewsOf(
  tiles: Iterable<Readonly<Tile>>,
  scale: number,
  away: readonly Picture[] = [],
  equal = false,
): TileView[] {
  const views = [...tiles].map(({ width, height, seen, ...picture }) => ({
    ...picture,
    height: seen ? Math.round(Math.max(height, width / PICTURE_ASPECT) * scale) : 0,
  }));
  const isCamera = ({ source = "camera" }: Picture) => source === "camera";
  const largest = Math.max(0, ...views.filter(isCamera).map((view) => view.height));
  const levelled = equal
    ? views.map((view) => (isCamera(view) ? { ...view, height: view.height > 0 ? largest : 0 } : view))
    : views;
  if (equal) {
    // Nor may the order tell.
    levelled.sort((a, b) => (a.clientId < b.clientId ? -1 : 1));
  }
  return [...levelled, ...away.map((picture) => ({ ...picture, height: 0 }))];
}

function scaleOf({ devicePixelRatio }: Window, { visibilityState }: Document): number {
  return visibilityState === "hidden" ? 0 : devicePixelRatio;
}
