// Thirty digits or so as a QR code (ISO/IEC 18004): always version 1, error correction M, numeric, mask 0.
//
// Every code of this client is that small: one block of 16 bytes and 10 for correction. Readers take any mask.

/** Modules on a side of version 1. */
export const QR_SIZE = 21;
/** Most digits of version 1 with error correction M. */
const MOST_DIGITS = 34;
const DATA_BYTES = 16;
const CORRECTION_BYTES = 10;
/** Error correction M and mask 0, with their own correction (7.9). */
const FORMAT = 0x5412;

/** The dark modules of a code, row by row. */
export function qrOfDigits(digits: string): readonly (readonly boolean[])[] {
  if (!/^\d+$/.test(digits) || digits.length > MOST_DIGITS) {
    throw new RangeError("not digits for a small QR code");
  }
  const data = dataOf(digits);
  const stream = [...data, ...correctionOf(data)].flatMap((byte) => bitsOf(byte, 8));
  const dark = Array.from({ length: QR_SIZE }, () => new Array<boolean | undefined>(QR_SIZE).fill(undefined));
  const set = (x: number, y: number, value: boolean) => {
    const row = dark[y];
    if (row !== undefined && x >= 0 && x < QR_SIZE) {
      row[x] = value;
    }
  };
  drawFixed(set);
  let next = 0;
  for (const [x, y] of path()) {
    if (dark[y]?.[x] === undefined) {
      // Mask 0 turns every second module around; what is left over is light before it.
      set(x, y, (stream[next] === 1) !== ((x + y) % 2 === 0));
      next += 1;
    }
  }
  return dark.map((row) => row.map((module) => module === true));
}

/** The numeric segment with its padding (7.4.3, 7.4.9, 7.4.10). */
function dataOf(digits: string): number[] {
  const bits = [...bitsOf(0b0001, 4), ...bitsOf(digits.length, 10)];
  for (const group of digits.match(/\d{1,3}/g) ?? []) {
    bits.push(...bitsOf(Number(group), 3 * group.length + 1));
  }
  bits.push(...new Array<number>(Math.min(4, DATA_BYTES * 8 - bits.length)).fill(0));
  bits.push(...new Array<number>((8 - (bits.length % 8)) % 8).fill(0));
  const bytes: number[] = [];
  for (let start = 0; start < bits.length; start += 8) {
    bytes.push(bits.slice(start, start + 8).reduce((byte, bit) => byte * 2 + bit, 0));
  }
  for (let pad = 0; bytes.length < DATA_BYTES; pad += 1) {
    bytes.push(pad % 2 === 0 ? 0xec : 0x11);
  }
  return bytes;
}

/** The remainder of the data by the generator polynomial (7.5.2, annex A). */
function correctionOf(data: readonly number[]): number[] {
  let generator = [1];
  for (let power = 0, root = 1; power < CORRECTION_BYTES; power += 1, root = multiply(root, 2)) {
    const shifted = [...generator, 0];
    generator = shifted.map((factor, index) => factor ^ multiply(generator[index - 1] ?? 0, root));
  }
  const rest = [...data, ...new Array<number>(CORRECTION_BYTES).fill(0)];
  for (let index = 0; index < data.length; index += 1) {
    const lead = rest[index] ?? 0;
    for (const [offset, factor] of generator.entries()) {
      rest[index + offset] = (rest[index + offset] ?? 0) ^ multiply(factor, lead);
    }
  }
  return rest.slice(data.length);
}

/** Multiplies in the field of 256 elements with the polynomial 0x11D. */
function multiply(one: number, other: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ (product >> 7 === 0 ? 0 : 0x11d);
    product ^= (other >> bit) % 2 === 0 ? 0 : one;
  }
  return product;
}

/** What is the same in every code: finders with their margins, timing, format. */
function drawFixed(set: (x: number, y: number, dark: boolean) => void): void {
  for (let at = 0; at < QR_SIZE; at += 1) {
    set(6, at, at % 2 === 0);
    set(at, 6, at % 2 === 0);
  }
  for (const [left, top] of [
    [0, 0],
    [QR_SIZE - 7, 0],
    [0, QR_SIZE - 7],
  ] as const) {
    for (let x = -1; x <= 7; x += 1) {
      for (let y = -1; y <= 7; y += 1) {
        const ring = Math.max(Math.abs(x - 3), Math.abs(y - 3));
        set(left + x, top + y, ring !== 2 && ring !== 4);
      }
    }
  }
  const bit = (index: number) => (FORMAT >> index) % 2 === 1;
  for (let index = 0; index < 15; index += 1) {
    if (index < 8) {
      set(8, index < 6 ? index : index + 1, bit(index));
      set(QR_SIZE - 1 - index, 8, bit(index));
    } else {
      set(index === 8 ? 7 : 14 - index, 8, bit(index));
      set(8, QR_SIZE - 15 + index, bit(index));
    }
  }
  set(8, QR_SIZE - 8, true);
}

/** The modules in the order of the bits: pairs of columns from the right, up and down in turn (7.7.3). */
function* path(): Generator<readonly [x: number, y: number]> {
  let up = true;
  // The column of the timing pattern is no part of a pair.
  for (const right of [20, 18, 16, 14, 12, 10, 8, 5, 3, 1]) {
    for (let step = 0; step < QR_SIZE; step += 1) {
      const y = up ? QR_SIZE - 1 - step : step;
      yield [right, y];
      yield [right - 1, y];
    }
    up = !up;
  }
}

function bitsOf(value: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => (value >> (count - 1 - index)) & 1);
}
