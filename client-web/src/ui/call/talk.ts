// The chat, the reactions and the hands as signals: what is new, what is unread, and what is said about it.

import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type {
  ChatEntry,
  ChatRule,
  Ending,
  FileOffer,
  FilesView,
  Participant,
  Question,
  Reaction,
  Sink,
} from "../../index.ts";
import type { CallPort } from "../port.ts";
import { text } from "../text.ts";
import { endingWords } from "./ending-words.ts";
import { nameOf } from "./name.ts";

/** How long a reaction stays on its person's tile, in milliseconds. */
const REACTION_MS = 4_000;
/** A longer message is shortened in the notice of it, in characters. */
const NOTICE_LENGTH = 90;
/** Several messages that come within this time are told to be read at once, in milliseconds. */
const READ_DELAY_MS = 1_000;

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
  readonly #files: Signal<FilesView>;
  readonly #rule: Signal<ChatRule>;
  readonly #wish: Signal<Ending>;
  #known: ReadonlySet<string>;
  #open = false;
  #seen = false;
  #readTimer: ReturnType<typeof setTimeout> | undefined;
  #number = 0;

  /** What is being written; it survives closing the panel. */
  readonly draft = signal("");

  constructor(call: CallPort, announce: (message: string, tone?: "info" | "problem") => void) {
    this.#call = call;
    this.#announce = announce;
    this.#entries.value = call.chat;
    this.#files = signal(call.files.view);
    this.#rule = signal(call.conversation.rule);
    this.#wish = signal(call.conversation.wish);
    this.#known = new Set(call.chat.map((entry) => entry.id));
    this.#unsubscribe = [
      call.on("chat", (entries) => this.#readChat(entries)),
      call.on("files", (view) => {
        this.#files.value = view;
      }),
      call.on("rule", (rule) => this.#readRule(rule)),
      call.on("reaction", ({ from, reaction }) => this.#show(from, reaction)),
    ];
  }

  get entries(): ReadonlySignal<readonly ChatEntry[]> {
    return this.#entries;
  }

  /** The own files on their way, and those of others. */
  get files(): ReadonlySignal<FilesView> {
    return this.#files;
  }

  /** What a host allows messages. */
  get rule(): ReadonlySignal<ChatRule> {
    return this.#rule;
  }

  /** How one's own messages shall end. */
  get wish(): ReadonlySignal<Ending> {
    return this.#wish;
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

  /** Somebody looks at the chat, or not: the page may be in the background. */
  setSeen(seen: boolean): void {
    this.#seen = seen;
    // The machine may have slept since: what is over must not be seen again.
    this.#call.conversation.handleTimeout();
    this.#readSoon();
  }

  /** Sends a message; false when it was not taken, and why is on the screen. */
  say(words: string, replyTo: string | undefined): boolean {
    return this.#took(this.#call.say(words, replyTo));
  }

  edit(id: string, words: string): boolean {
    return this.#took(this.#call.editMessage(id, words));
  }

  /** Takes an own message back. */
  remove(id: string): void {
    this.#took(this.#call.conversation.delete(id));
  }

  /** Sends files; those for which there is no room now are not begun, and that is said. */
  share(files: readonly File[], replyTo?: string): void {
    if (files.some((file) => !this.#call.files.share(file, replyTo))) {
      this.#announce(text.files.problems.too_many, "problem");
    }
  }

  cancelUpload(id: string): void {
    this.#call.files.cancelUpload(id);
  }

  /** Fetches a file, into memory or to where it shall be saved. */
  fetch(entryId: string, offer: FileOffer, sink?: Sink): Promise<void> {
    return this.#call.files.fetch(entryId, offer, sink);
  }

  letGo(entryId: string): void {
    this.#call.files.letGo(entryId);
  }

  cancelFetch(entryId: string): void {
    this.#call.files.cancelFetch(entryId);
  }

  /** Asks everybody; false when the question or its options are not such. */
  ask(question: Question): boolean {
    return this.#took(this.#call.conversation.ask(question));
  }

  vote(id: string, choices: readonly number[]): void {
    this.#took(this.#call.conversation.vote(id, choices));
  }

  endPoll(id: string): void {
    this.#took(this.#call.conversation.endPoll(id));
  }

  /** Sets when everybody's messages go (hosts only). */
  setRule(rule: ChatRule): void {
    const { lifetime = null, burn } = rule;
    this.#call
      .decide({ decide: "messages", lifetime, burn })
      .catch(() => this.#announce(text.moderation.failed, "problem"));
  }

  /** Sets when one's own messages go. */
  setWish(wish: Ending): void {
    this.#call.conversation.wish = wish;
    this.#wish.value = wish;
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
    clearTimeout(this.#readTimer);
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
    if (news.length > 0) {
      this.#readSoon();
    }
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

  #readRule(rule: ChatRule): void {
    this.#rule.value = rule;
    this.#announce(endingWords(rule) || text.ending.nothing);
  }

  #readSoon(): void {
    if (this.#open && this.#seen) {
      this.#readTimer ??= setTimeout(() => {
        this.#readTimer = undefined;
        if (this.#open && this.#seen) {
          this.#call.conversation.markRead();
        }
      }, READ_DELAY_MS);
    }
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
