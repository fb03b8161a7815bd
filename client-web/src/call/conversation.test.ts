import { describe, expect, it } from "vitest";
import { type AppMessage, type ChatRule, decodeMessage } from "./app-message.ts";
import { BURN_MS, tally } from "./chat-entry.ts";
import { Conversation, MAX_ENTRIES, MAX_RECEIPTS } from "./conversation.ts";
import { MAX_TEXT } from "./message-parts.ts";

const ID = "AAECAwQFBgcICQoL";

/** A conversation with its surroundings: what it sent, and a clock that the test moves. */
class World {
  readonly sent: AppMessage[] = [];
  readonly reactions: string[] = [];
  readonly rules: ChatRule[] = [];
  connected = true;
  clientId = "me";
  now = 1_000_000;
  readonly conversation = new Conversation({
    send: (payload) => {
      const decoded = decodeMessage(payload);
      if (this.connected && "message" in decoded) {
        this.sent.push(decoded.message);
      }
      return this.connected;
    },
    self: () => ({ clientId: this.clientId, name: "Me" }),
    nameOf: (clientId) => ({ ana: "Ana", bo: "Bo" })[clientId],
    now: () => this.now,
    chatChanged: () => undefined,
    ruleChanged: (rule) => this.rules.push(rule),
    reacted: (from, reaction) => this.reactions.push(`${from} ${reaction}`),
  });

  /** Lets time pass; a machine that sleeps is told of it afterwards. */
  pass(milliseconds: number): void {
    this.now += milliseconds;
    this.conversation.handleTimeout();
  }

  members(...members: string[]): void {
    this.conversation.keepOnly(new Set(members));
  }

  get texts(): string[] {
    return this.conversation.entries.map((entry) => `${entry.name}: ${entry.text}${entry.edited ? " (edited)" : ""}`);
  }
}

function numbered(number: number): string {
  return btoa(String(number).padStart(12, "0")).replaceAll("=", "");
}

describe("the chat", () => {
  it("shows what others and oneself write, in the order it came", () => {
    const world = new World();
    expect(world.conversation.handle("ana", { type: "chat", id: ID, text: "Hello" })).toBeUndefined();
    expect(world.conversation.say("  Hello Ana ", ID)).toBeUndefined();
    expect(world.texts).toEqual(["Ana: Hello", "Me: Hello Ana"]);
    expect(world.sent).toMatchObject([{ type: "chat", text: "Hello Ana", replyTo: ID }]);
    expect(world.conversation.entries[1]).toMatchObject({ isSelf: true, waiting: false });
  });

  it("lets only the author change a message", () => {
    const world = new World();
    const { conversation } = world;
    conversation.handle("ana", { type: "chat", id: ID, text: "Hello" });
    conversation.say("mine");
    const own = conversation.entries[1]?.id ?? "";
    expect(conversation.handle("bo", { type: "edit", id: ID, text: "Goodbye" })).toBe("not_author");
    expect(conversation.handle("bo", { type: "edit", id: own, text: "Goodbye" })).toBe("not_author");
    expect(conversation.edit(ID, "Goodbye")).toBe("unknown_message");
    expect(conversation.handle("ana", { type: "edit", id: ID, text: "Hello all" })).toBeUndefined();
    expect(conversation.edit(own, "still mine")).toBeUndefined();
    expect(world.texts).toEqual(["Ana: Hello all (edited)", "Me: still mine (edited)"]);
  });

  it("does not take a message twice or change one it never had", () => {
    const { conversation } = new World();
    conversation.handle("ana", { type: "chat", id: ID, text: "Hello" });
    expect(conversation.handle("bo", { type: "chat", id: ID, text: "I am Ana" })).toBe("duplicate");
    expect(conversation.handle("ana", { type: "edit", id: numbered(7), text: "x" })).toBe("unknown_message");
    expect(conversation.entries).toHaveLength(1);
  });

  it("keeps a bounded history", () => {
    const world = new World();
    for (let number = 0; number < MAX_ENTRIES + 50; number += 1) {
      world.now += 1_000;
      world.conversation.handle("ana", { type: "chat", id: numbered(number), text: `${number}` });
    }
    expect(world.conversation.entries).toHaveLength(MAX_ENTRIES);
    expect(world.conversation.entries[0]?.text).toBe("50");
  });

  it("takes no flood of one sender, and goes on with the others", () => {
    const world = new World();
    const refusals = Array.from({ length: 100 }, (_, number) =>
      world.conversation.handle("ana", { type: "chat", id: numbered(number), text: "!" }),
    );
    expect(refusals.filter((refusal) => refusal === "too_many")).toHaveLength(80);
    expect(world.conversation.handle("bo", { type: "chat", id: numbered(1_000), text: "?" })).toBeUndefined();
    world.now += 10_000;
    expect(world.conversation.handle("ana", { type: "chat", id: numbered(1_001), text: "?" })).toBeUndefined();
  });

  it("does not send what others would not take", () => {
    const world = new World();
    expect(world.conversation.say("x".repeat(MAX_TEXT + 1))).toBe("bad_text");
    expect(world.conversation.say(" \n ")).toBe("bad_text");
    const problems = Array.from({ length: 30 }, () => world.conversation.say("!"));
    expect(problems.filter((problem) => problem === "too_many")).toHaveLength(10);
    expect(world.sent).toHaveLength(20);
  });

  it("keeps messages without a connection and sends them in order by the pseudonym of then", () => {
    const world = new World();
    world.connected = false;
    world.conversation.say("one");
    world.conversation.say("two");
    expect(world.conversation.entries.map((entry) => entry.waiting)).toEqual([true, true]);
    world.connected = true;
    world.clientId = "me again";
    world.conversation.handleConnected();
    expect(world.sent).toMatchObject([{ text: "one" }, { text: "two" }]);
    expect(world.conversation.entries).toMatchObject([
      { from: "me again", waiting: false },
      { from: "me again", waiting: false },
    ]);
  });
});

describe("reactions", () => {
  it("reach everybody, oneself too, but only while there is a connection", () => {
    const world = new World();
    world.conversation.react("heart");
    world.conversation.handle("ana", { type: "reaction", reaction: "applause" });
    world.connected = false;
    world.conversation.react("party");
    expect(world.reactions).toEqual(["me heart", "ana applause"]);
    expect(world.sent).toEqual([{ type: "reaction", reaction: "heart" }]);
  });
});

const QUESTION = { question: "When?", options: ["Monday", "Tuesday"], multiple: false };
const OFFER = {
  name: "plan.pdf",
  mime: "application/pdf",
  bytes: 5,
  file: "AAECAwQFBgcICQoLDA0ODw",
  key: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
};

describe("the lifetime of messages", () => {
  it("ends on every screen, also for one that was away when it ended", () => {
    const world = new World();
    const { conversation } = world;
    conversation.handle("ana", { type: "chat", id: ID, text: "for a minute", ending: { lifetime: 60 } });
    conversation.handle("ana", { type: "chat", id: numbered(2), text: "for ever" });
    expect(conversation.nextEnd).toBe(world.now + 60_000);
    world.pass(59_999);
    expect(conversation.entries).toHaveLength(2);
    // The machine sleeps, no timer runs; then the connection comes back.
    world.now += 3_600_000;
    conversation.handleConnected();
    expect(conversation.entries.map((entry) => entry.text)).toEqual(["for ever"]);
    expect(conversation.nextEnd).toBeUndefined();
  });

  it("is never longer than the host's, whatever a sender says", () => {
    const world = new World();
    const { conversation } = world;
    conversation.setRule({ lifetime: 60, burn: false });
    conversation.handle("bo", { type: "chat", id: ID, text: "for ever" });
    conversation.handle("bo", { type: "chat", id: numbered(2), text: "for a day", ending: { lifetime: 86_400 } });
    conversation.handle("bo", { type: "file", id: numbered(3), offer: OFFER });
    world.pass(60_000);
    expect(conversation.entries).toEqual([]);
  });

  it("is shortened for what is there when a host sets one, and never made longer", () => {
    const world = new World();
    const { conversation } = world;
    conversation.handle("bo", { type: "chat", id: ID, text: "old" });
    conversation.handle("bo", { type: "chat", id: numbered(2), text: "short", ending: { lifetime: 30 } });
    world.pass(20_000);
    conversation.setRule({ lifetime: 60, burn: false });
    conversation.setRule({ burn: false });
    world.pass(10_000);
    expect(conversation.entries.map((entry) => entry.text)).toEqual(["old"]);
    world.pass(30_000);
    expect(conversation.entries).toEqual([]);
  });

  it("is not set by a message, whoever sends it", () => {
    const world = new World();
    expect(decodeMessage('{"type":"rule","burn":true,"lifetime":1}')).toEqual({ fault: "unknown_type" });
    world.conversation.setRule({ lifetime: 60, burn: true });
    world.conversation.setRule({ lifetime: 60, burn: true });
    expect(world.rules).toEqual([{ lifetime: 60, burn: true }]);
    expect(world.sent).toEqual([]);
  });

  it("goes with every message that is sent, so that who knows no rule keeps to it, too", () => {
    const world = new World();
    world.conversation.setRule({ lifetime: 300, burn: false });
    world.conversation.wish = { lifetime: 3_600, burn: true };
    world.conversation.say("hello");
    expect(world.sent).toMatchObject([{ text: "hello", ending: { lifetime: 300, burn: true } }]);
  });

  it("ends what waits for a connection before it is sent", () => {
    const world = new World();
    world.connected = false;
    world.conversation.wish = { lifetime: 60 };
    world.conversation.say("too late");
    world.now += 60_000;
    world.connected = true;
    world.conversation.handleConnected();
    expect(world.sent).toEqual([]);
    expect(world.conversation.entries).toEqual([]);
  });

  it("does not begin anew when somebody sends a message that is over once more", () => {
    const world = new World();
    const message = { type: "chat", id: ID, text: "gone", ending: { lifetime: 60 } } as const;
    world.conversation.handle("ana", message);
    world.pass(60_000);
    expect(world.conversation.handle("ana", message)).toBe("duplicate");
  });
});

describe("a message that burns", () => {
  it("goes 30 seconds after it was read here, and not before", () => {
    const world = new World();
    world.conversation.handle("ana", { type: "chat", id: ID, text: "secret", ending: { burn: true } });
    world.pass(3_600_000);
    expect(world.conversation.entries).toHaveLength(1);
    world.conversation.markRead();
    world.pass(BURN_MS - 1);
    world.conversation.markRead();
    expect(world.conversation.entries).toHaveLength(1);
    world.pass(1);
    expect(world.conversation.entries).toEqual([]);
  });

  it("goes from its author when all who are here have read it", () => {
    const world = new World();
    world.members("me", "ana", "bo");
    world.conversation.wish = { burn: true };
    world.conversation.say("secret");
    const { id = "" } = world.conversation.entries[0] ?? {};
    world.conversation.handle("ana", { type: "read", ids: [id] });
    world.pass(BURN_MS);
    expect(world.conversation.entries).toHaveLength(1);
    // Who leaves is not waited for.
    world.members("me", "ana");
    world.pass(BURN_MS);
    expect(world.conversation.entries).toEqual([]);
  });

  it("burns at once when the host turns burning on for what was read already", () => {
    const world = new World();
    world.conversation.handle("bo", { type: "chat", id: ID, text: "old" });
    world.conversation.markRead();
    world.conversation.setRule({ burn: true });
    world.pass(BURN_MS);
    expect(world.conversation.entries).toEqual([]);
  });
});

describe("receipts", () => {
  it("tell authors once that their messages were read, and are counted by person", () => {
    const world = new World();
    world.conversation.handle("ana", { type: "chat", id: ID, text: "Hello" });
    world.conversation.markRead();
    world.conversation.markRead();
    expect(world.sent).toEqual([{ type: "read", ids: [ID] }]);
    world.conversation.say("Hello Ana");
    const own = world.conversation.entries[1]?.id ?? "";
    for (const reader of ["ana", "bo", "ana"]) {
      world.conversation.handle(reader, { type: "read", ids: [own, ID, numbered(9)] });
    }
    expect(world.conversation.entries.map((entry) => [...entry.readBy])).toEqual([[], ["ana", "bo"]]);
  });

  it("wait for a connection", () => {
    const world = new World();
    world.conversation.handle("ana", { type: "chat", id: ID, text: "Hello" });
    world.connected = false;
    world.conversation.markRead();
    world.connected = true;
    world.conversation.handleConnected();
    expect(world.sent).toEqual([{ type: "read", ids: [ID] }]);
  });

  it("are not sent in a large call, where everybody would tell everybody; own messages burn there by themselves", () => {
    const world = new World();
    world.members("me", ...Array.from({ length: MAX_RECEIPTS }, (_, number) => `member ${number}`));
    world.conversation.handle("ana", { type: "chat", id: ID, text: "Hello", ending: { burn: true } });
    world.conversation.markRead();
    expect(world.sent).toEqual([]);
    world.conversation.wish = { burn: true };
    world.conversation.say("Hello all");
    world.pass(BURN_MS);
    expect(world.conversation.entries).toEqual([]);
  });
});

describe("polls", () => {
  it("count each person's last vote and what one takes back, and end by their author's word", () => {
    const world = new World();
    const { conversation } = world;
    conversation.handle("ana", { type: "poll", id: ID, question: QUESTION });
    conversation.handle("ana", { type: "vote", id: ID, choices: [0] });
    conversation.handle("bo", { type: "vote", id: ID, choices: [0] });
    conversation.handle("bo", { type: "vote", id: ID, choices: [1] });
    conversation.vote(ID, [1]);
    const poll = () => conversation.entries[0]?.poll ?? { ...QUESTION, votes: new Map(), ended: false };
    expect(tally(poll())).toEqual([1, 2]);
    conversation.handle("bo", { type: "vote", id: ID, choices: [] });
    expect(tally(poll())).toEqual([1, 1]);
    expect(world.sent).toEqual([{ type: "vote", id: ID, choices: [1] }]);
    expect(conversation.handle("bo", { type: "poll_end", id: ID })).toBe("not_author");
    expect(conversation.handle("ana", { type: "poll_end", id: ID })).toBeUndefined();
    expect(conversation.handle("bo", { type: "vote", id: ID, choices: [1] })).toBe("not_votable");
    expect(conversation.vote(ID, [0])).toBe("not_votable");
    expect(tally(poll())).toEqual([1, 1]);
  });

  it("take no vote for what cannot be chosen", () => {
    const world = new World();
    const { conversation } = world;
    conversation.handle("ana", { type: "poll", id: ID, question: QUESTION });
    conversation.handle("ana", { type: "chat", id: numbered(2), text: "no poll" });
    for (const [id, choices] of [
      [ID, [2]],
      [ID, [0, 1]],
      [numbered(2), [0]],
      [numbered(3), [0]],
    ] as const) {
      expect(conversation.handle("bo", { type: "vote", id, choices })).toBe("not_votable");
    }
  });

  it("are asked by everybody, and ended by who asked", () => {
    const world = new World();
    const { conversation } = world;
    expect(conversation.ask({ ...QUESTION, options: ["only one"] })).toBe("bad_text");
    expect(conversation.ask(QUESTION)).toBeUndefined();
    const { id = "" } = conversation.entries[0] ?? {};
    expect(conversation.endPoll(id)).toBeUndefined();
    expect(world.sent.map((message) => message.type)).toEqual(["poll", "poll_end"]);
    expect(conversation.entries[0]?.poll?.ended).toBe(true);
  });

  it("and files cannot be changed into something else after people answered", () => {
    const world = new World();
    const { conversation } = world;
    conversation.handle("ana", { type: "poll", id: ID, question: QUESTION });
    conversation.handle("ana", { type: "edit", id: ID, text: "Another question?" });
    conversation.handle("ana", { type: "file", id: numbered(2), offer: OFFER });
    conversation.handle("ana", { type: "edit", id: numbered(2), text: "other.exe" });
    expect(conversation.entries.map((entry) => entry.text)).toEqual(["When?", "plan.pdf"]);
  });
});

describe("taking a message back", () => {
  it("is its author's right alone", () => {
    const world = new World();
    const { conversation } = world;
    conversation.handle("ana", { type: "chat", id: ID, text: "Hello" });
    conversation.say("mine");
    const own = conversation.entries[1]?.id ?? "";
    expect(conversation.handle("bo", { type: "delete", id: ID })).toBe("not_author");
    expect(conversation.handle("bo", { type: "delete", id: own })).toBe("not_author");
    expect(conversation.delete(ID)).toBe("unknown_message");
    expect(conversation.delete(own)).toBeUndefined();
    expect(conversation.handle("ana", { type: "delete", id: ID })).toBeUndefined();
    expect(conversation.entries).toEqual([]);
    expect(world.sent.at(-1)).toEqual({ type: "delete", id: own });
  });
});
