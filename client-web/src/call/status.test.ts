import { describe, expect, it } from "vitest";
import { decodeStatus, encodeStatus } from "./status.ts";

describe("a status message", () => {
  it("survives its journey", () => {
    const status = { microphone: true, camera: false };
    expect(decodeStatus(encodeStatus(status))).toEqual(status);
  });

  it("never tells who speaks", () => {
    const status = { microphone: true, camera: false, speaking: true };
    expect(decodeStatus(JSON.stringify({ type: "status", ...status }))).toEqual({ microphone: true, camera: false });
    expect(encodeStatus({ microphone: true, camera: true })).not.toContain("speaking");
  });

  it.each(["", "null", "7", '"status"', '{"type":"other"}', '{"type":"status","microphone":1}', "{"])(
    "is not %j",
    (text) => {
      expect(decodeStatus(text)).toBeUndefined();
    },
  );
});
