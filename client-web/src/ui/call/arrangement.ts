// Where every tile stands: a grid with pages, or a few large and a strip of the others.

import { bestGrid, pageSize, type Stage } from "./grid.ts";

/** A tile's place in CSS pixels; x counts from the side where reading begins. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What is shown: people, and shared screens, each by a name of its own. */
export interface Cast {
  /** Shown large. */
  readonly mains: readonly string[];
  readonly others: readonly string[];
}

/** The tiles of the present page. */
export interface Arrangement {
  readonly places: ReadonlyMap<string, Place>;
  readonly page: number;
  readonly pages: number;
}

/** The strip's share of the stage, and the least and most it gets in CSS pixels. */
const STRIP = { share: 0.2, beside: { least: 130, most: 280 }, below: { least: 76, most: 170 } };
/** Tiles of the strip: width by height. */
const STRIP_ASPECT = { beside: 16 / 10, below: 0.95 };

/** Places the cast on the stage; a page that is not there becomes the last one. */
export function arrange({ mains, others }: Cast, stage: Stage, page: number): Arrangement {
  if (mains.length === 0) {
    const size = pageSize(others.length, stage);
    const part = partOf(others, size, page);
    return { ...part, places: gridOf(part.members, stage, { x: 0, y: 0 }) };
  }
  if (others.length === 0) {
    return { places: gridOf(mains, stage, { x: 0, y: 0 }), page: 0, pages: 1 };
  }
  return withStrip(mains, others, stage, page);
}

function withStrip(mains: readonly string[], others: readonly string[], stage: Stage, page: number): Arrangement {
  const { width, height, gap } = stage;
  const beside = width >= height;
  const limits = beside ? STRIP.beside : STRIP.below;
  const across = Math.min(limits.most, Math.max(limits.least, (beside ? width : height) * STRIP.share));
  const along = beside ? across / STRIP_ASPECT.beside : across * STRIP_ASPECT.below;
  const room = beside ? height : width;
  const part = partOf(others, Math.max(1, Math.floor((room + gap) / (along + gap))), page);
  const area = beside ? { width: width - across - gap, height, gap } : { width, height: height - across - gap, gap };
  const places = new Map(gridOf(mains, area, { x: 0, y: 0 }));
  const used = part.members.length * (along + gap) - gap;
  for (const [index, member] of part.members.entries()) {
    const from = Math.max(0, (room - used) / 2) + index * (along + gap);
    places.set(
      member,
      beside
        ? whole({ x: width - across, y: from, width: across, height: along })
        : whole({ x: from, y: height - across, width: along, height: across }),
    );
  }
  return { ...part, places };
}

/** A grid in the middle of the stage; its last row is in the middle too. */
function gridOf(members: readonly string[], stage: Stage, at: { x: number; y: number }): Map<string, Place> {
  const { columns, rows, tileWidth, tileHeight } = bestGrid(members.length, stage);
  const { width, height, gap } = stage;
  const top = Math.max(0, (height - (rows * (tileHeight + gap) - gap)) / 2);
  return new Map(
    members.map((member, index) => {
      const row = Math.floor(index / columns);
      const inRow = Math.min(columns, members.length - row * columns);
      const left = (width - (inRow * (tileWidth + gap) - gap)) / 2;
      const x = at.x + left + (index % columns) * (tileWidth + gap);
      const y = at.y + top + row * (tileHeight + gap);
      return [member, whole({ x, y, width: tileWidth, height: tileHeight })];
    }),
  );
}

function partOf(members: readonly string[], size: number, wanted: number) {
  const pages = Math.max(1, Math.ceil(members.length / size));
  const page = Math.min(pages - 1, Math.max(0, wanted));
  return { members: members.slice(page * size, (page + 1) * size), page, pages };
}

/** Whole pixels: a picture between two pixels is blurred. */
function whole({ x, y, width, height }: Place): Place {
  return { x: Math.round(x), y: Math.round(y), width: Math.floor(width), height: Math.floor(height) };
}
