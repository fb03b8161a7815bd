import { describe, expect, it } from "vitest";
import { compose, containOf, coverOf } from "./composition.ts";

const [WIDTH, HEIGHT] = [1280, 720];

describe("the picture of a recording", () => {
  it("has a place for everybody, within the picture and over nobody else", () => {
    for (const screens of [0, 1, 2]) {
      for (const people of [0, 1, 2, 3, 7, 25]) {
        const areas = compose(screens, people, WIDTH, HEIGHT);
        expect(areas).toHaveLength(screens + people);
        for (const [index, area] of areas.entries()) {
          expect(area.width).toBeGreaterThan(0);
          expect(area.height).toBeGreaterThan(0);
          expect(Math.min(area.x, area.y)).toBeGreaterThanOrEqual(0);
          expect(area.x + area.width).toBeLessThanOrEqual(WIDTH);
          expect(area.y + area.height).toBeLessThanOrEqual(HEIGHT);
          for (const other of areas.slice(index + 1)) {
            const apart =
              area.x + area.width <= other.x ||
              other.x + other.width <= area.x ||
              area.y + area.height <= other.y ||
              other.y + other.height <= area.y;
            expect(apart, `${screens} screens, ${people} people`).toBe(true);
          }
        }
      }
    }
  });

  it("gives a shared screen most of the room", () => {
    const [screen, ...people] = compose(1, 4, WIDTH, HEIGHT);
    expect((screen?.width ?? 0) * (screen?.height ?? 0)).toBeGreaterThan(0.4 * WIDTH * HEIGHT);
    expect(people).toHaveLength(4);
  });

  it("cuts a camera to its place and shows a screen whole", () => {
    const area = { x: 10, y: 10, width: 100, height: 100 };
    const cover = coverOf({ width: 640, height: 360 }, area);
    expect(cover).toEqual({ x: 140, y: 0, width: 360, height: 360 });
    expect(containOf({ width: 200, height: 100 }, area)).toEqual({ x: 10, y: 35, width: 100, height: 50 });
  });
});
