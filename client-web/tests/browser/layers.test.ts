// Everybody is sent the picture that fits, and nobody encodes a picture that nobody sees.
import { expect, test } from "vitest";

import { ENGINES, prepare } from "./fixture.ts";
import type { Person } from "./person.ts";
import { QUIET_MS, standsStill, until } from "./server.ts";

/**
 * Four tiles in such a window show less than 180 lines each, and some 280 in the other: the middle one of three sizes, for
 * two cores do not encode and decode four pictures of 720 lines.
 */
const SMALL = { width: 560, height: 400 };
const LARGE = { width: 1000, height: 660 };
/** Lines of the smallest picture that a camera sends. */
const SMALLEST = 180;
/** How soon a picture must be large after its tile is: some 2 s, and more while everything runs on two cores. */
const LARGE_WITHIN_MS = 30_000;
const fixture = prepare({ size: SMALL });

test("pictures have the size of their tiles, and what nobody sees is not sent", async () => {
  const ada = await fixture.open("Ada");
  const others = [await fixture.open("Grace"), await fixture.open("Edsger")];
  others.push(await fixture.open("Barbara", ENGINES.at(-1)));
  const everybody = [ada, ...others];
  const names = everybody.map((person) => person.name);
  await fixture.meet(everybody);
  const pictures = (of: readonly Person[], fit: (height: number) => boolean) =>
    Promise.all(of.map((person) => ada.pictureOf(person.name))).then((sizes) =>
      sizes.every(({ height }) => fit(height)),
    );
  const encoded = async (person: Person) => {
    const before = new Map((await person.sentPictures()).map(({ name, packets }) => [name, packets]));
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS)); // the time in which packets are counted
    return (await person.sentPictures()).filter(({ name, packets }) => packets > (before.get(name) ?? 0));
  };

  await until("Ada gets small pictures for her small tiles", () =>
    pictures(others, (height) => height > 0 && height <= SMALLEST),
  );
  for (const person of others) {
    await until(`${person.name} sends nothing larger`, async () => {
      const sent = await encoded(person);
      return sent.length > 0 && sent.every(({ height }) => height <= SMALLEST);
    });
  }

  const begin = performance.now();
  await ada.page.setViewportSize(LARGE);
  await until("Ada gets large pictures for her large tiles", () => pictures(others, (height) => height > SMALLEST));
  const took = Math.round(performance.now() - begin);
  console.log(`large pictures ${took} ms after the tiles grew`);
  expect(took).toBeLessThan(LARGE_WITHIN_MS);
  for (const person of others) await ada.seesMoving(person.name);

  await ada.page.setViewportSize(SMALL);
  await until("Ada gets small pictures again", () => pictures(others, (height) => height <= SMALLEST));

  await ada.putIntoBackground(true);
  for (const { name } of others) {
    await standsStill(`nothing of ${name}'s picture arrives while Ada's page is in the background`, async () => {
      const { packets } = await ada.pictureOf(name);
      return packets;
    });
  }
  await ada.hears(others.length);
  // The others still see each other, and Ada: their pictures go on.
  for (const person of everybody) await until(`${person.name} is sent`, async () => (await encoded(person)).length > 0);

  for (const person of others) await person.putIntoBackground(true);
  for (const person of everybody) {
    await until(`${person.name} sends no picture when nobody looks`, async () => (await encoded(person)).length === 0);
  }

  const back = performance.now();
  for (const person of everybody) await person.putIntoBackground(false);
  for (const person of others) await ada.seesMoving(person.name);
  console.log(`moving pictures ${Math.round(performance.now() - back)} ms after the pages came back`);
  for (const person of everybody) {
    await person.sees(names);
    expect(person.errors).toEqual([]);
  }
});
