// The room beside sound and picture: chat, reactions, hands, and working all of it from the keyboard.
import { expect, test } from "vitest";

import { prepare } from "./fixture.ts";
import type { Person } from "./person.ts";
import { until } from "./server.ts";

const fixture = prepare({ size: { width: 800, height: 600 } });

/** The messages on somebody's screen, without name and time. */
async function messages({ page }: Person): Promise<string[]> {
  return page.getByRole("log").locator(".bubble > p").allTextContents();
}

async function write({ page }: Person, words: string): Promise<void> {
  await page.getByRole("textbox", { name: "Message" }).fill(words);
  await page.keyboard.press("Enter");
}

async function queue({ page }: Person): Promise<string[]> {
  return page.locator(".hands li").allTextContents();
}

test("two people chat, react and raise hands", async () => {
  const [ada, bob] = await fixture.meeting("Ada", "Bob");

  await ada.button("Chat").click();
  await write(ada, "See <img src=x onerror=alert(1)> https://example.org/a.");
  await until(
    "Bob is told of the message",
    async () => (await bob.page.locator(".round-count[data-count='1']").count()) > 0,
  );
  await bob.button("Chat").click();
  await bob.page.getByText("1 new message").waitFor();
  expect(await messages(bob)).toEqual(["See <img src=x onerror=alert(1)> https://example.org/a."]);
  const address = bob.page.getByRole("link", { name: "https://example.org/a" });
  expect(await address.getAttribute("rel")).toBe("noopener noreferrer");
  expect(await bob.page.getByRole("log").locator("img").count()).toBe(0);

  await bob.page.getByRole("article", { name: "Ada" }).hover();
  await bob.button("Reply").click();
  await write(bob, "مرحبا Ada");
  await until("Ada reads the answer", async () => (await messages(ada)).includes("مرحبا Ada"));
  await ada.page.locator("blockquote", { hasText: "You: See" }).waitFor();

  await bob.page.getByRole("article", { name: "You" }).hover();
  await bob.button("Edit").click();
  await bob.page.getByRole("textbox", { name: "Message" }).fill("Hello Ada");
  await bob.button("Save").click();
  await until("Ada reads the change", async () => (await messages(ada)).includes("Hello Adaedited"));

  await bob.button("React").click();
  await bob.button("Applause").click();
  await ada.tile("Bob").getByRole("img", { name: "Applause" }).waitFor();
  await bob.tile("Bob").getByRole("img", { name: "Applause" }).waitFor();
  await bob.page.keyboard.press("Escape");

  await bob.button("Raise hand").click();
  await ada.tile("Bob").getByRole("img", { name: "Hand raised, number 1 in the queue" }).waitFor();
  await ada.button("Raise hand").click();
  await ada.button("Participants").click();
  await bob.button("Participants").click();
  for (const person of [ada, bob]) {
    await until(`${person.name} sees the queue`, async () => (await queue(person)).length === 2);
  }
  expect(await queue(ada)).toEqual(["Bob", "Ada (you)"]);
  expect(await queue(bob)).toEqual(["Bob (you)", "Ada"]);

  // Who comes later sees the hands in the same order, and nothing of the chat.
  const cyd = await fixture.open("Cyd");
  await cyd.join(bob.page.url());
  await cyd.button("Participants").click();
  await until("the newcomer sees the queue", async () => (await queue(cyd)).length === 2);
  expect(await queue(cyd)).toEqual(["Bob", "Ada"]);
  await cyd.button("Chat").click();
  expect(await messages(cyd)).toEqual([]);

  await ada.button("More").click();
  await ada.button("Connection").click();
  const panel = ada.page.getByRole("complementary", { name: "Connection" });
  await panel.getByText("UDP").waitFor();
  await until("bytes come and go", async () => /Received[1-9].*Sent[1-9]/su.test((await panel.textContent()) ?? ""));

  await bob.button("Lower hand").click();
  await ada.button("Participants").click();
  await until("the queue is shorter", async () => (await queue(ada)).length === 1);
  for (const person of [ada, bob, cyd]) {
    expect(person.errors).toEqual([]);
  }
});

test("the call is worked by keys alone", async () => {
  const ada = await fixture.open("Ada");
  await ada.startMeeting(fixture.server.url);
  const { page } = ada;
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? "");
  await ada.button("Mute microphone").waitFor();

  await page.keyboard.press("m");
  await ada.button("Unmute microphone").waitFor();
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.keyboard.down(" ");
  await ada.button("Mute microphone").waitFor();
  await page.getByText("You are heard while you hold the key").waitFor();
  await page.keyboard.up(" ");
  await ada.button("Unmute microphone").waitFor();

  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });

  // A card gives the focus back to its button, and a panel to what opened it.
  await ada.button("More").focus();
  await page.keyboard.press("Enter");
  expect(await page.evaluate(() => document.activeElement?.textContent)).toContain("Grid view");
  await page.keyboard.press("Escape");
  await until("the focus is on the button", async () => (await focused()) === "More");
  await ada.button("Chat").focus();
  await page.keyboard.press("c");
  await page.getByRole("heading", { name: "Chat" }).waitFor();
  // Keys are typing where something is typed.
  await page.getByRole("textbox", { name: "Message" }).pressSequentially("mmm? ");
  expect(await page.getByRole("textbox", { name: "Message" }).inputValue()).toBe("mmm? ");
  await ada.button("Unmute microphone").waitFor();
  await page.keyboard.press("Escape");
  await until("the focus is where it was", async () => (await focused()) === "Chat");

  await page.keyboard.press("h");
  await ada.button("Lower hand").waitFor();
  expect(ada.errors).toEqual([]);
});

/** Goes on with Tab until something of that name has the focus. */
async function tabTo({ page }: Person, name: string): Promise<void> {
  const passed: string[] = [];
  while (passed.length < 60) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const element = document.activeElement as HTMLInputElement | null;
      return (
        element?.getAttribute("aria-label") ??
        element?.labels?.[0]?.textContent ??
        element?.textContent ??
        ""
      ).trim();
    });
    if (focused === name) return;
    passed.push(focused);
  }
  throw new Error(`no way to "${name}" with Tab, only to ${passed.join(", ")}`);
}

test("a meeting from the start page to its end needs no mouse", async () => {
  const ada = await fixture.open("Ada");
  const { page } = ada;
  await page.goto(fixture.server.url);
  await tabTo(ada, "New meeting");
  await page.keyboard.press("Enter");
  await page.getByRole("textbox", { name: "Your name" }).waitFor();
  await page.keyboard.type("Ada");
  await tabTo(ada, "Join");
  await page.keyboard.press("Enter");
  await ada.button("Mute microphone").waitFor();
  await tabTo(ada, "Mute microphone");
  await page.keyboard.press("Space");
  await ada.button("Unmute microphone").waitFor();
  await tabTo(ada, "Chat");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Chat" }).waitFor();
  await tabTo(ada, "Message");
  await page.keyboard.type("Hello");
  await page.keyboard.press("Enter");
  await until("it is said", async () => (await messages(ada)).includes("Hello"));
  await page.keyboard.press("Escape");
  await tabTo(ada, "Leave");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "You left the meeting" }).waitFor();
  await tabTo(ada, "Start page");
  await page.keyboard.press("Enter");
  await ada.button("New meeting").waitFor();
  expect(ada.errors).toEqual([]);
});
