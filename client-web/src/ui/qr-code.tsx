// Digits as a QR code, drawn as one path.

import { useMemo } from "preact/hooks";
import { QR_SIZE, qrOfDigits } from "./qr.ts";

interface Properties {
  /** Digits; what stands between them is left out. */
  readonly value: string;
  /** What it is, for those who do not see it. */
  readonly label: string;
}

/** Light modules around the code (ISO/IEC 18004, 6.3.8). */
const QUIET = 4;

export function QrCode({ value, label }: Properties) {
  const squares = useMemo(() => pathOf(qrOfDigits(value.replaceAll(/\D/g, ""))), [value]);
  const side = QR_SIZE + 2 * QUIET;
  return (
    <svg class="qr-code" viewBox={`${-QUIET} ${-QUIET} ${side} ${side}`} role="img" aria-label={label}>
      <path d={squares} />
    </svg>
  );
}

/** One square for each dark module. */
function pathOf(rows: readonly (readonly boolean[])[]): string {
  return rows.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
}
