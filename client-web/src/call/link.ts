// A meeting's address: the room in the path, which the server sees, and the secret in the fragment, which it never does.
import { decodeBase64Url, randomBase64Url } from "../base/bytes.ts";

/** A meeting's address, taken apart. */
export interface MeetingLink {
  /** The room's id, base64url of 16 bytes. */
  readonly room: string;
  /** The room's secret, base64url of 32 bytes. */
  readonly secret: string;
  /** The key of the room's host, base64url of 32 bytes: nobody enters a group of other hosts. Older links lack it. */
  readonly host?: string | undefined;
  /** Whether whoever is new has to be let in by a host. */
  readonly lobby: boolean;
  /** Whether the link alone does not open the meeting: a passcode belongs to it. */
  readonly passcode: boolean;
  /** When it stops letting anybody new in, in seconds since 1970. */
  readonly expires?: number | undefined;
  /** How many people beside the hosts it lets in. */
  readonly maxUses?: number | undefined;
  /** The whole link, for the clipboard. */
  readonly href: string;
}

/** A meeting that was made here. */
export interface NewMeeting {
  readonly link: MeetingLink;
  /** The secret half of the host key: whoever has it is the host. Absent where the browser cannot make one. */
  readonly hostSeed?: string | undefined;
}

/** A meeting could not be opened. */
export class MeetingError extends Error {
  override readonly name = "MeetingError";

  constructor(
    readonly reason: "unreachable" | "refused" | "bad_answer" | "no_host_key",
    options?: ErrorOptions,
  ) {
    super(reason, options);
  }
}

const ROOM_BYTES = 16;
const SECRET_BYTES = 32;
const HOST_KEY_BYTES = 32;
const PATH = /^\/r\/([A-Za-z0-9_-]+)\/?$/;
const PATIENCE_MS = 10_000;

/** What a link may say of a room beside its secret. */
export interface LinkFacts {
  readonly host?: string | undefined;
  readonly lobby?: boolean | undefined;
  readonly passcode?: boolean | undefined;
  readonly expires?: number | undefined;
  readonly maxUses?: number | undefined;
}

/** The marks of a lobby, a passcode, a date in seconds since 1970 and a number of people in a link, in this order. */
const MARKS = /^(?=.)(l?)(p?)(?:e([1-9]\d{0,11}))?(?:u([1-9]\d{0,3}))?$/;

/** The address of a room at a server. */
export function meetingLink(server: URL, room: string, secret: string, facts: LinkFacts = {}): MeetingLink {
  const { host, lobby = false, passcode = false, expires, maxUses } = facts;
  const ends = `${expires === undefined ? "" : `e${expires}`}${maxUses === undefined ? "" : `u${maxUses}`}`;
  const marks = `${lobby ? "l" : ""}${passcode ? "p" : ""}${ends}`;
  const parts = [secret, ...(host === undefined ? [] : [host]), ...(marks === "" ? [] : [marks])];
  return {
    room,
    secret,
    host,
    lobby,
    passcode,
    expires,
    maxUses,
    href: new URL(`/r/${room}#${parts.join(".")}`, server).href,
  };
}

/** Takes a link apart; `undefined` when the text is no link to a meeting of this server. */
export function parseLink(href: string, server: URL): MeetingLink | undefined {
  const url = URL.parse(href.trim(), server);
  if (url === null || url.origin !== server.origin) {
    return undefined;
  }
  const room = PATH.exec(url.pathname)?.[1];
  const [secret = "", host, marks, ...rest] = url.hash.slice(1).split(".");
  const isWhole =
    room !== undefined &&
    isId(room, ROOM_BYTES) &&
    isId(secret, SECRET_BYTES) &&
    (host === undefined || isId(host, HOST_KEY_BYTES)) &&
    (marks === undefined || MARKS.test(marks)) &&
    rest.length === 0;
  return isWhole ? meetingLink(server, room, secret, { host, ...factsOf(marks ?? "") }) : undefined;
}

function factsOf(marks: string): LinkFacts {
  const [, lobby, passcode, expires, maxUses] = MARKS.exec(marks) ?? [];
  return {
    lobby: lobby === "l",
    passcode: passcode === "p",
    expires: expires === undefined ? undefined : Number(expires),
    maxUses: maxUses === undefined ? undefined : Number(maxUses),
  };
}

/** Whether the link's date is over by this device's clock. */
export function isExpired(link: MeetingLink, nowMs: number): boolean {
  return link.expires !== undefined && nowMs >= link.expires * 1_000;
}

/** What a room may be opened with. */
export interface MeetingOptions {
  readonly suite?: "post_quantum" | "classic";
  readonly maxParticipants?: number;
  /** Whoever is new has to be let in by a host. Needs a browser that can make a host key. */
  readonly lobby?: boolean;
  /** Whether a passcode belongs to the link. The server never has it, so it is not said here. Needs a host key, too. */
  readonly passcode?: boolean;
  /** When the link stops letting anybody new in, in seconds since 1970. Needs a host key, too. */
  readonly expires?: number | undefined;
  /** How many people beside the hosts it lets in, at most 9999. Needs a host key, too. */
  readonly maxUses?: number | undefined;
}

/** Opens a room on the server and makes its secrets, which stay in the browser. Throws `MeetingError`. */
export async function createMeeting(server: URL, options: MeetingOptions = {}): Promise<NewMeeting> {
  const { suite, maxParticipants } = options;
  let response: Response;
  try {
    response = await fetch(new URL("/api/v1/rooms", server), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        ...(suite !== undefined && { suite }),
        ...(maxParticipants !== undefined && { max_participants: maxParticipants }),
      }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch (error) {
    throw new MeetingError("unreachable", { cause: error });
  }
  if (!response.ok) {
    throw new MeetingError("refused");
  }
  const answer: unknown = await response.json().catch(() => undefined);
  const room = typeof answer === "object" && answer !== null && "room" in answer ? answer.room : undefined;
  if (typeof room !== "string" || !isId(room, ROOM_BYTES)) {
    throw new MeetingError("bad_answer");
  }
  const hostKey = await makeHostKey();
  const { lobby = false, passcode = false, expires, maxUses } = options;
  if ((lobby || passcode || expires !== undefined || maxUses !== undefined) && hostKey === undefined) {
    throw new MeetingError("no_host_key");
  }
  const facts = { host: hostKey?.host, lobby, passcode, expires, maxUses };
  const link = meetingLink(server, room, randomBase64Url(SECRET_BYTES), facts);
  return { link, hostSeed: hostKey?.hostSeed };
}

/** Draws a host key; `undefined` in a browser without Ed25519, where whoever founds the group is its host. */
async function makeHostKey(): Promise<{ readonly host: string; readonly hostSeed: string } | undefined> {
  try {
    const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
    if (!("privateKey" in pair)) {
      return undefined;
    }
    // RFC 8037: `x` is the public key, `d` the seed of RFC 8032, both unpadded base64url.
    const { x, d } = await crypto.subtle.exportKey("jwk", pair.privateKey);
    return x === undefined || d === undefined ? undefined : { host: x, hostSeed: d };
  } catch {
    return undefined;
  }
}

function isId(text: string, bytes: number): boolean {
  return decodeBase64Url(text)?.length === bytes;
}
