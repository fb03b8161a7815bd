import { describe, expect, it } from "vitest";
import { decodeStatus, encodeStatus } from "./status.ts";

describe("a status message", () => {
  it("survives its journey", () => {
    const status = { microphone: true, camera: false, speaking: true };
    expect(decodeStatus(encodeStatus(status))).toEqual(status);
  });

  it.each(["", "null", "7", '"status"', '{"type":"other"}', '{"type":"status","microphone":1}', "{"])(
    "is not %j",
    (text) => {
      expect(decodeStatus(text)).toBeUndefined();
    },
  );
});
