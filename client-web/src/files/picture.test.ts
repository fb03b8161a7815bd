import { describe, expect, it } from "vitest";
import { pictureKind } from "./picture.ts";

function bytes(...hex: string[]): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.join("").replaceAll(" ", ""), "hex"));
}

const PNG = bytes("89504e470d0a1a0a 0000000d 49484452 00000140 000000b4");
const GIF = bytes("474946383961 4001 b400");
const JPEG = bytes("ffd8 ffe0 0010", "00".repeat(14), "ffc0 0011 08 00b4 0140 03");
const LOSSY = bytes("52494646 00000000 57454250 56503820 00000000 300000 9d012a 4001 b400");
const LOSSLESS = bytes("52494646 00000000 57454250 5650384c 00000000 2f 3fc12c00");
const EXTENDED = bytes("52494646 00000000 57454250 56503858 0a000000 00000000 3f0100 b30000");

describe("the kind of a picture", () => {
  it.each([
    ["image/png", PNG],
    ["image/gif", GIF],
    ["image/jpeg", JPEG],
    ["image/webp", LOSSY],
    ["image/webp", LOSSLESS],
    ["image/webp", EXTENDED],
  ])("%s is known by its first bytes, with its size", (mime, head) => {
    expect(pictureKind(head)).toEqual({ mime, width: 320, height: 180 });
  });

  it.each([
    ["SVG", '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'],
    ["HTML", "<!doctype html><script>alert(1)</script>"],
    ["a PDF", "%PDF-1.7 ..........................."],
    ["nothing", ""],
  ])("of %s is none", (_, text) => {
    expect(pictureKind(new TextEncoder().encode(text))).toBeUndefined();
  });

  it("of what ends too early or makes no sense is none, and it always ends", () => {
    for (const whole of [PNG, GIF, JPEG, LOSSY, LOSSLESS, EXTENDED]) {
      for (let length = 0; length < whole.length; length += 1) {
        const kind = pictureKind(whole.slice(0, length));
        expect(kind === undefined || kind.width === 320).toBe(true);
      }
    }
    expect(pictureKind(bytes("ffd8", "ffe00000".repeat(1_000)))).toBeUndefined();
  });

  it("is one of four or none whatever the bytes are: 5,000 mutations", () => {
    const kinds = new Set(["image/png", "image/gif", "image/jpeg", "image/webp", undefined]);
    const heads = [PNG, GIF, JPEG, LOSSY, LOSSLESS, EXTENDED];
    let state = 0x91c7;
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % below;
    };
    for (let round = 0; round < 5_000; round += 1) {
      const head = Uint8Array.from(heads[round % heads.length] ?? PNG);
      for (let change = random(4); change >= 0; change -= 1) {
        head[random(head.length)] = random(256);
      }
      const kind = pictureKind(head);
      expect(kinds.has(kind?.mime)).toBe(true);
      expect(kind === undefined || (kind.width >= 0 && kind.height >= 0)).toBe(true);
    }
  });
});
