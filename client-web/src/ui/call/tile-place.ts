// A tile's place as what its style sheet wants to know.

import type { Place } from "./arrangement.ts";

/** Small tiles have no room for sentences. */
export function sizeOf(place: Place): "small" | "large" {
  return place.width < 240 || place.height < 150 ? "small" : "large";
}

export function placeStyle(place: Place): Readonly<Record<string, string>> {
  return {
    "--x": `${place.x}px`,
    "--y": `${place.y}px`,
    "--tile-width": `${place.width}px`,
    "--tile-height": `${place.height}px`,
    "--avatar": `${Math.round(Math.min(place.width, place.height) * 0.4)}px`,
  };
}
