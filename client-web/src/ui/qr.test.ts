import { describe, expect, it } from "vitest";
import { QR_SIZE, qrOfDigits } from "./qr.ts";

/** As another implementation (uqr 0.1.3, version 1, M, mask 0) draws it. */
const DRAWN = `
#######....##.#######
#.....#.##....#.....#
#.###.#...#.#.#.###.#
#.###.#....#..#.###.#
#.###.#.#.#.#.#.###.#
#.....#..##.#.#.....#
#######.#.#.#.#######
..........###........
#.#.#.#..###....#..#.
.#......####..#..#.##
#...#.#..##.##......#
.#..##...###.##..#.##
...##.##..#..#..#..#.
........#.#.#.###.#..
#######..###.###..#..
#.....#....#####.#..#
#.###.#.##.#.#.######
#.###.#..##..##.##.#.
#.###.#.#.#####.###.#
#.....#...##.#.#.##..
#######.#...####.#..#`.trim();

const drawn = (digits: string) =>
  qrOfDigits(digits)
    .map((row) => row.map((dark) => (dark ? "#" : ".")).join(""))
    .join("\n");

describe("a QR code", () => {
  it("is the one that another implementation draws", () => {
    expect(drawn("482139017752846103957740261958")).toBe(DRAWN);
  });

  it("has the same size whatever the digits are, and another look for others", () => {
    for (const digits of ["0", "12", "1".repeat(34)]) {
      expect(qrOfDigits(digits).flat()).toHaveLength(QR_SIZE * QR_SIZE);
    }
    expect(drawn("482139017752846103957740261959")).not.toBe(DRAWN);
  });

  it("is refused for what does not fit", () => {
    for (const text of ["", "12a", "1".repeat(35)]) {
      expect(() => qrOfDigits(text)).toThrow(RangeError);
    }
  });
});
