// Where pictures go in a recording: shared screens large, people beside them.

import { bestGrid } from "../call/grid.ts";

/** A place in the picture, in its pixels. */
export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The share of the width that screens get beside people. */
const SCREENS_WIDTH = 0.78;
const GAP = 8;

/** The places of so many screens and, after them, of so many people. */
export function compose(screens: number, people: number, width: number, height: number): readonly Area[] {
  if (screens === 0) {
    return gridIn({ x: 0, y: 0, width, height }, people);
  }
  const split = people === 0 ? width : Math.round(width * SCREENS_WIDTH);
  return [
    ...gridIn({ x: 0, y: 0, width: split, height }, screens),
    ...gridIn({ x: split, y: 0, width: width - split, height }, people),
  ];
}

/** The part of a picture that fills an area when as little as possible is cut off. */
export function coverOf(picture: { readonly width: number; readonly height: number }, area: Area): Area {
  const scale = Math.max(area.width / picture.width, area.height / picture.height);
  const [width, height] = [area.width / scale, area.height / scale];
  return { x: (picture.width - width) / 2, y: (picture.height - height) / 2, width, height };
}

/** The part of an area that shows a picture whole. */
export function containOf(picture: { readonly width: number; readonly height: number }, area: Area): Area {
  const scale = Math.min(area.width / picture.width, area.height / picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  return { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
}

function gridIn(area: Area, count: number): Area[] {
  if (count === 0) {
    return [];
  }
  const { columns, rows, tileWidth, tileHeight } = bestGrid(count, {
    width: area.width - 2 * GAP,
    height: area.height - 2 * GAP,
    gap: GAP,
  });
  const top = area.y + (area.height - rows * (tileHeight + GAP) + GAP) / 2;
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    // The last row may be shorter, and stands in the middle.
    const inRow = row === rows - 1 ? count - row * columns : columns;
    const left = area.x + (area.width - inRow * (tileWidth + GAP) + GAP) / 2;
    return {
      x: left + (index % columns) * (tileWidth + GAP),
      y: top + row * (tileHeight + GAP),
      width: tileWidth,
      height: tileHeight,
    };
  });
}
