// The focus, in the gallery: whatever goes away under it, it stays where one was; and what a long chat costs.
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import { screens } from "../../dev/screens.ts";
import { english as text } from "../../src/ui/text/english.ts";
import { type Gallery, startGallery } from "./gallery.ts";
import { launchChromium } from "./person.ts";
import { PATIENCE_MS } from "./server.ts";

const DESKTOP = { width: 1280, height: 800 };
/** Where a panel covers the call, and the call is out of reach. */
const PHONE = { width: 360, height: 640 };

let gallery: Gallery;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  gallery = await startGallery();
  browser = await launchChromium();
});
afterAll(async () => {
  await browser.close();
  await gallery.close();
});
beforeEach(async () => {
  page = await browser.newPage();
});
afterEach(() => page.close());

test("every screen takes the focus of the one before", async () => {
  await enter("landing");
  await button(text.landing.newMeeting).press("Enter");
  await hasFocus("textbox", text.prejoin.nameLabel);
  await page.keyboard.type("Ana");
  await button(text.controls.cameraOff).waitFor();
  await page.keyboard.press("Enter");
  await hasFocus("heading", text.titles.call);
  await button(text.controls.leave).press("Enter");
  await hasFocus("heading", text.ended.title.left);
  await button(text.ended.home).press("Enter");
  await hasFocus("heading", text.landing.title);
});

test("a panel that was opened from a banner, or from another panel, gives the focus to what is there", async () => {
  await enter("knocking");
  await button(text.lobby.look).press("Enter");
  await hasFocus("heading", text.participants.title(4));
  await page.evaluate(() => (window as unknown as { fakeCall: { knock(waiting: []): void } }).fakeCall.knock([]));
  await page.keyboard.press("Escape");
  await hasFocus("main");

  await button(text.controls.participants).press("Enter");
  await hasFocus("heading", text.participants.title(4));
  await page.keyboard.press("c");
  await hasFocus("heading", text.chat.title);
  await page.keyboard.press("c");
  await hasFocus("button", text.controls.participants);
});

test.each([DESKTOP, PHONE])("what leaves a panel leaves the focus in it, at $width pixels", async (size) => {
  await enter("lobby-panel", size);
  await hasFocus("heading", text.participants.title(4));
  const waiting = page.getByRole("listitem").filter({ hasText: "Zoë Quintero" });
  await waiting.getByRole("button").first().press("Enter");
  await hasFocus("region", text.participants.title(4));

  // Somebody leaves whose options had the focus.
  await page
    .locator(".panel")
    .getByRole("button", { name: text.view.options("Björn") })
    .focus();
  await page.evaluate(() =>
    (window as unknown as { fakeCall: { decide(decision: object): void } }).fakeCall.decide({
      decide: "remove",
      client_id: "person-1",
    }),
  );
  await hasFocus("region", text.participants.title(3));
});

test("a button that has done its work passes the focus on", async () => {
  await enter("hands");
  await hasFocus("heading", text.participants.title(4));
  await page.keyboard.press("Escape");
  await button(text.controls.more).press("Enter");
  await button(text.moderation.title).press("Enter");
  await hasFocus("heading", text.moderation.title);
  await button(text.moderation.lowerAllHands).press("Enter");
  await hasFocus("region", text.moderation.title);
  await page.keyboard.press("Escape");
  await hasFocus("button", text.controls.more);
});

test("answers, questions and removals leave the focus in the chat", async () => {
  await enter("chat");
  await hasFocus("heading", text.chat.title);
  const message = page.getByRole("textbox", { name: text.chat.write });
  await button(text.chat.reply).first().press("Enter");
  await hasFocus("textbox", text.chat.write);
  await page.keyboard.type("Yes");
  await page.keyboard.press("Enter");
  await page.getByRole("log").getByText("Yes", { exact: true }).waitFor();
  await button(text.chat.cancel).waitFor({ state: "detached" });
  await hasFocus("textbox", text.chat.write);
  expect(await message.inputValue()).toBe("");

  await button(text.chat.reply).first().press("Enter");
  await button(text.chat.cancel).waitFor();
  await hasFocus("textbox", text.chat.write);
  await page.keyboard.press("Escape");
  await button(text.chat.cancel).waitFor({ state: "detached" });
  await hasFocus("textbox", text.chat.write);

  await button(text.polls.create).press("Enter");
  await page.getByRole("textbox", { name: text.polls.question, exact: true }).fill("When?");
  await page.getByLabel(text.polls.option(1)).fill("Now");
  await page.getByLabel(text.polls.option(2)).fill("Later");
  await page.keyboard.press("Enter");
  await hasFocus("button", text.polls.create);
  await button(text.polls.end).press("Enter");
  await hasFocus("log", text.chat.messages);
});

test("one more message after five hundred draws that one alone", async () => {
  await enter("chat-empty");
  const drawn = await page.evaluate(async () => {
    type Conversation = { handle(from: string, message: object): void };
    const { conversation } = (window as unknown as { fakeCall: { conversation: Conversation } }).fakeCall;
    const say = (index: number) =>
      // From many: the chat takes no more than twenty of one person at once.
      conversation.handle(`person-${index % 30}`, {
        type: "chat",
        id: String(index).padStart(16, "A"),
        text: `Message ${index}`,
      });
    const shown = async (index: number) => {
      const last = () => [...document.querySelectorAll(".message")].at(-1)?.textContent ?? "";
      while (!last().includes(`Message ${index}`)) await new Promise(requestAnimationFrame);
    };
    for (let index = 0; index < 500; index += 1) say(index);
    await shown(499);
    // Each message that is drawn asks the clock once.
    let asked = 0;
    const format = Object.getOwnPropertyDescriptor(Intl.DateTimeFormat.prototype, "format")?.get;
    Object.defineProperty(Intl.DateTimeFormat.prototype, "format", {
      get() {
        asked += 1;
        return format?.call(this);
      },
    });
    say(500);
    await shown(500);
    return asked;
  });
  expect(drawn).toBeLessThanOrEqual(2);
});

async function enter(screen: string, size = DESKTOP): Promise<void> {
  await page.setViewportSize(size);
  await screens[screen]?.({
    page,
    text,
    open: async (wishes = "") => void (await page.goto(`${gallery.address}?language=en&${wishes}`)),
  });
}

function button(name: string) {
  return page.getByRole("button", { name, exact: true });
}

/** Waits until exactly this has the focus. */
async function hasFocus(role: Parameters<Page["getByRole"]>[0], name?: string): Promise<void> {
  const wanted = page.getByRole(role, name === undefined ? {} : { name, exact: true });
  await expect
    .poll(
      async () => {
        const found = await wanted.evaluateAll((all) => all.some((element) => element === document.activeElement));
        return found || page.evaluate(() => document.activeElement?.outerHTML.slice(0, 200));
      },
      { timeout: PATIENCE_MS },
    )
    .toBe(true);
}
