// Digits as a QR code, drawn as one path.

import { useMemo } from "preact/hooks";
import { encode } from "uqr";

interface Properties {
  /** Digits; what stands between them is left out. */
  readonly value: string;
  /** What it is, for those who do not see it. */
  readonly label: string;
}

/** Light modules around the code (ISO/IEC 18004, 6.3.8). */
const QUIET = 4;

export function QrCode({ value, label }: Properties) {
  const { size, data } = useMemo(() => encode(value.replaceAll(/\D/g, ""), { ecc: "M", border: QUIET }), [value]);
  return (
    <svg class="qr-code" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label}>
      <path d={pathOf(data)} />
    </svg>
  );
}

/** One square for each dark module. */
function pathOf(rows: readonly (readonly boolean[])[]): string {
  return rows.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
}
