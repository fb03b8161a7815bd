// The chat, the reactions and the hands as signals: what is new, what is unread, and what is said about it.

import { type ReadonlySignal, signal } from "@preact/signals";
import type { ChatEntry, Participant, Reaction } from "../../index.ts";
import type { CallPort } from "../port.ts";
import { text } from "../text.ts";
import { nameOf } from "./name.ts";

/** How long a reaction stays on its person's tile, in milliseconds. */
const REACTION_MS = 4_000;
/** A longer message is shortened in the notice of it, in characters. */
const NOTICE_LENGTH = 90;

/** A reaction on a tile. */
export interface ShownReaction {
  readonly reaction: Reaction;
  /** Another number is another reaction of the same person. */
  readonly number: number;
}

export class Talk {
  readonly #call: CallPort;
  readonly #announce: (message: string, tone?: "info" | "problem") => void;
  readonly #entries = signal<readonly ChatEntry[]>([]);
  readonly #unread = signal(0);
  readonly #firstUnread = signal<string | undefined>(undefined);
  readonly #reactions = signal<ReadonlyMap<string, ShownReaction>>(new Map());
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #unsubscribe: readonly (() => void)[];
  #known: ReadonlySet<string>;
  #open = false;
  #number = 0;

  /** What is being written; it survives closing the panel. */
  readonly draft = signal("");

  constructor(call: CallPort, announce: (message: string, tone?: "info" | "problem") => void) {
    this.#call = call;
    this.#announce = announce;
    this.#entries.value = call.chat;
    this.#known = new Set(call.chat.map((entry) => entry.id));
    this.#unsubscribe = [
      call.on("chat", (entries) => this.#readChat(entries)),
      call.on("reaction", ({ from, reaction }) => this.#show(from, reaction)),
    ];
  }

  get entries(): ReadonlySignal<readonly ChatEntry[]> {
    return this.#entries;
  }

  /** How many messages came while the chat was closed. */
  get unread(): ReadonlySignal<number> {
    return this.#unread;
  }

  /** The first of the messages that were unread when the chat was opened. */
  get firstUnread(): ReadonlySignal<string | undefined> {
    return this.#firstUnread;
  }

  /** The reactions on the tiles, by client id. */
  get reactions(): ReadonlySignal<ReadonlyMap<string, ShownReaction>> {
    return this.#reactions;
  }

  /** The chat is on the screen, or not any more. */
  setOpen(open: boolean): void {
    this.#open = open;
    if (open) {
      this.#unread.value = 0;
    } else {
      this.#firstUnread.value = undefined;
    }
  }

  /** Sends a message; false when it was not taken, and why is on the screen. */
  say(words: string, replyTo: string | undefined): boolean {
    return this.#took(this.#call.say(words, replyTo));
  }

  edit(id: string, words: string): boolean {
    return this.#took(this.#call.editMessage(id, words));
  }

  react(reaction: Reaction): void {
    this.#took(this.#call.react(reaction));
  }

  close(): void {
    for (const stop of this.#unsubscribe) {
      stop();
    }
    for (const timer of this.#timers) {
      clearTimeout(timer);
    }
  }

  #took(problem: ReturnType<CallPort["say"]>): boolean {
    if (problem === "too_many") {
      this.#announce(text.chat.tooMany, "problem");
    }
    return problem === undefined;
  }

  #readChat(entries: readonly ChatEntry[]): void {
    const news = entries.filter((entry) => !entry.isSelf && !this.#known.has(entry.id));
    this.#known = new Set(entries.map((entry) => entry.id));
    this.#entries.value = entries;
    const [first] = news;
    const last = news.at(-1);
    if (this.#open || first === undefined || last === undefined) {
      return;
    }
    if (this.#unread.value === 0) {
      this.#firstUnread.value = first.id;
    }
    this.#unread.value += news.length;
    this.#announce(text.chat.said(nameOf(last), shortened(last.text)));
  }

  #show(from: string, reaction: Reaction): void {
    this.#number += 1;
    const number = this.#number;
    this.#reactions.value = new Map(this.#reactions.value).set(from, { reaction, number });
    const person = this.#call.participants.get(from);
    if (person !== undefined && !person.isSelf) {
      this.#announce(text.reactions.said(nameOf(person), text.reactions.names[reaction]));
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (this.#reactions.value.get(from)?.number === number) {
        const rest = new Map(this.#reactions.value);
        rest.delete(from);
        this.#reactions.value = rest;
      }
    }, REACTION_MS);
    this.#timers.add(timer);
  }
}

/** Who holds a hand up, the one who has waited longest first. */
export function handQueue(people: readonly Participant[]): readonly Participant[] {
  return people
    .filter((person) => person.hand !== undefined)
    .sort((a, b) => (a.hand ?? 0) - (b.hand ?? 0) || (a.clientId < b.clientId ? -1 : 1));
}

/** Who raised a hand between two rosters. */
export function raisedBetween(before: readonly Participant[], now: readonly Participant[]): readonly Participant[] {
  return now.filter(
    (person) =>
      !person.isSelf &&
      person.hand !== undefined &&
      before.some((old) => old.clientId === person.clientId && old.hand === undefined),
  );
}

function shortened(words: string): string {
  const line = words.replace(/\s+/gu, " ");
  return line.length > NOTICE_LENGTH ? `${line.slice(0, NOTICE_LENGTH)}…` : line;
}
