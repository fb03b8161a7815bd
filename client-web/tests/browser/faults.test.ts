// What goes wrong in real life: the call comes back by itself, without a reload and without ghosts.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { launchChromium, Person } from "./person.ts";
import { PATIENCE_MS, Server } from "./server.ts";

let browser: Browser;
let server: Server;
let people: Person[];
const names = ["Ada", "Grace", "Edsger"];

beforeAll(async () => {
  browser = await launchChromium();
});

afterAll(async () => {
  await browser.close();
});

beforeEach(async () => {
  server = await Server.start();
  people = [];
  let link = "";
  for (const name of names) {
    const person = await Person.open(browser, name, { width: 640, height: 480 });
    if (link === "") link = await person.startMeeting(server.url);
    else await person.join(link);
    people.push(person);
  }
  for (const person of people) await person.sees(names);
  return async () => {
    await Person.closeAll();
    await server.stop();
  };
});

/** Everybody sees everybody else's picture move; returns how long the last one took, in milliseconds. */
async function everybodySeesEverybody(timeoutMs = PATIENCE_MS): Promise<number> {
  const begin = performance.now();
  await Promise.all(
    people.flatMap((person) => [
      person.sees(names, timeoutMs),
      ...names.filter((name) => name !== person.name).map((name) => person.seesMoving(name, timeoutMs)),
    ]),
  );
  return Math.round(performance.now() - begin);
}

test("a signaling connection that is cut for three seconds comes back without a reload", async () => {
  await everybodySeesEverybody();
  server.cut();
  await new Promise((resolve) => setTimeout(resolve, 3_000)); // the length of the outage, not a wait for an event
  server.restore();
  console.log(`back ${await everybodySeesEverybody()} ms after an outage of 3 s`);
});

test("a signaling connection that is cut for thirty seconds comes back without a reload", async () => {
  await everybodySeesEverybody();
  server.cut();
  await new Promise((resolve) => setTimeout(resolve, 30_000)); // the length of the outage, not a wait for an event
  server.restore();
  console.log(`back ${await everybodySeesEverybody()} ms after an outage of 30 s`);
});

test("a server that is killed and started again has everybody back within ten seconds", async () => {
  await everybodySeesEverybody();
  await server.kill();
  await server.run();
  const took = await everybodySeesEverybody();
  console.log(`back ${took} ms after the server's restart`);
  expect(took).toBeLessThan(10_000);
});

test("a tab that is reloaded leaves no ghost behind", async () => {
  const [first, second] = people;
  if (!first || !second) throw new Error("nobody is there");
  const before = await first.callCode();
  await second.page.reload();
  await second.enter();
  await everybodySeesEverybody();
  const codes = await Promise.all(people.map((person) => person.callCode()));
  expect(new Set(codes)).toEqual(new Set([codes[0]]));
  expect(codes[0]).not.toEqual(before);
});

test("a tab that is closed disappears from every screen", async () => {
  const gone = people.pop();
  await gone?.close();
  for (const person of people) await person.sees(["Ada", "Grace"]);
});
