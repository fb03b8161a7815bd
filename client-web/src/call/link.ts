// A meeting's address: the room in the path, which the server sees, and the secret in the fragment, which it never does.
import { decodeBase64Url, randomBase64Url } from "../base/bytes.ts";

/** A meeting's address, taken apart. */
export interface MeetingLink {
  /** The room's id, base64url of 16 bytes. */
  readonly room: string;
  /** The room's secret, base64url of 32 bytes. */
  readonly secret: string;
  /** The whole link, for the clipboard. */
  readonly href: string;
}

/** A meeting could not be opened. */
export class MeetingError extends Error {
  override readonly name = "MeetingError";

  constructor(
    readonly reason: "unreachable" | "refused" | "bad_answer",
    options?: ErrorOptions,
  ) {
    super(reason, options);
  }
}

const ROOM_BYTES = 16;
const SECRET_BYTES = 32;
const PATH = /^\/r\/([A-Za-z0-9_-]+)\/?$/;
const PATIENCE_MS = 10_000;

/** The address of a room at a server. */
export function meetingLink(server: URL, room: string, secret: string): MeetingLink {
  return { room, secret, href: new URL(`/r/${room}#${secret}`, server).href };
}

/** Takes a link apart; `undefined` when the text is no link to a meeting of this server. */
export function parseLink(href: string, server: URL): MeetingLink | undefined {
  const url = URL.parse(href.trim(), server);
  if (url === null || url.origin !== server.origin) {
    return undefined;
  }
  const room = PATH.exec(url.pathname)?.[1];
  const secret = url.hash.slice(1);
  if (room === undefined || !isId(room, ROOM_BYTES) || !isId(secret, SECRET_BYTES)) {
    return undefined;
  }
  return meetingLink(server, room, secret);
}

/** What a room may be opened with. */
export interface MeetingOptions {
  readonly suite?: "post_quantum" | "classic";
  readonly maxParticipants?: number;
}

/** Opens a room on the server and makes its secret, which stays in the browser. Throws `MeetingError`. */
export async function createMeeting(server: URL, options: MeetingOptions = {}): Promise<MeetingLink> {
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
  return meetingLink(server, room, randomBase64Url(SECRET_BYTES));
}

function isId(text: string, bytes: number): boolean {
  return decodeBase64Url(text)?.length === bytes;
}
