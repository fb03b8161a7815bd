import { describe, expect, it } from "vitest";
import { encodeBase64Url } from "../base/bytes.ts";
import { isExpired, meetingLink, parseLink } from "./link.ts";

const server = new URL("https://meet.example");
const room = encodeBase64Url(new Uint8Array(16).fill(7));
const secret = encodeBase64Url(new Uint8Array(32).fill(9));

describe("a meeting's link", () => {
  it("has the room in its path and the secret in its fragment only", () => {
    const { href } = meetingLink(server, room, secret);
    const url = new URL(href);
    expect(url.pathname).toBe(`/r/${room}`);
    expect(url.hash).toBe(`#${secret}`);
    expect(href.indexOf(secret)).toBeGreaterThan(href.indexOf("#"));
  });

  it("comes back from its text, with white space around it", () => {
    const link = meetingLink(server, room, secret);
    expect(parseLink(`  ${link.href}\n`, server)).toEqual(link);
  });

  it("may name the key of the room's host", () => {
    const host = encodeBase64Url(new Uint8Array(32).fill(5));
    const link = meetingLink(server, room, secret, { host });
    expect(new URL(link.href).hash).toBe(`#${secret}.${host}`);
    expect(parseLink(link.href, server)).toEqual(link);
    expect(parseLink(`${link.href}.${host}`, server)).toBeUndefined();
    expect(parseLink(link.href.slice(0, -1), server)).toBeUndefined();
    expect(parseLink(meetingLink(server, room, secret).href, server)?.host).toBeUndefined();
    const withLobby = meetingLink(server, room, secret, { host, lobby: true });
    expect(withLobby.href).toBe(`${link.href}.l`);
    expect(parseLink(withLobby.href, server)).toEqual(withLobby);
    const withBoth = meetingLink(server, room, secret, { host, lobby: true, passcode: true });
    expect(withBoth.href).toBe(`${link.href}.lp`);
    expect(parseLink(withBoth.href, server)).toEqual(withBoth);
    expect(parseLink(`${link.href}.p`, server)?.passcode).toBe(true);
    expect([parseLink(`${link.href}.pl`, server), parseLink(`${link.href}.`, server)]).toEqual([undefined, undefined]);
    // What it does not understand it does not leave out: it may be what keeps others out.
    expect(parseLink(`${link.href}.x`, server)).toBeUndefined();
  });

  it.each([
    ["another server", `https://evil.example/r/${room}#${secret}`],
    ["no secret", `https://meet.example/r/${room}`],
    ["a short secret", `https://meet.example/r/${room}#${secret.slice(1)}`],
    ["a secret in the query", `https://meet.example/r/${room}?secret=${secret}`],
    ["a room that is no id", `https://meet.example/r/abc#${secret}`],
    ["another path", `https://meet.example/x/${room}#${secret}`],
    ["a secret that is not canonical", `https://meet.example/r/${room}#${secret.slice(0, -1)}l`],
    ["a link with an empty host key", `https://meet.example/r/${room}#${secret}.`],
    ["no link", "not a link at all"],
  ])("is not %s", (_, text) => {
    expect(parseLink(text, server)).toBeUndefined();
  });

  it("keeps its date and its number of guests in this order, and takes no other numbers", () => {
    const facts = {
      host: encodeBase64Url(new Uint8Array(32).fill(5)),
      lobby: true,
      passcode: true,
      expires: 1_800_000_000,
      maxUses: 5,
    };
    const link = meetingLink(server, room, secret, facts);
    expect(link.href.endsWith(".lpe1800000000u5")).toBe(true);
    expect(parseLink(link.href, server)).toEqual(link);
    expect(isExpired(link, 1_799_999_999_999)).toBe(false);
    expect(isExpired(link, 1_800_000_000_000)).toBe(true);
    const hosted = meetingLink(server, room, secret, { host: encodeBase64Url(new Uint8Array(32).fill(5)) });
    for (const marks of ["e", "u", "u0", "e01", "u5e1", "u10000", "e-1"]) {
      expect(parseLink(`${hosted.href}.${marks}`, server)).toBeUndefined();
    }
  });
});
