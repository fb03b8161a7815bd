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
  const [value, unit] = seconds < 3_600 ? [seconds / 60, "minute"] : [seconds / 3_600, "hour"];
  return new Intl.NumberFormat(text.locale, { style: "unit", unit, unitDisplay: "long" }).format(value);
}
