// Without permission for any device: one is told what to do, takes part all the same, and is told again when it is tried.
import { expect, test } from "vitest";

import { prepare } from "./fixture.ts";

const fixture = prepare({ size: { width: 1000, height: 700 }, chromium: ["--use-fake-ui-for-media-stream=deny"] });

test("who allows no device is in the call all the same, and is told why a device stays off", async () => {
  const ada = await fixture.open("Ada");
  const { page } = ada;
  await page.goto(fixture.server.url);
  await ada.button("New meeting").click();
  await page.getByText("Camera and microphone are blocked").waitFor();
  await ada.enter();
  await ada.sees(["Ada"]);
  await ada.button("Unmute microphone").click();
  await page.getByText("The microphone is blocked. Allow the microphone").waitFor();
  await ada.button("Unmute microphone").waitFor();
  expect(ada.errors).toEqual([]);
});
