// Trust that can be seen: the log of the group, safety numbers, marks that last, and a warning when a name has another key.
import { expect, test } from "vitest";

import { prepare } from "./fixture.ts";
import type { Person } from "./person.ts";
import { until } from "./server.ts";

const fixture = prepare({ size: { width: 1000, height: 700 } });

/** The safety number with somebody, from the open Security panel. */
async function numberWith({ page }: Person, name: string): Promise<string> {
  const line = page.locator(".safety details", { hasText: name });
  if (!(await line.evaluate((details: HTMLDetailsElement) => details.open))) await line.locator("summary").click();
  return ((await line.locator(".safety-number").textContent()) ?? "").trim();
}

async function leave(person: Person): Promise<void> {
  await person.button("Leave").click();
  await person.button("Start page").waitFor();
}

test("two remembered devices have the same number in every call, and a stranger with the name is found out", async () => {
  const ada = await fixture.open("Ada");
  const bob = await fixture.open("Bob");
  const first = await fixture.meet([ada, bob]);
  for (const person of [ada, bob]) await person.button("Security").click();
  const passing = await numberWith(ada, "Bob");
  expect(passing).toMatch(/^(\d{5} ){5}\d{5}$/);
  expect(await numberWith(bob, "Ada")).toBe(passing);
  const ledger = await ada.page.locator(".sees").textContent();
  expect(ledger).toContain(`the room’s number: ${new URL(first).pathname.split("/").pop()}`);
  expect(ledger).toContain("2 devices are in the call");
  expect(ledger).not.toContain("Bob");
  expect(await ada.page.locator(".log").textContent()).toContain("Bob joined");

  for (const person of [ada, bob]) {
    const choice = person.page.getByRole("checkbox", { name: "Let others know this device again" });
    await choice.check();
    await until("the choice is kept", async () => choice.isChecked());
    await leave(person);
  }

  await fixture.meet([ada, bob]);
  for (const person of [ada, bob]) await person.button("Security").click();
  const lasting = await numberWith(ada, "Bob");
  expect(lasting).not.toBe(passing);
  expect(await numberWith(bob, "Ada")).toBe(lasting);
  await ada.page.getByText("this number stays the same in later calls").waitFor();
  await ada.button("The numbers are the same").click();
  await ada.tile("Bob").getByRole("img", { name: "Verified" }).waitFor();
  await leave(bob);
  await ada.page.locator(".log li", { hasText: "Bob left" }).waitFor();
  await leave(ada);

  const third = await ada.startMeeting(fixture.server.url);
  const eve = await fixture.open("Bob");
  await eve.join(third);
  await ada.tile("Bob").getByRole("img", { name: "Another device" }).waitFor();
  await leave(eve);
  await ada.sees(["Ada"]);
  await bob.join(third);
  await ada.tile("Bob").getByRole("img", { name: "Verified" }).waitFor();
  await ada.button("Security").click();
  expect(await numberWith(ada, "Bob")).toBe(lasting);
  for (const person of [ada, bob]) expect(person.errors).toEqual([]);
});
