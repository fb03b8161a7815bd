import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { encodeBase64Url } from "../base/bytes.ts";
import { formatNumber, safetyNumber } from "./safety.ts";

const ada = encodeBase64Url(new Uint8Array(32).fill(1));
const bob = encodeBase64Url(new Uint8Array(32).fill(2));
const eve = encodeBase64Url(new Uint8Array(32).fill(3));

describe("a safety number", () => {
  it("is the same for both, and thirty digits", async () => {
    const number = await safetyNumber(ada, bob);
    expect(number).toMatch(/^(\d{5} ){5}\d{5}$/);
    expect(await safetyNumber(bob, ada)).toBe(number);
  });

  it("is another one for another key", async () => {
    expect(await safetyNumber(ada, eve)).not.toBe(await safetyNumber(ada, bob));
  });

  it("is refused for what is no key", async () => {
    await expect(safetyNumber(ada, "not/base64url")).rejects.toThrow(TypeError);
  });

  it("is written down as the call code is", () => {
    const vector = JSON.parse(
      readFileSync(new URL("../../../docs/vectors/call-code.json", import.meta.url), "utf8"),
    ) as { bytes: string; code: string };
    const bytes = Uint8Array.from(vector.bytes.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    expect(formatNumber(bytes)).toBe(vector.code);
  });
});
