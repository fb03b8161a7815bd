import { describe, expect, it } from "vitest";
import { type AppMessage, decodeMessage, encodeMessage, MAX_TEXT, REACTIONS } from "./app-message.ts";
import { encodeStatus } from "./status.ts";

const ID = "AAECAwQFBgcICQoL";
const OTHER_ID = "CwoJCAcGBQQDAgEA";

const MESSAGES: readonly Exclude<AppMessage, { type: "status" }>[] = [
  { type: "chat", id: ID, text: "Hello 👋🏽 <b>you</b>\nשלום" },
  { type: "chat", id: ID, text: "x".repeat(MAX_TEXT), replyTo: OTHER_ID },
  { type: "edit", id: ID, text: "\u0001 once more".trim().slice(1) },
  { type: "lower_hands" },
  { type: "lower_hands", clientId: "AAECAwQFBgcICQoLDA0ODw" },
  ...REACTIONS.map((reaction) => ({ type: "reaction", reaction }) as const),
];

describe("an application message", () => {
  it.each(MESSAGES)("survives its journey: $type", (message) => {
    const { message: read } = decodeMessage(encodeMessage(message)) as { message: AppMessage };
    expect(read).toEqual("text" in message ? { ...message, text: message.text.trim() } : message);
  });

  it("of status survives its journey, with the hand and without, and never tells who speaks", () => {
    for (const status of [
      { microphone: true, camera: false },
      { microphone: false, camera: true, hand: 12 },
    ]) {
      expect(decodeMessage(encodeStatus(status))).toEqual({ message: { type: "status", status } });
    }
    const telling = JSON.stringify({ type: "status", microphone: true, camera: true, speaking: true });
    expect(decodeMessage(telling)).toEqual({
      message: { type: "status", status: { microphone: true, camera: true } },
    });
    expect(encodeStatus({ microphone: true, camera: true })).not.toContain("speaking");
  });

  it("loses what makes a text look like another one", () => {
    const payload = JSON.stringify({ type: "chat", id: ID, text: "pay\u202Egro.live\u2066\u0000 me\tnow\n!" });
    expect(decodeMessage(payload)).toEqual({ message: { type: "chat", id: ID, text: "paygro.live me\tnow\n!" } });
  });

  it.each([
    ["too_large", "[".repeat(30_000)],
    ["not_json", ""],
    ["not_json", "{"],
    ["bad_fields", "null"],
    ["bad_fields", "7"],
    ["bad_fields", '"chat"'],
    ["bad_fields", "[]"],
    ["unknown_type", "{}"],
    ["unknown_type", '{"type":"poll"}'],
    ["unknown_type", '{"type":{"toString":"chat"}}'],
    ["bad_fields", '{"type":"status","microphone":1,"camera":true}'],
    ["bad_fields", '{"type":"status","microphone":true,"camera":true,"hand":0}'],
    ["bad_fields", '{"type":"status","microphone":true,"camera":true,"hand":1e300}'],
    ["bad_fields", '{"type":"status","microphone":true,"camera":true,"hand":1.5}'],
    ["bad_fields", '{"type":"reaction","reaction":"<img>"}'],
    ["bad_fields", '{"type":"reaction","reaction":"__proto__"}'],
    ["bad_id", '{"type":"chat","text":"a"}'],
    ["bad_id", '{"type":"chat","id":"../../","text":"a"}'],
    ["bad_id", `{"type":"chat","id":"${ID}A","text":"a"}`],
    ["bad_id", `{"type":"chat","id":"${ID}","reply_to":7,"text":"a"}`],
    ["bad_text", `{"type":"chat","id":"${ID}"}`],
    ["bad_text", `{"type":"chat","id":"${ID}","text":" \\u202e\\n "}`],
    ["bad_text", `{"type":"edit","id":"${ID}","text":"${"x".repeat(MAX_TEXT + 1)}"}`],
    ["bad_id", '{"type":"edit","text":"a"}'],
  ])("is dropped as %s: %s", (fault, payload) => {
    expect(decodeMessage(payload)).toEqual({ fault });
  });

  it("is a message or a fault whatever bytes come: 4,000 mutations", () => {
    const random = generator(0xc0ffee);
    const seeds = [...MESSAGES.map(encodeMessage), encodeStatus({ microphone: true, camera: true, hand: 5 })];
    let taken = 0;
    for (let round = 0; round < 4_000; round += 1) {
      const decoded = decodeMessage(mutate(seeds[random(seeds.length)] ?? "", random));
      if ("message" in decoded) {
        taken += 1;
        const { message } = decoded;
        if (message.type === "chat" || message.type === "edit") {
          expect(message.text.length).toBeGreaterThan(0);
          expect(message.text.length).toBeLessThanOrEqual(MAX_TEXT);
        }
        // What was taken is taken again after another journey.
        const again = message.type === "status" ? encodeStatus(message.status) : encodeMessage(message);
        expect("message" in decodeMessage(again)).toBe(true);
      } else {
        expect(decoded.fault).toMatch(/^[a-z_]+$/);
      }
    }
    expect(taken).toBeGreaterThan(20);
  });
});

/** A small seeded generator (mulberry32): a failing round can be run again. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function mutate(text: string, random: (below: number) => number): string {
  let mutated = text.length > 200 ? text.slice(0, 60) + text.slice(-60) : text;
  for (let change = random(4); change >= 0; change -= 1) {
    const at = random(mutated.length + 1);
    const piece = ['"', "{", "}", ",", "\\u0000", "null", "-1", "1e999", "[", String.fromCharCode(random(0x10000))];
    mutated = mutated.slice(0, at) + (piece[random(piece.length)] ?? "") + mutated.slice(at + random(3));
  }
  return mutated;
}
