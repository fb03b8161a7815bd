import { describe, expect, it } from "vitest";
import { bestGrid } from "./grid.ts";

const PHONE = { width: 344, height: 600, gap: 6 };
const LAPTOP = { width: 1240, height: 670, gap: 12 };
const FOUR_K = { width: 3800, height: 2000, gap: 12 };

describe("bestGrid", () => {
  it("fits every count up to 200 into every stage, or scrolls", () => {
    for (const stage of [PHONE, LAPTOP, FOUR_K, { width: 300, height: 120, gap: 6 }]) {
      for (let count = 1; count <= 200; count += 1) {
        const grid = bestGrid(count, stage);
        expect(grid.columns * grid.rows).toBeGreaterThanOrEqual(count);
        expect(grid.columns * (grid.tileWidth + stage.gap) - stage.gap).toBeLessThanOrEqual(stage.width);
        if (!grid.scrolls) {
          expect(grid.rows * (grid.tileHeight + stage.gap) - stage.gap).toBeLessThanOrEqual(stage.height);
        }
      }
    }
  });

  it("never makes a tile wider than the cameras' 16:9", () => {
    for (let count = 1; count <= 100; count += 1) {
      const { tileWidth, tileHeight } = bestGrid(count, LAPTOP);
      // Whole pixels: one pixel of height is the rounding.
      expect(tileWidth / (tileHeight + 1)).toBeLessThanOrEqual(16 / 9);
    }
  });

  it("shows whole pictures on a lying stage and upright ones on a phone", () => {
    const four = bestGrid(4, LAPTOP);
    expect([four.columns, four.rows]).toEqual([2, 2]);
    expect(four.tileWidth / four.tileHeight).toBeCloseTo(16 / 9, 1);

    const phone = bestGrid(4, PHONE);
    expect([phone.columns, phone.rows]).toEqual([2, 2]);
    expect(phone.tileWidth).toBeLessThan(phone.tileHeight);
  });

  it("puts two people side by side on a lying stage and above each other on a phone", () => {
    expect(bestGrid(2, LAPTOP).columns).toBe(2);
    expect(bestGrid(2, PHONE).columns).toBe(1);
  });

  it("scrolls instead of making faces too small to recognise", () => {
    const grid = bestGrid(120, PHONE);
    expect(grid.scrolls).toBe(true);
    expect(grid.tileWidth).toBeGreaterThanOrEqual(104);
    expect(bestGrid(120, FOUR_K).scrolls).toBe(false);
  });

  it("survives a stage without any room", () => {
    const grid = bestGrid(3, { width: 0, height: 0, gap: 12 });
    expect(grid.tileWidth).toBeGreaterThan(0);
    expect(grid.scrolls).toBe(true);
  });
});
