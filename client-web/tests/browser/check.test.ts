// The connection test against a real server: both ways to its media, an encrypted call with itself, and the report.
import { expect, test } from "vitest";

import type { Findings } from "../../src/ui/check/connection-check.ts";
import { ENGINES, prepare } from "./fixture.ts";
import { MEDIA_ADDRESS, PATIENCE_MS } from "./server.ts";

const fixture = prepare();

const NAMES = { chromium: "chrome", firefox: "firefox" } as const;

test.each(ENGINES)(
  "the connection is tested from the start page in %s, and the report gives nothing away",
  async (engine) => {
    const ada = await fixture.open("Ada", engine);
    const { page } = ada;
    await page.goto(fixture.server.url);
    await page.getByRole("link", { name: "Test the connection" }).click();
    const save = ada.button("Save the report");
    await save.and(page.locator(":enabled")).waitFor({ timeout: 3 * PATIENCE_MS });
    const text = (await ada.saves(() => save.click())).content.toString();
    const report: Findings & { verdict: string } = JSON.parse(text);
    expect(report).toMatchObject({
      missing: [],
      platform: { system: "linux", browser: NAMES[engine] },
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

    await page.goto(fixture.server.url);
    await ada.button("New meeting").click();
    await page.getByRole("link", { name: "Test the connection" }).waitFor();
    expect(ada.errors).toEqual([]);
  },
);
