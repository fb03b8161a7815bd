// A call from the browser, end to end: everybody sees and hears everybody and shows the same code.
import { mkdir } from "node:fs/promises";
import path from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { launchChromium, launchFirefox, Person } from "./person.ts";
import { MEDIA_ADDRESS, Server, until } from "./server.ts";

const PICTURES = path.resolve(import.meta.dirname, "../../test-results");
/** For the windows nobody looks at: software rendering is what costs most in these tests. */
const SMALL = { width: 640, height: 480 };
const withFirefox = MEDIA_ADDRESS !== "127.0.0.1";

let server: Server;
const browsers: Browser[] = [];

beforeAll(async () => {
  await mkdir(PICTURES, { recursive: true });
  server = await Server.start();
  browsers.push(await launchChromium());
  if (withFirefox) browsers.push(await launchFirefox());
});

afterEach(() => Person.closeAll());

afterAll(async () => {
  await Promise.all(browsers.map((browser) => browser.close()));
  await server.stop();
});

test("three people in Chromium and one in Firefox meet, and a leaver changes the code", async () => {
  const [chromium, firefox] = browsers;
  if (!chromium) throw new Error("no Chromium");
  const ada = await Person.open(chromium, "Ada");
  const begin = performance.now();
  const link = await ada.startMeeting(server.url);
  expect(new URL(link).hash.length).toBeGreaterThan(40);
  const people = [ada];
  for (const name of ["Grace", "Edsger"]) {
    const person = await Person.open(chromium, name, SMALL);
    await person.join(link);
    people.push(person);
  }
  if (firefox) {
    const person = await Person.open(firefox, "Barbara", SMALL);
    await person.join(link);
    people.push(person);
  }
  const names = people.map((person) => person.name);
  for (const person of people) await person.sees(names);
  for (const person of people) {
    for (const name of names) await person.seesMoving(name);
    await person.decodes(names.length - 1);
    await person.hears(names.length - 1);
  }
  console.log(`everybody sees and hears everybody after ${Math.round(performance.now() - begin)} ms`);
  for (const person of people) {
    expect(person.errors).toEqual([]);
    expect([...person.hosts]).toEqual([new URL(server.url).host]);
  }
  await ada.page.screenshot({ path: path.join(PICTURES, "call.png") });

  const codes = await Promise.all(people.map((person) => person.callCode()));
  expect(new Set(codes)).toEqual(new Set([codes[0]]));

  const leaver = people.pop();
  await leaver?.button("Leave").click();
  const remaining = people.map((person) => person.name);
  for (const person of people) await person.sees(remaining);
  const after = await Promise.all(people.map((person) => person.callCode()));
  expect(new Set(after)).toEqual(new Set([after[0]]));
  expect(after[0]).not.toEqual(codes[0]);
});

test("a person the host removes is out, and the others get a new code", async () => {
  const [chromium] = browsers;
  if (!chromium) throw new Error("no Chromium");
  const host = await Person.open(chromium, "Host", SMALL);
  const link = await host.startMeeting(server.url);
  const guest = await Person.open(chromium, "Guest", SMALL);
  const mallory = await Person.open(chromium, "Mallory", SMALL);
  await guest.join(link);
  await mallory.join(link);
  await host.sees(["Host", "Guest", "Mallory"]);
  const before = await host.callCode();
  await host.button("Participants").click();
  await host.button("Remove Mallory").click();
  await host.button("Remove from call").click();
  await host.page.keyboard.press("Escape");
  await host.sees(["Host", "Guest"]);
  await guest.sees(["Host", "Guest"]);
  expect(await host.callCode()).not.toEqual(before);
  await until("the removed person is out of the call", async () => (await mallory.button("Leave").count()) === 0);
});
