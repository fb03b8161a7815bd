import { describe, expect, it } from "vitest";
import { AVATAR_TONES, initials, tone } from "./names.ts";

describe("initials", () => {
  it("are the first letters of the first and the last name", () => {
    expect(initials("Ana Sousa")).toBe("AS");
    expect(initials("  ana maria   de sousa ")).toBe("AS");
    expect(initials("Björn")).toBe("B");
  });

  it("do not tear characters apart", () => {
    expect(initials("李小龍")).toBe("李");
    expect(initials("👩‍🚀 Ride")).toBe("👩‍🚀R");
    expect(initials("é́lodie")).toBe("É́");
  });

  it("skip what is no letter, and say so when nothing is left", () => {
    expect(initials("(guest) Ana")).toBe("GA");
    expect(initials("...")).toBe("?");
    expect(initials("")).toBe("?");
  });
});

describe("tone", () => {
  it("is steady and inside the style sheet's colours", () => {
    for (let index = 0; index < 500; index += 1) {
      const id = `id-${index}`;
      expect(tone(id)).toBe(tone(id));
      expect(tone(id)).toBeGreaterThanOrEqual(0);
      expect(tone(id)).toBeLessThan(AVATAR_TONES);
    }
  });

  it("uses all colours", () => {
    const tones = new Set(Array.from({ length: 200 }, (_, index) => tone(`client-${index}`)));
    expect(tones.size).toBe(AVATAR_TONES);
  });
});
