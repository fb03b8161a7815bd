import { describe, expect, it } from "vitest";
import {
  type AppMessage,
  decodeMessage,
  encodeMessage,
  type LowerHands,
  REACTIONS,
  type TalkMessage,
} from "./app-message.ts";
import { encodeCaption } from "./caption.ts";
import { encodeProof } from "./liveness.ts";
import { fileName, MAX_FILE_NAME, MAX_TEXT } from "./message-parts.ts";
import { encodeStatus } from "./status.ts";

const ID = "AAECAwQFBgcICQoL";
const OTHER_ID = "CwoJCAcGBQQDAgEA";

const FILE = "AAECAwQFBgcICQoLDA0ODw";
const KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const OFFER = { name: "Plan für Mai.pdf", mime: "application/pdf", bytes: 200 * 1_048_576, file: FILE, key: KEY };

const MESSAGES: readonly (TalkMessage | LowerHands)[] = [
  { type: "chat", id: ID, text: "soon gone", ending: { lifetime: 300, burn: true } },
  { type: "file", id: ID, offer: OFFER },
  { type: "file", id: ID, offer: { ...OFFER, bytes: 0 }, replyTo: OTHER_ID, ending: { lifetime: 60 } },
  { type: "poll", id: ID, question: { question: "When?", options: ["Mon", "غداً"], multiple: true } },
  { type: "vote", id: ID, choices: [0, 2] },
  { type: "vote", id: ID, choices: [] },
  { type: "poll_end", id: ID },
  { type: "delete", id: ID },
  { type: "read", ids: [ID, OTHER_ID] },
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
      { microphone: false, camera: true, screen: true },
      { microphone: true, camera: true, recording: true, hand: 3 },
      { microphone: true, camera: true, interrupted: ["camera", "microphone"] as const },
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
    ["unknown_type", '{"type":"pool"}'],
    ["bad_id", '{"type":"poll"}'],
    ["bad_fields", `{"type":"poll","id":"${ID}","question":"?","options":["a"],"multiple":false}`],
    ["bad_fields", `{"type":"poll","id":"${ID}","question":"?","options":["a","a"],"multiple":false}`],
    ["bad_fields", `{"type":"poll","id":"${ID}","question":"?","options":["a"," "],"multiple":false}`],
    ["bad_fields", `{"type":"poll","id":"${ID}","question":"","options":["a","b"],"multiple":false}`],
    ["bad_fields", `{"type":"poll","id":"${ID}","question":"?","options":[${'"a",'.repeat(10)}"b"],"multiple":false}`],
    ["bad_fields", `{"type":"vote","id":"${ID}","choices":[1,1]}`],
    ["bad_fields", `{"type":"vote","id":"${ID}","choices":[-1]}`],
    ["bad_fields", `{"type":"vote","id":"${ID}","choices":[0.5]}`],
    ["bad_fields", `{"type":"vote","id":"${ID}","choices":"0"}`],
    ["bad_id", '{"type":"read","ids":[]}'],
    ["bad_id", '{"type":"read","ids":["x"]}'],
    ["bad_id", `{"type":"read","ids":[${`"${ID}",`.repeat(40)}"${ID}"]}`],
    ["bad_fields", `{"type":"chat","id":"${ID}","text":"a","lifetime":-5}`],
    ["bad_fields", `{"type":"chat","id":"${ID}","text":"a","lifetime":1e99}`],
    ["bad_fields", `{"type":"chat","id":"${ID}","text":"a","burn":"yes"}`],
    ["bad_fields", `{"type":"file","id":"${ID}","name":"a","bytes":-1,"file":"${FILE}","key":"${KEY}"}`],
    ["bad_fields", `{"type":"file","id":"${ID}","name":"a","bytes":1e18,"file":"${FILE}","key":"${KEY}"}`],
    ["bad_fields", `{"type":"file","id":"${ID}","name":"a","bytes":1,"file":"../x","key":"${KEY}"}`],
    ["bad_fields", `{"type":"file","id":"${ID}","name":"a","bytes":1,"file":"${FILE}","key":"short"}`],
    ["unknown_type", '{"type":{"toString":"chat"}}'],
    ["bad_fields", '{"type":"status","microphone":1,"camera":true}'],
    ["bad_fields", '{"type":"status","microphone":true,"camera":true,"screen":1}'],
    ["bad_fields", '{"type":"status","microphone":true,"camera":true,"interrupted":"camera"}'],
    ["bad_fields", '{"type":"status","microphone":true,"camera":true,"interrupted":["screen"]}'],
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
    const seeds = [
      ...MESSAGES.map(encodeMessage),
      encodeStatus({ microphone: true, camera: true, hand: 5 }),
      encodeCaption({ text: "Good morning", final: true }),
    ];
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
        const again = encodeAny(message);
        expect("message" in decodeMessage(again)).toBe(true);
      } else {
        expect(decoded.fault).toMatch(/^[a-z_]+$/);
      }
    }
    expect(taken).toBeGreaterThan(20);
  });
});

function encodeAny(message: AppMessage): string {
  switch (message.type) {
    case "status":
      return encodeStatus(message.status);
    case "alive":
      return encodeProof(message.proof);
    case "caption":
      return encodeCaption(message.caption);
    default:
      return encodeMessage(message);
  }
}

describe("a file's name", () => {
  it.each([
    ["Bericht 2026.pdf", "Bericht 2026.pdf"],
    ["../../etc/passwd", "passwd"],
    ["C:\\Windows\\system32\\evil.dll", "evil.dll"],
    ["/", "file"],
    ["..", "file"],
    ["", "file"],
    [7, "file"],
    [undefined, "file"],
    [".bashrc", "bashrc"],
    ["invoice\u202Efdp.exe", "invoicefdp.exe"],
    ["a\u0000b\n.txt", "ab_.txt"],
    ['<img src=x onerror="alert(1)">.svg', "_img src=x onerror=_alert(1)__.svg"],
    ["CON.txt", "_CON.txt"],
    ["nul", "_nul"],
    ["عرض.pptx", "عرض.pptx"],
  ])("of %j becomes %j", (name, safe) => {
    expect(fileName(name)).toBe(safe);
  });

  it("is short and keeps its ending, however long it was", () => {
    for (const name of [`${"x".repeat(10_000)}.pdf`, `${"👋".repeat(300)}.pdf`, `${"a".repeat(119)}👋.pdf`]) {
      const short = fileName(name);
      expect(short.length).toBeLessThanOrEqual(MAX_FILE_NAME);
      expect(short.endsWith(".pdf")).toBe(true);
      expect(() => encodeURIComponent(short)).not.toThrow();
    }
  });

  it("is a safe one whatever it was: 2,000 random ones", () => {
    const random = generator(0xf11e);
    for (let round = 0; round < 2_000; round += 1) {
      const name = Array.from({ length: random(40) }, () => String.fromCharCode(random(0x300))).join("");
      const safe = fileName(name);
      expect(safe).toMatch(/^[^./\\<>:"|?*][^/\\<>:"|?*]*$/u);
      expect([...safe].every((character) => character >= " " && !/[\u007f-\u009f]/u.test(character))).toBe(true);
    }
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
