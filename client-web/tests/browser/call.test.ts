// A call from the browser, end to end: everybody sees and hears everybody and shows the same code.
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { beforeAll, expect, test } from "vitest";

import { ENGINES, prepare } from "./fixture.ts";
import { until } from "./server.ts";

const PICTURES = path.resolve(import.meta.dirname, "../../test-results");

const fixture = prepare({ size: { width: 640, height: 480 } });

beforeAll(() => mkdir(PICTURES, { recursive: true }));

test("three people in Chromium and one in Firefox meet, and a leaver changes the code", async () => {
  // Hers is the window that is looked at afterwards.
  const ada = await fixture.open("Ada", "chromium", { width: 1280, height: 720 });
  const begin = performance.now();
  const link = await ada.startMeeting(fixture.server.url);
  expect(new URL(link).hash.length).toBeGreaterThan(40);
  const people = [ada, await fixture.open("Grace"), await fixture.open("Edsger")];
  if (ENGINES.includes("firefox")) people.push(await fixture.open("Barbara", "firefox"));
  for (const person of people.slice(1)) await person.join(link);
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
    expect([...person.hosts]).toEqual([new URL(fixture.server.url).host]);
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
  const [host, guest, mallory] = await fixture.meeting("Host", "Guest", "Mallory");
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
