import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { CodecError, decodeServer, encodeClient } from "./codec.ts";

const VECTORS = resolve(import.meta.dirname, "../../../wire/vectors/server");

describe("a server's frame", () => {
  it("is read when it is one of the golden vectors", () => {
    const names = readdirSync(VECTORS).filter((name) => name.endsWith(".json"));
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) {
      const text = readFileSync(join(VECTORS, name), "utf8");
      expect(decodeServer(text), name).toEqual(JSON.parse(text));
    }
  });

  it.each([
    ["not_json", "{"],
    ["not_an_object", "[]"],
    ["not_an_object", "null"],
    ["unknown_type", '{"type":"toString"}'],
    ["unknown_type", "{}"],
    ["bad_field", '{"type":"answer","offer_id":1}'],
    ["bad_field", '{"type":"answer","offer_id":-1,"sdp":""}'],
    ["bad_field", '{"type":"track_published","track":{"track_id":1,"client_id":"a","source":"desk","codec":"vp9"}}'],
    ["bad_field", '{"type":"presence","client_id":"a","presence":"dead"}'],
  ])("is refused as %s: %s", (reason, text) => {
    expect(() => decodeServer(text)).toThrow(CodecError);
    try {
      decodeServer(text);
    } catch (error) {
      expect((error as CodecError).reason).toBe(reason);
    }
  });
});

describe("a client's frame", () => {
  it("is JSON with its type", () => {
    expect(JSON.parse(encodeClient({ type: "ping", id: 7 }))).toEqual({ type: "ping", id: 7 });
  });
});
