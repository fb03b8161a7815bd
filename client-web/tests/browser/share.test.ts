// A shared screen between real browsers: seen, labelled, encrypted, heard, and gone when it ends or a host ends it.
import { expect, test } from "vitest";

import { ENGINES, prepare } from "./fixture.ts";
import type { Person } from "./person.ts";
import { standsStill, until } from "./server.ts";

// Few frames: three people, each of whom sends a screen beside a camera, are much for one machine.
const fixture = prepare({ size: { width: 1000, height: 700 }, chromium: ["--use-fake-device-for-media-stream=fps=5"] });

/** Everything that is encrypted: people, and screens by their names. */
const on = (...names: string[]) => names.map((name) => `${name}’s screen`);

/** A screen that moves and sounds, for a browser that has no display. */
const MADE_UP_SCREEN = `if (navigator.mediaDevices) navigator.mediaDevices.getDisplayMedia = async () => {
  const canvas = document.createElement("canvas");
  canvas.width = 1280;
  canvas.height = 720;
  const paint = canvas.getContext("2d");
  let frame = 0;
  setInterval(() => {
    paint.fillStyle = "hsl(" + (frame++ * 40) % 360 + " 80% 50%)";
    paint.fillRect(0, 0, canvas.width, canvas.height);
  }, 200);
  const sound = new AudioContext();
  const whistle = sound.createOscillator();
  const out = sound.createMediaStreamDestination();
  whistle.connect(out);
  whistle.start();
  return new MediaStream([...canvas.captureStream(5).getTracks(), ...out.stream.getTracks()]);
}`;

/** Area of a tile on the screen. */
async function area(person: Person, name: string): Promise<number> {
  const box = await person.tile(name).boundingBox();
  return (box?.width ?? 0) * (box?.height ?? 0);
}

test("a screen is shared, seen large, paused when nobody looks, and ends with the browser's bar", async () => {
  const [ada, bob] = await fixture.meeting("Ada", "Bob");
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
  const [ada, bob] = await fixture.meeting("Ada", "Bob");
  await ada.button("Share screen").click();
  await bob.button("Share screen").click();
  await ada.sees(["Ada", "Bob", ...on("Bob")]);
  const cyd = await fixture.open("Cyd");
  await cyd.join(bob.page.url());
  await cyd.sees(["Ada", "Bob", "Cyd", ...on("Ada", "Bob")]);
  for (const name of on("Ada", "Bob")) await cyd.seesMoving(name);
  await cyd.tile("Bob’s screen").hover();
  await cyd.tile("Bob’s screen").getByRole("button", { name: "Pin" }).click();
  expect(await area(cyd, "Bob’s screen")).toBeGreaterThan(4 * (await area(cyd, "Ada’s screen")));
  for (const person of [ada, bob, cyd]) expect(person.errors).toEqual([]);
});

test("a host ends what a guest shares, and allows it again", async () => {
  const [ada, bob] = await fixture.meeting("Ada", "Bob");
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

test.runIf(ENGINES.includes("firefox"))("Firefox shows and hears what is shared, and shares itself", async () => {
  const ada = await fixture.open("Ada", "firefox");
  await ada.page.addInitScript(MADE_UP_SCREEN);
  const bob = await fixture.open("Bob");
  await fixture.meet([ada, bob]);
  await bob.button("Share screen").click();
  await ada.sees(["Ada", "Bob", ...on("Bob")]);
  await ada.seesMoving("Bob’s screen");
  await ada.button("Share screen").click();
  await bob.sees(["Ada", "Bob", ...on("Ada")]);
  await bob.seesMoving("Ada’s screen");
  await bob.hears(2);
  await ada.page.getByRole("combobox", { name: "What you share" }).selectOption("Video, fluid");
  await bob.seesMoving("Ada’s screen");
  await bob.button("Stop sharing").first().click();
  await ada.page.getByText("Bob stopped sharing their screen").waitFor();
  await ada.button("Stop sharing").first().click();
  await bob.sees(["Ada", "Bob"]);
  for (const person of [ada, bob]) expect(person.errors).toEqual([]);
});
