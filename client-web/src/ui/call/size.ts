// A number of bytes in words.

import { text } from "../text.ts";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

/**
 * For example "1.4 MB", in steps of 1024: limits are set in such, and "200 MB" shall be 200. A part of `whole` bytes is
 * told in the unit of the whole.
 */
export function sizeOf(bytes: number, whole = bytes): string {
  const step = whole < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(whole) / 10));
  const unit = UNITS[step] ?? "byte";
  const options = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(text.locale, options).format(bytes / 1_024 ** step);
}
