// One message of the chat as it is shown: a text, a file or a poll, and when it goes.
import type { ChatRule } from "./app-message.ts";
import type { Ending, FileOffer, Question } from "./message-parts.ts";

/** What was asked, and what was answered so far. */
export interface Poll extends Question {
  /** The numbers of the chosen options, by voter's pseudonym. */
  readonly votes: ReadonlyMap<string, readonly number[]>;
  readonly ended: boolean;
}

/** One message of the chat. A changed message is another object. */
export interface ChatEntry {
  readonly id: string;
  /** The author's pseudonym when it was written. */
  readonly from: string;
  /** The author's name when it was written; empty when it was not known. */
  readonly name: string;
  readonly isSelf: boolean;
  /** When it came, in milliseconds since 1970. */
  readonly at: number;
  /** The words; a file's name; a poll's question. */
  readonly text: string;
  readonly replyTo?: string | undefined;
  readonly file?: FileOffer | undefined;
  readonly poll?: Poll | undefined;
  readonly edited: boolean;
  /** An own message, or a change of it, that has not been sent yet. */
  readonly waiting: boolean;
  /** Who said that they read it, by pseudonym; filled for own messages. */
  readonly readBy: ReadonlySet<string>;
  /** It goes a short time after it was read. */
  readonly burns: boolean;
  /** When it goes, in milliseconds since 1970; not known yet for one that burns, never for others without. */
  readonly goneAt?: number | undefined;
}

/** How long a message that burns stays after it was read, in milliseconds. */
export const BURN_MS = 30_000;

/** What a new entry is made of. */
export interface NewEntry {
  readonly id: string;
  readonly from: string;
  readonly name: string;
  readonly isSelf: boolean;
  readonly at: number;
  readonly text: string;
  readonly replyTo?: string | undefined;
  readonly file?: FileOffer | undefined;
  readonly question?: Question | undefined;
}

/** A new entry; nothing of it was read. */
export function newEntry(entry: NewEntry, ending: Ending): ChatEntry {
  const { question, ...rest } = entry;
  return {
    ...rest,
    ...(question !== undefined && { poll: { ...question, votes: new Map(), ended: false } }),
    edited: false,
    waiting: false,
    readBy: new Set(),
    burns: ending.burn === true,
    goneAt: ending.lifetime === undefined ? undefined : entry.at + ending.lifetime * 1_000,
  };
}

/** What becomes of a wish under a host's rule: the shorter lifetime, and burning when either wants it. */
export function bounded(wish: Ending, rule: ChatRule): Ending {
  const lifetimes = [wish.lifetime, rule.lifetime].filter((lifetime) => lifetime !== undefined);
  const burn = rule.burn || wish.burn === true;
  return { ...(lifetimes.length > 0 && { lifetime: Math.min(...lifetimes) }), ...(burn && { burn }) };
}

/** The entry under a rule that came after it: it goes earlier, never later. */
export function underRule(entry: ChatEntry, rule: ChatRule): ChatEntry {
  const goneAt = rule.lifetime === undefined ? entry.goneAt : earlier(entry.goneAt, entry.at + rule.lifetime * 1_000);
  return { ...entry, goneAt, burns: entry.burns || rule.burn };
}

export function earlier(a: number | undefined, b: number): number {
  return a === undefined ? b : Math.min(a, b);
}

/** The poll with one more vote; `undefined` when it does not take it. */
export function voted(poll: Poll, voter: string, choices: readonly number[]): Poll | undefined {
  const fits = choices.every((choice) => choice < poll.options.length) && (poll.multiple || choices.length <= 1);
  if (poll.ended || !fits) {
    return undefined;
  }
  const votes = new Map(poll.votes);
  if (choices.length === 0) {
    votes.delete(voter);
  } else {
    votes.set(voter, choices);
  }
  return { ...poll, votes };
}

/** How many chose each option. */
export function tally(poll: Poll): readonly number[] {
  return poll.options.map((_, option) => [...poll.votes.values()].filter((choices) => choices.includes(option)).length);
}
