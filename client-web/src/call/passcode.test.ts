import { pbkdf2Sync } from "node:crypto";
import { expect, it } from "vitest";
import { encodeBase64Url } from "../base/bytes.ts";
import { roomSecret } from "./passcode.ts";

/** The rounds take a second each on a loaded machine. */
const PATIENCE_MS = 60_000;
const secretBytes = new Uint8Array(32).fill(9);
const roomBytes = new Uint8Array(16).fill(7);
const secret = encodeBase64Url(secretBytes);
const room = encodeBase64Url(roomBytes);

it("mixes the passcode into the link's secret as E2EE.md says", { timeout: PATIENCE_MS }, async () => {
  const salt = Buffer.concat([Buffer.from("conclave passcode"), secretBytes, roomBytes]);
  const expected = pbkdf2Sync("caf\u00e9 42", salt, 600_000, 32, "sha512");
  expect(await roomSecret(secret, room, "  cafe\u0301 42\n")).toBe(expected.toString("base64url"));
});

it("differs by passcode, link and room", { timeout: PATIENCE_MS }, async () => {
  const others = await Promise.all([
    roomSecret(secret, room, "1234"),
    roomSecret(secret, room, "1235"),
    roomSecret(encodeBase64Url(new Uint8Array(32).fill(8)), room, "1234"),
    roomSecret(secret, encodeBase64Url(new Uint8Array(16).fill(6)), "1234"),
  ]);
  expect(new Set([...others, secret]).size).toBe(5);
});
