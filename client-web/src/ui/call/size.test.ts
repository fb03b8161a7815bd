// Sizes as people read them.
import { expect, test } from "vitest";

import { sizeOf } from "./size.ts";

const MEGABYTE = 1_048_576;

test("a size is told in the unit that suits it", () => {
  expect(sizeOf(0)).toBe("0 byte");
  expect(sizeOf(1_536)).toBe("1.5 kB");
  expect(sizeOf(200 * MEGABYTE)).toBe("200 MB");
});

test("a part is told in the unit of the whole from its first byte on", () => {
  expect(sizeOf(0, 200 * MEGABYTE)).toBe("0 MB");
  expect(sizeOf(1_024, 200 * MEGABYTE)).toBe("0 MB");
  expect(sizeOf(1.5 * MEGABYTE, 200 * MEGABYTE)).toBe("1.5 MB");
  expect(sizeOf(200 * MEGABYTE, 200 * MEGABYTE)).toBe("200 MB");
});
