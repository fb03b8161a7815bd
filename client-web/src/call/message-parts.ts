// The parts that messages of the group are made of, each read from bytes that anybody may have made up.
import { decodeBase64Url } from "../base/bytes.ts";

/** Most characters (UTF-16 units) of a chat message. */
export const MAX_TEXT = 4_000;
export const MESSAGE_ID_BYTES = 12;
/** Most characters of a file's name. */
export const MAX_FILE_NAME = 120;
/** No file is larger, in bytes; a server allows less. */
const MAX_FILE_BYTES = 1_000_000 * 1_048_576;
export const MAX_QUESTION = 300;
export const MAX_OPTION = 100;
export const MAX_OPTIONS = 10;
/** The longest lifetime of a message, in seconds: a day. */
export const MAX_LIFETIME_S = 86_400;
/** Ids in one receipt. */
export const MAX_READ = 40;

/** When a message goes from every screen. */
export interface Ending {
  /** So many seconds after it came. */
  readonly lifetime?: number | undefined;
  /** A short time after it was read. */
  readonly burn?: boolean | undefined;
}

/** A file that was shared: where its ciphertext is and what opens it. */
export interface FileOffer {
  readonly name: string;
  /** What its author's browser takes it for; nothing but a hint. */
  readonly mime: string;
  /** Of plaintext. */
  readonly bytes: number;
  /** The server's name for its ciphertext, and the key to it; base64url of 16 and 32 bytes. */
  readonly file: string;
  readonly key: string;
}

/** What is asked in a poll. */
export interface Question {
  readonly question: string;
  readonly options: readonly string[];
  /** Whether one may choose more than one option. */
  readonly multiple: boolean;
}

/** Controls but line feed and tab, and those that turn the direction of what follows: they make a text look like another. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is these that are looked for.
const MISLEADING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;
const MIME = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,60}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}$/;

/** The text as others will read it; `undefined` when it is empty or too long. */
export function cleanText(text: unknown, most: number = MAX_TEXT): string | undefined {
  if (typeof text !== "string" || text.length > most) {
    return undefined;
  }
  const clean = text.replace(MISLEADING, "").trim();
  return clean === "" ? undefined : clean;
}

/** A text of one line. */
export function cleanLine(text: unknown, most: number): string | undefined {
  return typeof text === "string" ? cleanText(text.replace(/\s+/gu, " "), most) : undefined;
}

/**
 * A name that is only a name on every system: no folders, nothing hidden, no device, short, its ending kept. Never empty.
 */
export function fileName(name: unknown): string {
  const last = typeof name === "string" ? (name.slice(-1_000).split(/[/\\]/u).at(-1) ?? "") : "";
  const clean = last
    .replace(MISLEADING, "")
    .replace(/[<>:"|?*\t\n]/gu, "_")
    .replace(/\s+/gu, " ")
    .replace(/^[. ]+|[. ]+$/gu, "");
  const safe = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/iu.test(clean) ? `_${clean}` : clean;
  if (safe.length <= MAX_FILE_NAME) {
    return safe === "" ? "file" : safe;
  }
  const ending = /\.[^.]{1,12}$/u.exec(safe)?.[0] ?? "";
  // Not in the middle of a character that has two halves.
  const stem = safe.slice(0, MAX_FILE_NAME - ending.length).replace(/[\ud800-\udbff]$/u, "");
  return stem + ending;
}

export function isId(value: unknown, bytes: number = MESSAGE_ID_BYTES): value is string {
  return typeof value === "string" && value.length <= 64 && decodeBase64Url(value)?.length === bytes;
}

/** `undefined` when the fields are no ending. */
export function readEnding({ lifetime, burn }: Readonly<Record<string, unknown>>): Ending | undefined {
  if ((lifetime !== undefined && !isLifetime(lifetime)) || (burn !== undefined && typeof burn !== "boolean")) {
    return undefined;
  }
  return { ...(lifetime !== undefined && { lifetime }), ...(burn === true && { burn }) };
}

export function isLifetime(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= MAX_LIFETIME_S;
}

export function readFileOffer(fields: Readonly<Record<string, unknown>>): FileOffer | undefined {
  const { name, mime, bytes, file, key } = fields;
  if (typeof bytes !== "number" || !Number.isInteger(bytes) || bytes < 0 || bytes > MAX_FILE_BYTES) {
    return undefined;
  }
  if (typeof name !== "string" || !isId(file, 16) || !isId(key, 32)) {
    return undefined;
  }
  const known = typeof mime === "string" && MIME.test(mime) ? mime : "application/octet-stream";
  return { name: fileName(name), mime: known, bytes, file, key };
}

export function readQuestion(fields: Readonly<Record<string, unknown>>): Question | undefined {
  const { multiple, options } = fields;
  const question = cleanLine(fields["question"], MAX_QUESTION);
  if (question === undefined || typeof multiple !== "boolean" || !Array.isArray(options)) {
    return undefined;
  }
  if (options.length < 2 || options.length > MAX_OPTIONS) {
    return undefined;
  }
  const clean = options.map((option) => cleanLine(option, MAX_OPTION)).filter((option) => option !== undefined);
  return clean.length === options.length && new Set(clean).size === clean.length
    ? { question, options: clean, multiple }
    : undefined;
}

/** The numbers of the chosen options, in order; none takes the vote back. */
export function readChoices(choices: unknown): readonly number[] | undefined {
  if (!Array.isArray(choices) || choices.length > MAX_OPTIONS) {
    return undefined;
  }
  const chosen = choices.filter((choice) => Number.isInteger(choice) && choice >= 0 && choice < MAX_OPTIONS);
  return chosen.length === choices.length && new Set(chosen).size === chosen.length
    ? [...chosen].sort((a, b) => a - b)
    : undefined;
}

export function readIds(ids: unknown): readonly string[] | undefined {
  return Array.isArray(ids) && ids.length > 0 && ids.length <= MAX_READ && ids.every((id) => isId(id))
    ? ids
    : undefined;
}
