import { describe, expect, it } from "vitest";
import { type AppMessage, decodeMessage, MAX_TEXT } from "./app-message.ts";
import { Conversation, MAX_ENTRIES } from "./conversation.ts";

const ID = "AAECAwQFBgcICQoL";

/** A conversation with its surroundings: what it sent, and a clock that the test moves. */
class World {
  readonly sent: AppMessage[] = [];
  readonly reactions: string[] = [];
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
    reacted: (from, reaction) => this.reactions.push(`${from} ${reaction}`),
  });

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
