// When messages go, in words.

import type { Ending } from "../../index.ts";
import { text } from "../text.ts";

/** What a host set, in one sentence; empty when nothing is. */
export function endingWords({ lifetime, burn }: Ending): string {
  const words = lifetime === undefined ? [] : [text.ending.all(durationOf(lifetime))];
  return [...words, ...(burn === true ? [text.ending.allBurn] : [])].join(" ");
}

/** A length of time in the shown language. */
export function durationOf(seconds: number): string {
  const [value, unit] = inUnits(seconds);
  return new Intl.NumberFormat(text.locale, { style: "unit", unit, unitDisplay: "long" }).format(value);
}

function inUnits(seconds: number): readonly [number, "minute" | "hour" | "day"] {
  if (seconds < 3_600) {
    return [seconds / 60, "minute"];
  }
  return seconds < 172_800 ? [seconds / 3_600, "hour"] : [seconds / 86_400, "day"];
}
