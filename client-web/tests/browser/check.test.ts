// The connection test against a real server: both ways to its media, an encrypted call with itself, and the report.
import { readFile } from "node:fs/promises";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import type { Findings } from "../../src/ui/check/connection-check.ts";
import { launchChromium, Person } from "./person.ts";
import { MEDIA_ADDRESS, PATIENCE_MS, Server } from "./server.ts";

let server: Server;
let browser: Browser;

beforeAll(async () => {
  server = await Server.start();
  browser = await launchChromium();
});

afterEach(() => Person.closeAll());

afterAll(async () => {
  await browser.close();
  await server.stop();
});

test("the connection is tested from the start page, and the report gives nothing away", async () => {
  const ada = await Person.open(browser, "Ada");
  const { page } = ada;
  await page.goto(server.url);
  await page.getByRole("link", { name: "Test the connection" }).click();
  const save = ada.button("Save the report");
  await save.and(page.locator(":enabled")).waitFor({ timeout: 3 * PATIENCE_MS });
  const [download] = await Promise.all([page.waitForEvent("download"), save.click()]);
  const text = await readFile(await download.path(), "utf8");
  const report: Findings & { verdict: string } = JSON.parse(text);
  expect(report).toMatchObject({
    missing: [],
    platform: { system: "linux", browser: "chrome" },
    udp: { kind: "done", found: { open: true } },
    tcp: { kind: "done", found: { open: true } },
    call: { kind: "done", found: { protocol: "udp" } },
  });
  // How much it carries is the machine's.
  expect(["good", "narrow", "lossy"]).toContain(report.verdict);
  if (report.call.kind === "done") {
    expect(report.call.found?.up).toBeGreaterThan(0);
    expect(report.call.found?.down).toBeGreaterThan(0);
  }
  for (const telling of [MEDIA_ADDRESS, "127.0.0.1", "localhost", "Ada"]) expect(text).not.toContain(telling);
  expect(text).not.toMatch(/[\w-]{20,}/);

  await page.goto(server.url);
  await ada.button("New meeting").click();
  await page.getByRole("link", { name: "Test the connection" }).waitFor();
  expect(ada.errors).toEqual([]);
});
