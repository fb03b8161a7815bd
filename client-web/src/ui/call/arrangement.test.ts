import { describe, expect, it } from "vitest";
import { arrange, type Place } from "./arrangement.ts";

const PHONE = { width: 344, height: 600, gap: 6 };
const LAPTOP = { width: 1240, height: 670, gap: 12 };

const people = (count: number) => Array.from({ length: count }, (_, index) => `p${index}`);

function overlap(a: Place, b: Place): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

describe("arrange", () => {
  it("keeps every tile on the stage and apart from the others, for every count and both layouts", () => {
    for (const stage of [PHONE, LAPTOP, { width: 600, height: 230, gap: 6 }, { width: 3800, height: 2000, gap: 12 }]) {
      for (const count of [1, 2, 3, 5, 8, 13, 25, 49, 120]) {
        for (const mains of [[], ["main"], ["main", "main2", "main3"]]) {
          const { places } = arrange({ mains, others: people(count) }, stage, 0);
          const all = [...places.values()];
          for (const [index, place] of all.entries()) {
            expect(place.x).toBeGreaterThanOrEqual(0);
            expect(place.y).toBeGreaterThanOrEqual(0);
            expect(place.x + place.width).toBeLessThanOrEqual(stage.width + 1);
            expect(place.y + place.height).toBeLessThanOrEqual(stage.height + 1);
            expect(all.slice(index + 1).some((other) => overlap(place, other))).toBe(false);
          }
        }
      }
    }
  });

  it("shows everybody exactly once over all pages", () => {
    for (const mains of [[], ["main"], ["main", "main2", "main3"]]) {
      const cast = { mains, others: people(120) };
      const { pages } = arrange(cast, PHONE, 0);
      expect(pages).toBeGreaterThan(1);
      const seen = Array.from({ length: pages }, (_, page) => [...arrange(cast, PHONE, page).places.keys()]).flat();
      expect(seen.filter((id) => !id.startsWith("main")).sort()).toEqual(people(120).sort());
    }
  });

  it("makes the main person the largest by far and keeps the strip beside it, or below on a phone", () => {
    const wide = arrange({ mains: ["main"], others: people(4) }, LAPTOP, 0).places;
    const [main, strip] = [wide.get("main"), wide.get("p0")];
    expect((main?.width ?? 0) * (main?.height ?? 0)).toBeGreaterThan(8 * (strip?.width ?? 0) * (strip?.height ?? 0));
    expect(strip?.x).toBeGreaterThanOrEqual((main?.x ?? 0) + (main?.width ?? 0));
    const tall = arrange({ mains: ["main"], others: people(4) }, PHONE, 0).places;
    expect(tall.get("p0")?.y).toBeGreaterThanOrEqual((tall.get("main")?.y ?? 0) + (tall.get("main")?.height ?? 0));
  });

  it("goes to the last page when the present one is gone", () => {
    expect(arrange({ mains: [], others: people(3) }, LAPTOP, 7)).toMatchObject({ page: 0, pages: 1 });
  });
});
