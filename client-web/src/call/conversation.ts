// What is said beside the sound: chat, files, polls and reactions. Lives as long as the call, also over a rejoin.
import { randomBase64Url } from "../base/bytes.ts";
import { type ChatRule, encodeMessage, type Reaction, type TalkMessage } from "./app-message.ts";
import { BURN_MS, bounded, type ChatEntry, earlier, newEntry, underRule, voted } from "./chat-entry.ts";
import {
  cleanText,
  type Ending,
  type FileOffer,
  MAX_READ,
  MESSAGE_ID_BYTES,
  type Question,
  readQuestion,
} from "./message-parts.ts";

/** Why a well-formed message was not taken. */
export type MessageRefusal = "duplicate" | "unknown_message" | "not_author" | "not_host" | "not_votable" | "too_many";

/** Why an own message was not sent. */
export type SendProblem = "bad_text" | "too_many" | "unknown_message" | "not_votable";

/** What the conversation needs of the call. */
export interface ConversationPorts {
  /** Sends a payload to everybody; false when that is not possible now. */
  send(payload: string): boolean;
  /** Oneself as the group knows one now. */
  self(): { readonly clientId: string; readonly name: string };
  nameOf(clientId: string): string | undefined;
  now(): number;
  chatChanged(entries: readonly ChatEntry[]): void;
  ruleChanged(rule: ChatRule): void;
  reacted(from: string, reaction: Reaction): void;
}

/** The oldest messages go when there are more. */
export const MAX_ENTRIES = 500;
/** Own messages that wait for the connection; another one is refused. */
const MAX_WAITING = 20;
/** So many messages of one sender within `WINDOW_MS` are taken, and so many are sent. */
const MAX_IN_WINDOW = 20;
const WINDOW_MS = 10_000;
/** In a larger call nobody says what they read: everybody would tell everybody. */
export const MAX_RECEIPTS = 50;
/** Ids of messages that are gone, so that none of them comes back under its old id. */
const MAX_GONE = 2_000;

/** The parts of a new message that its kind decides. */
type Content =
  | { readonly type: "chat"; readonly text: string; readonly replyTo?: string | undefined }
  | { readonly type: "file"; readonly offer: FileOffer; readonly replyTo?: string | undefined }
  | { readonly type: "poll"; readonly question: Question };

export class Conversation {
  #entries: readonly ChatEntry[] = [];
  #rule: ChatRule = { burn: false };
  #wish: Ending = {};
  #members: ReadonlySet<string> = new Set();
  readonly #gone = new Set<string>();
  /** Messages of others that were read here, and whether the author was told. */
  readonly #read = new Map<string, boolean>();
  /** When the latest messages of each sender came. */
  readonly #arrivals = new Map<string, readonly number[]>();
  /** Own payloads that wait, by the id of their message. */
  #waiting: readonly { readonly id: string; readonly payload: string }[] = [];

  constructor(private readonly ports: ConversationPorts) {}

  /** Oldest first. */
  get entries(): readonly ChatEntry[] {
    return this.#entries;
  }

  /** What a host allows messages. */
  get rule(): ChatRule {
    return this.#rule;
  }

  /** How the next own messages shall end; the host's rule bounds it. */
  get wish(): Ending {
    return this.#wish;
  }

  set wish(wish: Ending) {
    this.#wish = wish;
  }

  /** How the next own message will end. */
  get ending(): Ending {
    return bounded(this.#wish, this.#rule);
  }

  /** When `handleTimeout` has something to do, in milliseconds since 1970. */
  get nextEnd(): number | undefined {
    const ends = this.#entries.map((entry) => entry.goneAt).filter((at) => at !== undefined);
    return ends.length === 0 ? undefined : Math.min(...ends);
  }

  /** Takes what somebody else sent; says why if not. */
  handle(from: string, message: TalkMessage): MessageRefusal | undefined {
    // Receipts come by themselves and in batches; they shall not use up what a person may say.
    if (!this.#allows(message.type === "read" ? `read ${from}` : from)) {
      return "too_many";
    }
    switch (message.type) {
      case "chat":
      case "file":
      case "poll":
        return this.#handleNew(from, message);
      case "edit":
        return this.#handleOf(from, message.id, (entry) => {
          if (isText(entry)) {
            this.#change(message.id, { text: message.text, edited: true });
          }
        });
      case "delete":
        return this.#handleOf(from, message.id, () => this.#remove([message.id]));
      case "poll_end":
        return this.#handleOf(from, message.id, (entry) => this.#endPoll(entry));
      case "vote":
        return this.#vote(from, message.id, message.choices);
      case "read":
        return this.#handleRead(from, message.ids);
      case "reaction":
        this.ports.reacted(from, message.reaction);
        return undefined;
    }
  }

  /** Writes to everybody; while there is no connection the message waits. */
  say(words: string, replyTo?: string): SendProblem | undefined {
    const text = cleanText(words);
    return text === undefined ? "bad_text" : this.#say({ type: "chat", text, replyTo });
  }

  /** Tells everybody of a file whose ciphertext is with the server; returns its message's id when it is said. */
  offer(offer: FileOffer, replyTo?: string): string | undefined {
    const id = randomBase64Url(MESSAGE_ID_BYTES);
    return this.#say({ type: "file", offer, replyTo }, id) === undefined ? id : undefined;
  }

  /** Asks everybody. */
  ask(question: Question): SendProblem | undefined {
    const clean = readQuestion({ ...question });
    return clean === undefined ? "bad_text" : this.#say({ type: "poll", question: clean });
  }

  /** Changes an own message that the others know as written by the present pseudonym. */
  edit(id: string, words: string): SendProblem | undefined {
    const text = cleanText(words);
    if (text === undefined) {
      return "bad_text";
    }
    const entry = this.#find(id);
    if (entry === undefined || !isText(entry)) {
      return "unknown_message";
    }
    return this.#tellOfOwn({ type: "edit", id, text }, () => this.#change(id, { text, edited: true, waiting: true }));
  }

  /** Takes an own message back, from everybody. */
  delete(id: string): SendProblem | undefined {
    return this.#tellOfOwn({ type: "delete", id }, () => this.#remove([id]));
  }

  /** Ends an own poll: nobody votes any more. */
  endPoll(id: string): SendProblem | undefined {
    const entry = this.#find(id);
    if (entry?.poll === undefined) {
      return "unknown_message";
    }
    return this.#tellOfOwn({ type: "poll_end", id }, () => this.#endPoll(entry));
  }

  /** Votes in a poll, or takes the vote back with no choice. It does not wait for a connection. */
  vote(id: string, choices: readonly number[]): SendProblem | undefined {
    const { clientId } = this.ports.self();
    if (!this.#allows(clientId)) {
      return "too_many";
    }
    const { poll } = this.#find(id) ?? {};
    if (poll === undefined || voted(poll, clientId, choices) === undefined) {
      return "not_votable";
    }
    if (this.ports.send(encodeMessage({ type: "vote", id, choices }))) {
      this.#vote(clientId, id, choices);
    }
    return undefined;
  }

  /** Takes what a host signed about all messages, from now on and for those that are there. */
  setRule(rule: ChatRule): void {
    if (rule.lifetime === this.#rule.lifetime && rule.burn === this.#rule.burn) {
      return;
    }
    this.#rule = rule;
    this.ports.ruleChanged(rule);
    this.#become(this.#entries.map((entry) => underRule(entry, rule)));
    this.#read.forEach((_, id) => {
      const entry = this.#find(id);
      if (rule.burn && entry !== undefined) {
        this.#change(id, { goneAt: earlier(entry.goneAt, this.ports.now() + BURN_MS) });
      }
    });
    this.#burnRead();
    this.handleTimeout();
  }

  /** All messages of others have been on the screen: their authors are told, and those that burn begin to. */
  markRead(): void {
    const now = this.ports.now();
    const fresh = this.#entries.filter((entry) => !entry.isSelf && !this.#read.has(entry.id));
    for (const entry of fresh) {
      this.#read.set(entry.id, false);
    }
    this.#sendReceipts();
    if (fresh.some((entry) => entry.burns)) {
      const ids = new Set(fresh.filter((entry) => entry.burns).map((entry) => entry.id));
      const burning = (entry: ChatEntry) =>
        ids.has(entry.id) ? { ...entry, goneAt: earlier(entry.goneAt, now + BURN_MS) } : entry;
      this.#become(this.#entries.map(burning));
    }
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
    this.handleTimeout();
    const { clientId } = this.ports.self();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { id, payload } of waiting) {
      this.#change(id, { from: clientId });
      this.#send(id, payload);
    }
    this.#sendReceipts();
  }

  /** Time has passed, maybe while the machine slept: what is over goes. */
  handleTimeout(): void {
    const now = this.ports.now();
    const over = this.#entries.filter((entry) => entry.goneAt !== undefined && entry.goneAt <= now);
    if (over.length > 0) {
      this.#remove(over.map((entry) => entry.id));
    }
  }

  /** The call is over, and with it all that was said. */
  close(): void {
    this.#waiting = [];
    this.#read.clear();
    this.#become([]);
  }

  /** Who is in the call; forgets what it counted of people who are gone. */
  keepOnly(members: ReadonlySet<string>): void {
    this.#members = members;
    for (const sender of this.#arrivals.keys()) {
      if (!members.has(sender.replace(/^read /u, ""))) {
        this.#arrivals.delete(sender);
      }
    }
    this.#burnRead();
  }

  #handleNew(from: string, message: TalkMessage & { type: "chat" | "file" | "poll" }): MessageRefusal | undefined {
    const { id } = message;
    if (this.#find(id) !== undefined || this.#gone.has(id)) {
      return "duplicate";
    }
    const name = this.ports.nameOf(from) ?? "";
    const head = { id, from, name, isSelf: false, at: this.ports.now() };
    this.#add(newEntry({ ...head, ...contentOf(message) }, bounded(message.ending ?? {}, this.#rule)));
    return undefined;
  }

  /** Does what only an entry's author may do with it. */
  #handleOf(from: string, id: string, act: (entry: ChatEntry) => void): MessageRefusal | undefined {
    const entry = this.#find(id);
    if (entry === undefined) {
      return "unknown_message";
    }
    if (entry.from !== from || entry.isSelf) {
      return "not_author";
    }
    act(entry);
    return undefined;
  }

  #handleRead(from: string, ids: readonly string[]): MessageRefusal | undefined {
    const read = new Set(ids);
    const own = this.#entries.filter((entry) => entry.isSelf && read.has(entry.id) && !entry.readBy.has(from));
    if (own.length > 0) {
      const known = new Set(own);
      this.#become(
        this.#entries.map((entry) =>
          known.has(entry) ? { ...entry, readBy: new Set(entry.readBy).add(from) } : entry,
        ),
      );
      this.#burnRead();
    }
    return undefined;
  }

  /** Own messages that burn go when all who are here have read them. */
  #burnRead(): void {
    const { clientId } = this.ports.self();
    const others = [...this.#members].filter((member) => member !== clientId);
    const told = others.length > 0 && others.length < MAX_RECEIPTS;
    const now = this.ports.now();
    const burnt = (entry: ChatEntry) =>
      entry.isSelf && entry.burns && entry.goneAt === undefined && told && others.every((id) => entry.readBy.has(id));
    if (this.#entries.some(burnt)) {
      this.#become(this.#entries.map((entry) => (burnt(entry) ? { ...entry, goneAt: now + BURN_MS } : entry)));
    }
  }

  #sendReceipts(): void {
    if (this.#members.size > MAX_RECEIPTS) {
      return;
    }
    const untold = [...this.#read].filter(([, told]) => !told).map(([id]) => id);
    for (let begin = 0; begin < untold.length; begin += MAX_READ) {
      const ids = untold.slice(begin, begin + MAX_READ);
      if (!this.ports.send(encodeMessage({ type: "read", ids }))) {
        return;
      }
      for (const id of ids) {
        this.#read.set(id, true);
      }
    }
  }

  #vote(voter: string, id: string, choices: readonly number[]): MessageRefusal | undefined {
    const { poll } = this.#find(id) ?? {};
    const changed = poll === undefined ? undefined : voted(poll, voter, choices);
    if (changed === undefined) {
      return "not_votable";
    }
    this.#change(id, { poll: changed });
    return undefined;
  }

  #endPoll({ id, poll }: ChatEntry): void {
    if (poll !== undefined) {
      this.#change(id, { poll: { ...poll, ended: true } });
    }
  }

  #say(content: Content, id: string = randomBase64Url(MESSAGE_ID_BYTES)): SendProblem | undefined {
    const { clientId, name } = this.ports.self();
    if (this.#waiting.length >= MAX_WAITING || !this.#allows(clientId)) {
      return "too_many";
    }
    const { ending } = this;
    const head = { id, from: clientId, name, isSelf: true, at: this.ports.now() };
    const entry = newEntry({ ...head, ...contentOf(content) }, ending);
    // A file burns with its message: its author's copy is on the author's own disk.
    this.#add({ ...entry, waiting: true, ...this.#ownEnd(entry) });
    this.#send(id, encodeMessage({ ...content, id, ending }));
    return undefined;
  }

  /** In a call without receipts an own message that burns cannot wait for them. */
  #ownEnd(entry: ChatEntry): Partial<ChatEntry> {
    return entry.burns && this.#members.size > MAX_RECEIPTS
      ? { goneAt: earlier(entry.goneAt, entry.at + BURN_MS) }
      : {};
  }

  /** Sends something about an own message that the others know as the present pseudonym's. */
  #tellOfOwn(message: TalkMessage & { readonly id: string }, act: () => void): SendProblem | undefined {
    const { clientId } = this.ports.self();
    if (this.#find(message.id)?.from !== clientId) {
      return "unknown_message";
    }
    if (this.#waiting.length >= MAX_WAITING || !this.#allows(clientId)) {
      return "too_many";
    }
    act();
    this.#send(message.id, encodeMessage(message));
    return undefined;
  }

  #send(id: string, payload: string): void {
    if (this.#waiting.length === 0 && this.ports.send(payload)) {
      this.#change(id, { waiting: false });
    } else {
      this.#waiting = [...this.#waiting, { id, payload }];
    }
  }

  #allows(sender: string): boolean {
    const now = this.ports.now();
    const recent = (this.#arrivals.get(sender) ?? []).filter((at) => now - at < WINDOW_MS);
    const allowed = recent.length < MAX_IN_WINDOW;
    this.#arrivals.set(sender, allowed ? [...recent, now] : recent);
    return allowed;
  }

  #find(id: string): ChatEntry | undefined {
    return this.#entries.find((entry) => entry.id === id);
  }

  #add(entry: ChatEntry): void {
    const entries = [...this.#entries, entry];
    this.#become(entries.slice(-MAX_ENTRIES));
    for (const { id } of entries.slice(0, -MAX_ENTRIES)) {
      this.#read.delete(id);
    }
  }

  #change(id: string, change: Partial<ChatEntry>): void {
    this.#become(this.#entries.map((entry) => (entry.id === id ? { ...entry, ...change } : entry)));
  }

  /** Nothing of them stays: not on the screen, and not among what waits. */
  #remove(ids: readonly string[]): void {
    const over = new Set(ids);
    this.#waiting = this.#waiting.filter(({ id }) => !over.has(id));
    for (const id of ids) {
      this.#read.delete(id);
      this.#gone.add(id);
    }
    for (const id of this.#gone) {
      if (this.#gone.size > MAX_GONE) {
        this.#gone.delete(id);
      }
    }
    this.#become(this.#entries.filter((entry) => !over.has(entry.id)));
  }

  #become(entries: readonly ChatEntry[]): void {
    this.#entries = entries;
    this.ports.chatChanged(entries);
  }
}

/** Only words can be changed: who voted or opened a file did so for what it was. */
function isText(entry: ChatEntry): boolean {
  return entry.file === undefined && entry.poll === undefined;
}

/** What an entry shows of a message. */
function contentOf(content: Content): Pick<ChatEntry, "text" | "replyTo" | "file"> & { question?: Question } {
  switch (content.type) {
    case "chat":
      return { text: content.text, replyTo: content.replyTo };
    case "file":
      return { text: content.offer.name, replyTo: content.replyTo, file: content.offer };
    case "poll":
      return { text: content.question.question, question: content.question };
  }
}
