// Every screen of the gallery, and the way to it by the names that a person in that language reads.

import type { Page } from "playwright-core";
import type { EndReason } from "../src/index.ts";
import type { Texts } from "../src/ui/text/english.ts";

/** Where a walk begins. */
export interface Start {
  readonly page: Page;
  /** The texts that are on the screen. */
  readonly text: Texts;
  /** Opens the gallery with wishes, for example "others=3". */
  readonly open: (wishes?: string) => Promise<void>;
}

/** Ends that nobody chose. */
const ENDS = [
  "removed",
  "room-full",
  "room-not-found",
  "replaced",
  "refused",
  "failed",
  "banned",
  "locked",
  "denied",
  "wrong-passcode",
  "expired",
  "used-up",
  "ended",
] as const satisfies readonly EndReason[];

/** Screens by name. */
export const screens: Readonly<Record<string, (start: Start) => Promise<void>>> = {
  landing: ({ open }) => open(),
  "landing-problem": async ({ page, text, open }) => {
    await open();
    await page.getByRole("textbox", { name: text.landing.linkLabel }).fill("https://example.org/r/lost");
    await button(page, text.landing.openLink).click();
  },
  "landing-options": async ({ page, text, open }) => {
    await open();
    await page.getByText(text.landing.options).click();
    await page.getByRole("textbox", { name: text.landing.passcode }).fill("abc");
    await button(page, text.landing.newMeeting).click();
    await page.getByText(text.landing.passcodeShort).waitFor();
  },
  "landing-link": async ({ page, text, open }) => {
    await open();
    await page.getByText(text.landing.options).click();
    await page.getByLabel(text.link.ends).selectOption("86400");
    await page.getByLabel(text.link.guests).selectOption("10");
  },
  check: async ({ page, text, open }) => {
    await open("others=1");
    await page.getByRole("link", { name: text.check.open }).click();
    await page.getByText(text.check.paths.closed).waitFor();
    await page.getByRole("button", { name: text.check.save, disabled: false }).waitFor();
  },
  unsupported: ({ open }) => open("missing=webrtc&missing=webassembly"),
  prejoin: async ({ page, text, open }) => {
    await open();
    await button(page, text.landing.newMeeting).click();
    await button(page, text.controls.cameraOff).waitFor();
  },
  "prejoin-passcode": async ({ page, text, open }) => {
    await open("passcode=yes");
    await button(page, text.landing.newMeeting).click();
    await page.getByLabel(text.landing.passcode).waitFor();
    await button(page, text.controls.cameraOff).waitFor();
  },
  "prejoin-blocked": async ({ page, text, open }) => {
    await open("devices=blocked");
    await button(page, text.landing.newMeeting).click();
    await page.getByText(text.device.microphone.denied.title).waitFor();
  },
  "prejoin-missing": async ({ page, text, open }) => {
    await open("devices=missing");
    await button(page, text.landing.newMeeting).click();
    await page.getByText(text.device.both.missing.title).waitFor();
  },
  full: (start) => intoCall(start, "others=0&state=full"),
  waiting: (start) => intoCall(start, "others=0&state=waiting"),
  alone: (start) => intoCall(start, "others=0"),
  "call-1": (start) => intoCall(start, "others=1"),
  "call-3": (start) => intoCall(start, "others=3"),
  "call-8": (start) => intoCall(start, "others=8"),
  "call-25": (start) => intoCall(start, "others=24"),
  "call-120": (start) => intoCall(start, "others=119"),
  interrupted: async (start) => {
    await intoCall(start, "others=1");
    // What the browser tells when a phone call takes the camera.
    await start.page.evaluate(() => {
      type Self = { video?: MediaStream };
      const { fakeCall } = window as unknown as { fakeCall: { participants: Map<string, Self> } };
      fakeCall.participants.get("self")?.video?.getVideoTracks()[0]?.dispatchEvent(new Event("mute"));
    });
    await start.page.locator(".tile").getByText(start.text.interruption.camera).waitFor();
    await start.page.evaluate(() => {
      (window as unknown as { fakeCall: { interrupt(index: number): void } }).fakeCall.interrupt(0);
    });
    await start.page.locator(".tile").getByText(start.text.interruption.theirs.camera).waitFor();
  },
  paused: async (start) => {
    await intoCall(start, "others=8");
    await start.page.evaluate(() => {
      (window as unknown as { fakeCall: { pause(...indexes: number[]): void } }).fakeCall.pause(0, 2, 3, 5);
    });
    await start.page.locator(".tile").getByText(start.text.paused.downlink).first().waitFor();
  },
  participants: async (start) => {
    await intoCall(start, "others=6");
    await openPanel(start, start.text.controls.participants);
  },
  "confirm-removal": async (start) => {
    const { page, text } = start;
    await intoCall(start, "others=3");
    await openPanel(start, text.controls.participants);
    await button(page, text.participants.remove("Björn")).click();
  },
  host: async (start) => {
    await intoCall(start, "others=6");
    await fromMore(start, start.text.moderation.title);
  },
  "host-link": async (start) => {
    const { page, text } = start;
    await intoCall(start, "others=3");
    await fromMore(start, text.moderation.title);
    await page.getByLabel(text.link.ends).selectOption("604800");
    await page.getByLabel(text.link.guests).selectOption("25");
    await page.getByText(text.link.used(2)).scrollIntoViewIfNeeded();
  },
  knocking: async (start) => {
    await intoCall(start, "others=3");
    await knock(start.page);
  },
  "lobby-panel": async (start) => {
    await intoCall(start, "others=3");
    await knock(start.page);
    await button(start.page, start.text.lobby.look).click();
  },
  lobby: (start) => intoCall(start, "others=0&state=lobby"),
  "moderate-person": async (start) => {
    await intoCall(start, "others=3");
    await button(start.page, start.text.view.options("Chiyo Tanaka")).click();
  },
  "confirm-end": async (start) => {
    await intoCall(start, "others=3");
    await fromMore(start, start.text.moderation.title);
    await button(start.page, start.text.moderation.endForAll).click();
  },
  chat: async (start) => {
    await intoCall(start, "others=3");
    await chatter(start.page);
    await button(start.page, start.text.controls.chat).click();
  },
  files: async (start) => {
    await intoCall(start, "others=3");
    await start.page.evaluate(() =>
      (window as unknown as { fakeCall: { exchange(): Promise<void> } }).fakeCall.exchange(),
    );
    await button(start.page, start.text.controls.chat).click();
    await start.page.locator(".thumbnail").waitFor();
  },
  "message-ends": async (start) => {
    await intoCall(start, "others=1");
    await button(start.page, start.text.controls.chat).click();
    await button(start.page, start.text.ending.title).click();
  },
  "poll-form": async (start) => {
    await intoCall(start, "others=1");
    await button(start.page, start.text.controls.chat).click();
    await button(start.page, start.text.polls.create).click();
  },
  "too-long": async (start) => {
    await intoCall(start, "others=1");
    await button(start.page, start.text.controls.chat).click();
    await start.page.getByRole("textbox", { name: start.text.chat.write }).fill("x".repeat(5_000));
    await button(start.page, start.text.files.sendAsFile).waitFor();
  },
  "chat-empty": async (start) => {
    await intoCall(start, "others=1");
    await button(start.page, start.text.controls.chat).click();
  },
  hands: async (start) => {
    await intoCall(start, "others=3");
    await chatter(start.page);
    await openPanel(start, start.text.controls.participants);
  },
  reactions: async (start) => {
    await intoCall(start, "others=3");
    await chatter(start.page);
    await button(start.page, start.text.controls.reactions).click();
  },
  security: async (start) => {
    await intoCall(start, "others=3");
    await openPanel(start, start.text.controls.security);
  },
  "safety-numbers": async (start) => {
    const { page, text } = start;
    await intoCall(start, "others=3");
    await openPanel(start, text.controls.security);
    await button(page, text.trust.showQr).click();
    await page.locator(".safety summary").first().click();
    await button(page, text.trust.verify).click();
    await page.locator(".safety .tag.good").waitFor();
  },
  "another-device": async (start) => {
    const { page, text } = start;
    await start.open("others=3");
    await page.evaluate(() =>
      localStorage.setItem("conclave.verified", JSON.stringify([{ key: "another", name: "Björn" }])),
    );
    await intoCall(start, "others=3");
    await openPanel(start, text.controls.security);
    await page.locator(".safety summary").nth(1).click();
    await page.locator(".safety-number").waitFor();
    await page.evaluate(() => localStorage.removeItem("conclave.verified"));
  },
  captions: async (start) => {
    await intoCall(start, "others=3");
    await fromMore(start, start.text.captions.show);
    await start.page.evaluate(() => (window as unknown as { fakeCall: { caption(): void } }).fakeCall.caption());
    await start.page.locator(".captions p").nth(2).waitFor();
  },
  recording: async (start) => {
    await intoCall(start, "others=3");
    await start.page.evaluate(() => {
      // The picker is the system's own window: without it the recording goes to memory.
      Reflect.deleteProperty(window, "showSaveFilePicker");
      (window as unknown as { fakeCall: { record(index: number): void } }).fakeCall.record(1);
    });
    await fromMore(start, start.text.recording.start);
    await button(start.page, start.text.recording.stop).waitFor();
  },
  settings: async (start) => {
    await intoCall(start, "others=3");
    await fromMore(start, start.text.controls.settings);
  },
  more: async (start) => {
    await intoCall(start, "others=3");
    await button(start.page, start.text.controls.more).click();
  },
  connection: async (start) => {
    await intoCall(start, "others=3");
    await start.page.locator(".quality-badge").waitFor();
    await fromMore(start, start.text.connection.title);
  },
  shortcuts: async (start) => {
    await intoCall(start, "others=3");
    await fromMore(start, start.text.shortcuts.title);
  },
  speaker: async (start) => {
    await intoCall(start, "others=8");
    await fromMore(start, start.text.view.speaker);
  },
  share: async (start) => {
    await intoCall(start, "others=4");
    await share(start.page, [0]);
    await start.page.getByRole("group", { name: start.text.share.of("Amara Okafor") }).waitFor();
  },
  "share-two": async (start) => {
    await intoCall(start, "others=6");
    await share(start.page, [0, 3]);
    await start.page.getByRole("group", { name: start.text.share.of("Amara Okafor") }).waitFor();
  },
  "share-own": async (start) => {
    await intoCall(start, "others=3");
    if (await button(start.page, start.text.share.start).isVisible()) {
      await button(start.page, start.text.share.start).click();
    } else {
      await fromMore(start, start.text.share.start);
    }
    await start.page.getByRole("combobox", { name: start.text.share.content }).waitFor();
  },
  "person-options": async (start) => {
    await intoCall(start, "others=3");
    await button(start.page, start.text.view.options("Björn")).click();
  },
  reconnecting: (start) => intoCall(start, "others=2&state=reconnecting"),
  left: async (start) => {
    await intoCall(start, "others=2");
    await button(start.page, start.text.controls.leave).click();
  },
  "confirm-burn": async (start) => {
    await intoCall(start, "others=3");
    await fromMore(start, start.text.moderation.title);
    await button(start.page, start.text.burn.burn).click();
  },
  burnt: async (start) => {
    await intoCall(start, "others=2");
    await end(start.page, "burnt", "X48uIk1bL7w0Yq2Zc9Jm5aTt3RrEe8WwQqPpOoNnMm0");
    await start.page.getByTestId("receipt").waitFor();
  },
  ...Object.fromEntries(
    ENDS.map((reason) => [
      `ended-${reason}`,
      async (start: Start) => {
        await intoCall(start, "others=2");
        await end(start.page, reason);
        await start.page.getByRole("heading", { name: start.text.ended.title[reason] }).waitFor();
      },
    ]),
  ),
};

/** From the start page into a call. */
async function intoCall({ page, text, open }: Start, wishes: string): Promise<void> {
  await open(wishes);
  await button(page, text.landing.newMeeting).click();
  await page.getByRole("textbox", { name: text.prejoin.nameLabel }).fill("Ana Sousa");
  await button(page, text.controls.cameraOff).waitFor();
  await button(page, text.prejoin.join).click();
  await button(page, text.controls.leave).waitFor();
  await page.locator("[role=group][data-crypto]").first().waitFor();
}

/** These people share their screens. */
async function share(page: Page, indices: readonly number[]): Promise<void> {
  await page.evaluate((indices) => {
    (window as unknown as { fakeCall: { share(indices: readonly number[]): void } }).fakeCall.share(indices);
  }, indices);
}

/** The call is over. */
async function end(page: Page, reason: string, receipt?: string): Promise<void> {
  await page.evaluate(
    ([reason, receipt]) => {
      const { fakeCall } = window as unknown as {
        fakeCall: { receipt: string | undefined; go(state: string, reason: string): void };
      };
      fakeCall.receipt = receipt;
      fakeCall.go("ended", reason ?? "");
    },
    [reason, receipt] as const,
  );
}

/** Three people wait in the lobby, one of whom does not have the link. */
async function knock(page: Page): Promise<void> {
  await page.evaluate(() => {
    const { fakeCall } = window as unknown as { fakeCall: { knock(waiting: readonly object[]): void } };
    fakeCall.knock([
      { client_id: "w1", display_name: "Zoë Quintero" },
      { client_id: "w2", display_name: "محمد" },
      { client_id: "w3", display_name: null },
    ]);
  });
}

/** The others write, raise hands and react. */
async function chatter(page: Page): Promise<void> {
  await page.evaluate(() => (window as unknown as { fakeCall: { chatter(): void } }).fakeCall.chatter());
}

/** A panel's button is on the bar, or under More where the bar is short. */
async function openPanel(start: Start, name: string): Promise<void> {
  if (await button(start.page, name).isVisible()) {
    await button(start.page, name).click();
  } else {
    await fromMore(start, name);
  }
}

async function fromMore({ page, text }: Start, name: string): Promise<void> {
  await button(page, text.controls.more).click();
  await button(page, name).click();
}

function button(page: Page, name: string) {
  return page.getByRole("button", { name, exact: true });
}
