// A shared screen between real browsers: seen, labelled, encrypted, heard, and gone when it ends or a host ends it.
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { launchChromium, Person } from "./person.ts";
import { Server, standsStill, until } from "./server.ts";

const SMALL = { width: 1000, height: 700 };

let server: Server;
let browser: Browser;

beforeAll(async () => {
  server = await Server.start();
  // Few frames: three people, each of whom sends a screen beside a camera, are much for one machine.
  browser = await launchChromium(["--use-fake-device-for-media-stream=fps=5"]);
});

afterEach(() => Person.closeAll());

afterAll(async () => {
  await browser.close();
  await server.stop();
});

async function meeting(...names: string[]): Promise<Person[]> {
  const people: Person[] = [];
  let link: string | undefined;
  for (const name of names) {
    const person = await Person.open(browser, name, SMALL);
    people.push(person);
    if (link === undefined) link = await person.startMeeting(server.url);
    else await person.join(link);
  }
  for (const person of people) await person.sees(names);
  return people;
}

/** Everything that is encrypted: people, and screens by their names. */
const on = (...names: string[]) => names.map((name) => `${name}’s screen`);

/** Area of a tile on the screen. */
async function area(person: Person, name: string): Promise<number> {
  const box = await person.tile(name).boundingBox();
  return (box?.width ?? 0) * (box?.height ?? 0);
}

test("a screen is shared, seen large, paused when nobody looks, and ends with the browser's bar", async () => {
  const [ada, bob] = (await meeting("Ada", "Bob")) as [Person, Person];
  await ada.page.keyboard.press("s");
  await ada.page.getByRole("combobox", { name: "What you share" }).waitFor();
  await bob.page.getByText("Ada is sharing their screen").waitFor();
  await bob.sees(["Ada", "Bob", ...on("Ada")]);
  await bob.seesMoving("Ada’s screen");
  expect(await area(bob, "Ada’s screen")).toBeGreaterThan(4 * (await area(bob, "Ada")));
  expect(await ada.tile("Ada’s screen").count()).toBe(0);
  await ada.page.getByRole("combobox", { name: "What you share" }).selectOption("Video, fluid");

  // In the background nothing of it comes any more.
  const packets = async () => (await bob.pictureOf("Ada’s screen")).packets;
  await bob.putIntoBackground(true);
  await standsStill("nothing comes for a screen that is not seen", packets);
  const before = await packets();
  await bob.putIntoBackground(false);
  await until("it comes again", async () => (await packets()) > before);

  await ada.page.evaluate(() => {
    const connections = (window as unknown as { peerConnections: RTCPeerConnection[] }).peerConnections;
    for (const { track } of connections.flatMap((connection) => connection.getSenders())) {
      // What the browser's own bar does; `stop` alone tells nobody.
      if (track !== null && "displaySurface" in track.getSettings()) {
        track.stop();
        track.dispatchEvent(new Event("ended"));
      }
    }
  });
  await bob.page.getByText("Ada stopped sharing their screen").waitFor();
  await bob.sees(["Ada", "Bob"]);
  await ada.button("Share screen").click();
  await bob.sees(["Ada", "Bob", ...on("Ada")]);
  await bob.seesMoving("Ada’s screen");
  for (const person of [ada, bob]) expect(person.errors).toEqual([]);
});

test("several share at once, and who comes later sees all of it", async () => {
  const [ada, bob] = (await meeting("Ada", "Bob")) as [Person, Person];
  await ada.button("Share screen").click();
  await bob.button("Share screen").click();
  await ada.sees(["Ada", "Bob", ...on("Bob")]);
  const cyd = await Person.open(browser, "Cyd", SMALL);
  await cyd.join(bob.page.url());
  await cyd.sees(["Ada", "Bob", "Cyd", ...on("Ada", "Bob")]);
  for (const name of on("Ada", "Bob")) await cyd.seesMoving(name);
  await cyd.tile("Bob’s screen").hover();
  await cyd.tile("Bob’s screen").getByRole("button", { name: "Pin" }).click();
  expect(await area(cyd, "Bob’s screen")).toBeGreaterThan(4 * (await area(cyd, "Ada’s screen")));
  for (const person of [ada, bob, cyd]) expect(person.errors).toEqual([]);
});

test("a host ends what a guest shares, and allows it again", async () => {
  const [ada, bob] = (await meeting("Ada", "Bob")) as [Person, Person];
  await bob.button("Share screen").click();
  await ada.sees(["Ada", "Bob", ...on("Bob")]);
  await ada.button("Options for Bob").click();
  await ada.button("Stop screen sharing").click();
  await bob.page.getByText("A host stopped your screen sharing").waitFor();
  await ada.sees(["Ada", "Bob"]);
  await bob.button("Share screen").click();
  await bob.page.getByText("A host has turned screen sharing off.").waitFor();
  await ada.button("Options for Bob").click();
  await ada.button("Allow screen sharing").click();
  await bob.page.getByText("You may share your screen again").waitFor();
  await bob.button("Share screen").click();
  await ada.sees(["Ada", "Bob", ...on("Bob")]);
  await ada.seesMoving("Bob’s screen");
  for (const person of [ada, bob]) expect(person.errors).toEqual([]);
});
