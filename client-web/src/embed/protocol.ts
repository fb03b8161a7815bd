// What a page and the meeting in its frame say to each other with postMessage.

/** Version of the protocol, in every message: anything else is not for us. */
export const PROTOCOL = 1;

/** The own devices that can be muted. */
export type MutedSource = "microphone" | "camera";

/** How a meeting begins. */
export interface JoinOptions {
  /** The meeting's whole link, with what is behind its `#`. */
  readonly link?: string;
  /** The name that others see; without one the person is asked. */
  readonly name?: string;
  readonly passcode?: string;
  /** Whether to come with the microphone off. */
  readonly muted?: boolean;
  /** Whether to come with the camera off. */
  readonly cameraOff?: boolean;
}

/** What the page may ask for. */
export type Command =
  /** Shows the meeting's preparation. */
  | ({ readonly type: "open" } & JoinOptions)
  /** Goes into the meeting; without a name, as soon as the person has typed one. */
  | ({ readonly type: "join" } & JoinOptions)
  | { readonly type: "leave" }
  | { readonly type: "mute"; readonly source: MutedSource; readonly muted: boolean }
  | { readonly type: "share"; readonly on: boolean }
  /** Shows somebody large, whoever speaks; nobody with `null`. */
  | { readonly type: "pin"; readonly participant: string | null };

/** Somebody in the meeting, as the page is told. */
export interface EmbedParticipant {
  /** A pseudonym of this call. */
  readonly id: string;
  readonly name: string;
  readonly self: boolean;
  readonly microphone: boolean;
  readonly camera: boolean;
  readonly sharing: boolean;
  readonly speaking: boolean;
  readonly hand: boolean;
  /** Whether everything of them is known to be encrypted end to end. */
  readonly secure: boolean;
}

/** What the page is told, by name. */
export type EmbedEvents = {
  /** The frame takes commands from now on. */
  ready: Record<string, never>;
  /** The call's state, as in the SDK, or "prejoin" before it. */
  state: { readonly state: string };
  participants: { readonly participants: readonly EmbedParticipant[] };
  muted: { readonly source: MutedSource; readonly muted: boolean };
  shared: { readonly on: boolean };
  pinned: { readonly participant: string | null };
  /** The call is over; the reason is one of the SDK's `EndReason`. */
  ended: { readonly reason: string };
};

/** Why a command was not done. */
export type CommandProblem =
  /** The frame does not know the command, or not in this form. */
  | "bad-command"
  /** The link is none of this server. */
  | "bad-link"
  | "not-in-call"
  | "no-such-participant"
  /** The hosts do not allow it. */
  | "not-permitted"
  /** The browser wants the person to click in the meeting itself for this. */
  | "needs-click"
  | "failed";

/** From the page to the frame. */
export interface ToFrame {
  readonly conclave: typeof PROTOCOL;
  /** Comes back with the answer. */
  readonly id: number;
  readonly command: Command;
}

/** From the frame to the page. */
export type FromFrame = { readonly conclave: typeof PROTOCOL } & (
  | { readonly answer: number; readonly problem: CommandProblem | null }
  | {
      readonly [Name in keyof EmbedEvents]: { readonly event: Name; readonly detail: EmbedEvents[Name] };
    }[keyof EmbedEvents]
);

/** What is behind the `#` of the frame's address: nothing there is sent to the server. */
export interface FrameSettings {
  /** Origins of pages whose messages are taken, and who are told what happens. */
  readonly origins: readonly string[];
  /** How the meeting begins, for a frame that nobody sends commands to. */
  readonly begin: JoinOptions;
}

/** The frame's address at a server. */
export function frameAddress(server: URL, { origins, begin }: FrameSettings): string {
  const words = new URLSearchParams();
  for (const origin of origins) {
    words.append("origin", origin);
  }
  for (const key of TEXTS) {
    const value = begin[key];
    if (value !== undefined) {
      words.set(key, value);
    }
  }
  for (const key of FLAGS) {
    if (begin[key] === true) {
      words.set(key, "1");
    }
  }
  return new URL(`/embed#${words}`, server).href;
}

/** Reads a frame's address. An origin is taken only in the exact form that browsers give it; "*" is none. */
export function readFrameAddress(fragment: string): FrameSettings {
  const words = new URLSearchParams(fragment.replace(/^#/, ""));
  const origins = words.getAll("origin").filter((origin) => URL.parse(origin)?.origin === origin && origin !== "null");
  const begin: Record<string, string | boolean> = {};
  for (const key of TEXTS) {
    const value = words.get(key);
    if (value !== null) {
      begin[key] = value;
    }
  }
  for (const key of FLAGS) {
    begin[key] = words.get(key) === "1";
  }
  return { origins, begin };
}

const TEXTS = ["link", "name", "passcode"] as const;
const FLAGS = ["muted", "cameraOff"] as const;

/** Takes a message of the page apart; `undefined` when it is none of ours, `null` for the command when that is wrong. */
export function readToFrame(data: unknown): { readonly id: number; readonly command: Command | null } | undefined {
  if (!isRecord(data) || data["conclave"] !== PROTOCOL || typeof data["id"] !== "number") {
    return undefined;
  }
  return { id: data["id"], command: readCommand(data["command"]) };
}

function readCommand(command: unknown): Command | null {
  if (!isRecord(command)) {
    return null;
  }
  switch (command["type"]) {
    case "open":
    case "join": {
      const begin = readJoinOptions(command);
      return begin === null ? null : { type: command["type"], ...begin };
    }
    case "leave":
      return { type: "leave" };
    case "mute": {
      const { source, muted } = command;
      return (source === "microphone" || source === "camera") && typeof muted === "boolean"
        ? { type: "mute", source, muted }
        : null;
    }
    case "share":
      return typeof command["on"] === "boolean" ? { type: "share", on: command["on"] } : null;
    case "pin": {
      const { participant } = command;
      return participant === null || typeof participant === "string" ? { type: "pin", participant } : null;
    }
    default:
      return null;
  }
}

function readJoinOptions(command: Readonly<Record<string, unknown>>): JoinOptions | null {
  const begin: Record<string, string | boolean> = {};
  for (const [keys, type] of [
    [TEXTS, "string"],
    [FLAGS, "boolean"],
  ] as const) {
    for (const key of keys) {
      const value = command[key];
      if (value === undefined) {
        continue;
      }
      if (typeof value !== type) {
        return null;
      }
      begin[key] = value as string | boolean;
    }
  }
  return begin;
}

/** Takes a message of the frame apart; `undefined` when it is none of ours. */
export function readFromFrame(data: unknown): FromFrame | undefined {
  return isRecord(data) && data["conclave"] === PROTOCOL ? (data as unknown as FromFrame) : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
