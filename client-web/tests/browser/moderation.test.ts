// Who comes in and what guests may do: the lobby, the passcode, removing, locking, and clients that do not obey.
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";

import { afterAll, expect, test } from "vitest";

import { prepare } from "./fixture.ts";
import type { Person } from "./person.ts";
import { PATIENCE_MS, standsStill, until } from "./server.ts";

/** What a modified client does about being muted: its microphone stays on, whatever its own page says. */
const NEVER_SILENT = `(() => {
  Object.defineProperty(MediaStreamTrack.prototype, "enabled", { get: () => true, set: () => undefined });
  MediaStreamTrack.prototype.stop = () => undefined;
})()`;

const state = await mkdtemp(path.join(os.tmpdir(), "conclave-state-"));
afterAll(() => rm(state, { recursive: true }));

const fixture = prepare({ size: { width: 900, height: 640 }, server: ["--state-folder", state] });

async function open(name: string): Promise<Person> {
  const person = await fixture.open(name);
  person.page.setDefaultTimeout(PATIENCE_MS);
  return person;
}

/** Makes a meeting with options from the start page and goes in. */
async function host(person: Person, options: { lobby?: boolean; passcode?: string; guests?: string }): Promise<string> {
  const { page } = person;
  await page.goto(fixture.server.url);
  await page.getByText("Options for a new meeting").click();
  if (options.lobby) await page.getByRole("checkbox", { name: "Lobby", exact: true }).check();
  if (options.passcode !== undefined) await page.getByRole("textbox", { name: "Passcode" }).fill(options.passcode);
  if (options.guests !== undefined) {
    await page.getByRole("combobox", { name: "Guests at most" }).selectOption(options.guests);
  }
  await person.button("New meeting").click();
  await person.enter();
  return page.url();
}

/** Goes as far as the door. */
async function knock(person: Person, link: string): Promise<void> {
  const { page } = person;
  await page.goto(link);
  await page.getByRole("textbox", { name: "Your name" }).fill(person.name);
  await person.button("Join").click();
}

async function ended({ page }: Person, title: string): Promise<void> {
  await page
    .getByRole("heading", { name: title, exact: true })
    .waitFor()
    .catch(async () => {
      throw new Error(`"${title}" is not on the page, but: ${await page.locator("body").textContent()}`);
    });
}

/** Chooses what a host may do about somebody. */
async function act(person: Person, about: string, what: string): Promise<void> {
  await person.tile(about).hover();
  await person.page
    .getByRole("button", { name: `Options for ${about}`, exact: true })
    .first()
    .click();
  await person.button(what).click();
}

test("a host lets in whom it wants, one by one or all at once", async () => {
  const ada = await open("Ada");
  const link = await host(ada, { lobby: true });
  const [bob, cyd, dan, eve] = await Promise.all(["Bob", "Cyd", "Dan", "Eve"].map(open));
  if (!bob || !cyd || !dan || !eve) throw new Error("nobody came");
  await knock(bob, link);
  await bob.page.getByText("A host will let you in").waitFor();
  await ada.page.getByText("Bob wants to come in").waitFor();
  expect(Object.keys(await bob.tiles())).toEqual(["Bob"]);
  await ada.button("Show").click();
  await ada.button("Let in Bob").click();
  await bob.button("Leave").waitFor();
  await ada.sees(["Ada", "Bob"]);
  await bob.sees(["Ada", "Bob"]);

  // A link without the mark of the lobby is a modified client's: it waits all the same.
  await knock(cyd, link.replace(/\.l$/u, ""));
  await ada.button("Send Cyd away").click();
  await ended(cyd, "You were not let in");

  await knock(dan, link);
  await knock(eve, link);
  await ada.button("Let everybody in").click();
  await ada.sees(["Ada", "Bob", "Dan", "Eve"]);
  await eve.sees(["Ada", "Bob", "Dan", "Eve"]);
});

test("a passcode opens the meeting and nothing else does", async () => {
  const ada = await open("Ada");
  const link = await host(ada, { passcode: "blue whale" });
  const mallory = await open("Mallory");
  await mallory.page.goto(link);
  await mallory.page.getByRole("textbox", { name: "Your name" }).fill("Mallory");
  await mallory.page.getByLabel("Passcode").fill("blue shark");
  await mallory.button("Join").click();
  await ended(mallory, "The passcode is wrong");
  await ada.sees(["Ada"]);
  await mallory.button("Try again").click();
  await mallory.page.getByLabel("Passcode").fill(" blue whale ");
  await mallory.page.getByRole("textbox", { name: "Your name" }).fill("Mallory");
  await mallory.button("Join").click();
  await ada.sees(["Ada", "Mallory"]);
  await mallory.sees(["Ada", "Mallory"]);
});

test("who is removed is out and may come back, and who is banned may not", async () => {
  const ada = await open("Ada");
  const link = await host(ada, {});
  const bob = await open("Bob");
  await bob.join(link);
  await ada.sees(["Ada", "Bob"]);
  await act(ada, "Bob", "Remove from call");
  await ada.page.getByRole("dialog").getByRole("button", { name: "Remove from call", exact: true }).click();
  await ended(bob, "You were removed from the meeting");
  await ada.sees(["Ada"]);
  await bob.button("Come back in").click();
  await bob.enter();
  await ada.sees(["Ada", "Bob"]);
  await act(ada, "Bob", "Remove and keep out");
  await ada.page.getByRole("dialog").getByRole("button", { name: "Remove and keep out", exact: true }).click();
  await ended(bob, "You were removed from the meeting");
  await knock(bob, link);
  await ended(bob, "You were removed from the meeting");
  await ada.sees(["Ada"]);
});

test("nobody new comes into a locked meeting until it is open again", async () => {
  const ada = await open("Ada");
  const link = await host(ada, {});
  await hostControls(ada);
  const lock = ada.page.getByRole("checkbox", { name: "Lock the meeting", exact: true });
  await lock.click();
  await until("the lock stands", () => lock.isChecked());
  const bob = await open("Bob");
  await knock(bob, link);
  await ended(bob, "The meeting is locked");
  await lock.click();
  await until("the lock is gone", async () => !(await lock.isChecked()));
  await bob.button("Try again").click();
  await bob.enter();
  await ada.sees(["Ada", "Bob"]);
});

test("a client that ignores its mute is not heard and is shown muted", async () => {
  const ada = await open("Ada");
  const link = await host(ada, {});
  const mallory = await open("Mallory");
  await mallory.page.addInitScript(NEVER_SILENT);
  await mallory.join(link);
  await ada.sees(["Ada", "Mallory"]);
  await ada.hears(1);
  await act(ada, "Mallory", "Turn off microphone");
  await ada.tile("Mallory").getByRole("img", { name: "Microphone off" }).waitFor();
  await standsStill("nothing of the microphone comes any more", () => packets(ada, "inbound-rtp"));
  const sent = await packets(mallory, "outbound-rtp");
  await until("the modified client goes on sending", async () => (await packets(mallory, "outbound-rtp")) > sent + 50);
  const before = await packets(ada, "inbound-rtp");
  await until("it sends more", async () => (await packets(mallory, "outbound-rtp")) > sent + 150);
  expect(await packets(ada, "inbound-rtp")).toBe(before);
  await ada.tile("Mallory").getByRole("img", { name: "Microphone off" }).waitFor();
});

test("a burnt meeting leaves a receipt to everybody and opens for nobody", async () => {
  const ada = await open("Ada");
  const link = await host(ada, {});
  const bob = await open("Bob");
  await bob.join(link);
  await ada.sees(["Ada", "Bob"]);
  await hostControls(ada);
  await ada.button("Burn the meeting").click();
  await ada.page.getByRole("dialog").getByRole("button", { name: "Burn the meeting", exact: true }).click();
  for (const person of [ada, bob]) {
    await ended(person, "This room was burnt");
    expect(person.page.url()).not.toContain("#");
  }
  const receipts = [ada, bob].map(({ page }) => page.getByTestId("receipt").textContent());
  const [adas, bobs] = await Promise.all(receipts);
  expect(adas).toMatch(/^[\w-]{6} /u);
  expect(bobs).toBe(adas);
  const cyd = await open("Cyd");
  await knock(cyd, link);
  await ended(cyd, "This room was burnt");
  const room = link.replace("/r/", "/api/v1/rooms/").replace(/#.*$/u, "");
  expect((await fetch(room)).status).toBe(410);
  await fixture.server.kill();
  await fixture.server.run();
  expect((await fetch(room)).status).toBe(410);
  const dan = await open("Dan");
  await knock(dan, link);
  await ended(dan, "This room was burnt");
});

test("a link for one guest lets one guest in", async () => {
  const ada = await open("Ada");
  const link = await host(ada, { guests: "1" });
  expect(link).toMatch(/\.u1$/u);
  const bob = await open("Bob");
  await bob.join(link);
  await ada.sees(["Ada", "Bob"]);
  const cyd = await open("Cyd");
  await knock(cyd, link);
  await ended(cyd, "This link is used up");
  await hostControls(ada);
  await ada.page.getByRole("combobox", { name: "Guests at most" }).selectOption("5");
  await ada.page.getByText("It has let in 1 guest so far.").waitFor();
  await until("the new number stands", async () => {
    return (await ada.page.getByRole("combobox", { name: "Guests at most" }).inputValue()) === "5";
  });
  await knock(cyd, link);
  await ada.sees(["Ada", "Bob", "Cyd"]);
});

test("a link that is used up opens another call for its host only", async () => {
  const ada = await open("Ada");
  const link = await host(ada, { guests: "1" });
  const bob = await open("Bob");
  await bob.join(link);
  await ada.sees(["Ada", "Bob"]);
  await ada.button("Leave").click();
  await bob.sees(["Bob"]);
  await bob.button("Leave").click();
  await knock(bob, link);
  await ended(bob, "This link is used up");
  await knock(ada, link);
  await ada.sees(["Ada"]);
});

test("a link whose date is over says so before anything else", async () => {
  const ada = await open("Ada");
  const link = await host(ada, {});
  const bob = await open("Bob");
  await bob.page.goto(`${link}.e1700000000`);
  await ended(bob, "This link has expired");
});

async function hostControls(person: Person): Promise<void> {
  await person.button("More").click();
  await person.button("Host controls").click();
}

/** Packets of sound so far. */
function packets({ page }: Person, type: "inbound-rtp" | "outbound-rtp"): Promise<number> {
  return page.evaluate(async (type) => {
    let count = 0;
    const connections = (window as unknown as { peerConnections: RTCPeerConnection[] }).peerConnections;
    for (const connection of connections.filter((open) => open.connectionState !== "closed")) {
      for (const report of (await connection.getStats()).values()) {
        if (report.type === type && report.kind === "audio") {
          count += report.packetsReceived ?? report.packetsSent;
        }
      }
    }
    return count;
  }, type);
}
