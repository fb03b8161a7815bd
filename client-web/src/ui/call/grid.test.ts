import { describe, expect, it } from "vitest";
import { bestGrid, pageSize } from "./grid.ts";

const PHONE = { width: 344, height: 600, gap: 6 };
const LAPTOP = { width: 1240, height: 670, gap: 12 };
const FOUR_K = { width: 3800, height: 2000, gap: 12 };

describe("bestGrid", () => {
  it("fits every count up to 49 into every stage", () => {
    for (const stage of [PHONE, LAPTOP, FOUR_K, { width: 300, height: 120, gap: 6 }]) {
      for (let count = 1; count <= 49; count += 1) {
        const grid = bestGrid(count, stage);
        expect(grid.columns * grid.rows).toBeGreaterThanOrEqual(count);
        expect(grid.columns * (grid.tileWidth + stage.gap) - stage.gap).toBeLessThanOrEqual(stage.width);
        expect(grid.rows * (grid.tileHeight + stage.gap) - stage.gap).toBeLessThanOrEqual(stage.height);
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

  it("survives a stage without any room", () => {
    const grid = bestGrid(3, { width: 0, height: 0, gap: 12 });
    expect(grid.tileWidth).toBeGreaterThan(0);
  });
});

describe("pageSize", () => {
  it("turns the page instead of making faces too small to recognise", () => {
    expect(pageSize(9, LAPTOP)).toBe(9);
    expect(pageSize(25, LAPTOP)).toBe(25);
    const size = pageSize(120, PHONE);
    expect(size).toBeLessThan(40);
    expect(bestGrid(size, PHONE).tileWidth).toBeGreaterThanOrEqual(104);
  });

  it("spreads people evenly over the pages", () => {
    expect(pageSize(50, FOUR_K)).toBe(25);
    expect(pageSize(99, FOUR_K)).toBe(33);
  });

  it("shows somebody even where there is no room", () => {
    expect(pageSize(5, { width: 0, height: 0, gap: 12 })).toBe(1);
    expect(pageSize(0, LAPTOP)).toBe(1);
  });
});
