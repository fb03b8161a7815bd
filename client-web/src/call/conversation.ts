// What is said beside the sound: the chat and the reactions. Lives as long as the call, also over a rejoin.
import { randomBase64Url } from "../base/bytes.ts";
import { type AppMessage, cleanText, encodeMessage, MESSAGE_ID_BYTES, type Reaction } from "./app-message.ts";

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
  readonly text: string;
  readonly replyTo?: string | undefined;
  readonly edited: boolean;
  /** An own message, or a change of it, that has not been sent yet. */
  readonly waiting: boolean;
}

/** Why a well-formed message was not taken. */
export type MessageRefusal = "duplicate" | "unknown_message" | "not_author" | "not_host" | "too_many";

/** Why an own message was not sent. */
export type SendProblem = "bad_text" | "too_many" | "unknown_message";

/** What the conversation needs of the call. */
export interface ConversationPorts {
  /** Sends a payload to everybody; false when that is not possible now. */
  send(payload: string): boolean;
  /** Oneself as the group knows one now. */
  self(): { readonly clientId: string; readonly name: string };
  nameOf(clientId: string): string | undefined;
  now(): number;
  chatChanged(entries: readonly ChatEntry[]): void;
  reacted(from: string, reaction: Reaction): void;
}

/** The oldest messages go when there are more. */
export const MAX_ENTRIES = 500;
/** Own messages that wait for the connection; another one is refused. */
const MAX_WAITING = 20;
/** So many messages of one sender within `WINDOW_MS` are taken, and so many are sent. */
const MAX_IN_WINDOW = 20;
const WINDOW_MS = 10_000;

export class Conversation {
  #entries: readonly ChatEntry[] = [];
  /** When the latest messages of each sender came. */
  readonly #arrivals = new Map<string, readonly number[]>();
  /** Own payloads that wait, by the id of their message. */
  #waiting: readonly { readonly id: string; readonly payload: string }[] = [];

  constructor(private readonly ports: ConversationPorts) {}

  /** Oldest first. */
  get entries(): readonly ChatEntry[] {
    return this.#entries;
  }

  /** Takes what somebody else sent; says why if not. */
  handle(from: string, message: Exclude<AppMessage, { type: "status" | "lower_hands" }>): MessageRefusal | undefined {
    if (!this.#allows(from)) {
      return "too_many";
    }
    switch (message.type) {
      case "chat": {
        const { id, text, replyTo } = message;
        if (this.#find(id) !== undefined) {
          return "duplicate";
        }
        const name = this.ports.nameOf(from) ?? "";
        this.#add({
          id,
          from,
          name,
          isSelf: false,
          text,
          replyTo,
          at: this.ports.now(),
          edited: false,
          waiting: false,
        });
        return undefined;
      }
      case "edit": {
        const entry = this.#find(message.id);
        if (entry === undefined) {
          return "unknown_message";
        }
        if (entry.from !== from || entry.isSelf) {
          return "not_author";
        }
        this.#change(message.id, { text: message.text, edited: true });
        return undefined;
      }
      case "reaction":
        this.ports.reacted(from, message.reaction);
        return undefined;
    }
  }

  /** Writes to everybody; while there is no connection the message waits. */
  say(words: string, replyTo?: string): SendProblem | undefined {
    const text = cleanText(words);
    if (text === undefined) {
      return "bad_text";
    }
    const { clientId, name } = this.ports.self();
    if (this.#waiting.length >= MAX_WAITING || !this.#allows(clientId)) {
      return "too_many";
    }
    const id = randomBase64Url(MESSAGE_ID_BYTES);
    this.#add({
      id,
      from: clientId,
      name,
      isSelf: true,
      text,
      replyTo,
      at: this.ports.now(),
      edited: false,
      waiting: true,
    });
    this.#send(id, encodeMessage({ type: "chat", id, text, replyTo }));
    return undefined;
  }

  /** Changes an own message that the others know as written by the present pseudonym. */
  edit(id: string, words: string): SendProblem | undefined {
    const text = cleanText(words);
    const { clientId } = this.ports.self();
    if (text === undefined) {
      return "bad_text";
    }
    if (this.#find(id)?.from !== clientId) {
      return "unknown_message";
    }
    if (this.#waiting.length >= MAX_WAITING || !this.#allows(clientId)) {
      return "too_many";
    }
    this.#change(id, { text, edited: true, waiting: true });
    this.#send(id, encodeMessage({ type: "edit", id, text }));
    return undefined;
  }

  /** Shows everybody a reaction, oneself too. It does not wait for a connection: later it would mean something else. */
  react(reaction: Reaction): SendProblem | undefined {
    const { clientId } = this.ports.self();
    if (!this.#allows(clientId)) {
      return "too_many";
    }
    if (this.ports.send(encodeMessage({ type: "reaction", reaction }))) {
      this.ports.reacted(clientId, reaction);
    }
    return undefined;
  }

  /** There is a connection: sends what waits. Messages of a pseudonym that is gone are sent by the present one. */
  handleConnected(): void {
    const { clientId } = this.ports.self();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { id, payload } of waiting) {
      this.#change(id, { from: clientId });
      this.#send(id, payload);
    }
  }

  /** Forgets what it counted of people who are gone. */
  keepOnly(members: ReadonlySet<string>): void {
    for (const clientId of this.#arrivals.keys()) {
      if (!members.has(clientId)) {
        this.#arrivals.delete(clientId);
      }
    }
  }

  #send(id: string, payload: string): void {
    if (this.#waiting.length === 0 && this.ports.send(payload)) {
      this.#change(id, { waiting: false });
    } else {
      this.#waiting = [...this.#waiting, { id, payload }];
    }
  }

  #allows(clientId: string): boolean {
    const now = this.ports.now();
    const recent = (this.#arrivals.get(clientId) ?? []).filter((at) => now - at < WINDOW_MS);
    const allowed = recent.length < MAX_IN_WINDOW;
    this.#arrivals.set(clientId, allowed ? [...recent, now] : recent);
    return allowed;
  }

  #find(id: string): ChatEntry | undefined {
    return this.#entries.find((entry) => entry.id === id);
  }

  #add(entry: ChatEntry): void {
    this.#become([...this.#entries, entry].slice(-MAX_ENTRIES));
  }

  #change(id: string, change: Partial<ChatEntry>): void {
    this.#become(this.#entries.map((entry) => (entry.id === id ? { ...entry, ...change } : entry)));
  }

  #become(entries: readonly ChatEntry[]): void {
    this.#entries = entries;
    this.ports.chatChanged(entries);
  }
}
