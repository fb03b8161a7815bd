// The docs' pictures: four browsers in a real call, one of them photographed on each screen.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { test } from "vitest";

import { launchChromium, Person } from "../browser/person.ts";
import { Server, until } from "../browser/server.ts";

const IMAGES = path.resolve(import.meta.dirname, "../../../docs/images");
const DESKTOP = { width: 1200, height: 720 };
const PHONE = { width: 390, height: 760 };

/** Who is in the call, and the two colours of what their camera sees. */
const PEOPLE = [
  { name: "Ada", colours: ["0x3b7f9e", "0xf2c894"] },
  { name: "Bob", colours: ["0x6a4c93", "0xf7a072"] },
  { name: "Chidi", colours: ["0x2a9d6f", "0xe9d985"] },
  { name: "Dana", colours: ["0xb5446e", "0x9ad1d4"] },
] as const;

const ffmpeg = (...words: string[]) => execFileSync("ffmpeg", ["-hide_banner", "-loglevel", "error", "-y", ...words]);

/** Photographs a page: few colours make a small file, and nobody sees the difference. */
async function take(page: Page, folder: string, name: string): Promise<void> {
  const raw = path.join(folder, `${name}.png`);
  // No button is pointed at.
  await page.mouse.move(0, 0);
  await page.screenshot({ path: raw, animations: "disabled" });
  const palette =
    "split[a][b];[a]palettegen=max_colors=160:reserve_transparent=0[p];[b][p]paletteuse=dither=bayer:bayer_scale=4";
  ffmpeg("-i", raw, "-vf", palette, "-compression_level", "100", "-pred", "mixed", path.join(IMAGES, `${name}.png`));
}

/** Whether everybody is secure and to be seen, and nothing is announced or weak: a busy machine may lose a connection. */
const isCalm = (page: Page) =>
  page.evaluate((people) => {
    const secure = document.querySelectorAll("[role=group][data-crypto=secure]").length === people;
    const seen = document.querySelectorAll("[role=group][data-crypto] video").length === people;
    const joined = document.querySelector(".call")?.getAttribute("data-state") === "in-call";
    return secure && seen && joined && document.querySelector(".toast, .quality-badge") === null;
  }, PEOPLE.length);

/** Photographs a calm moment of the call. */
async function takeCalm(page: Page, folder: string, name: string): Promise<void> {
  do {
    await until("the call is calm", () => isCalm(page));
    await take(page, folder, name);
  } while (!(await isCalm(page)));
}

test("pictures for the docs", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "conclave-pictures-"));
  const server = await Server.start();
  process.chdir(folder);
  const browsers: Browser[] = [];
  const people: Person[] = [];
  try {
    for (const { name, colours } of PEOPLE) {
      // Chromium calls the camera by its file.
      const camera = `${name}’s camera.mjpeg`;
      const [first, second] = colours;
      const source = `gradients=s=640x360:r=5:d=4:speed=0.1:n=2:c0=${first}:c1=${second}:seed=7`;
      ffmpeg("-f", "lavfi", "-i", source, "-pix_fmt", "yuvj420p", "-q:v", "3", camera);
      const browser = await launchChromium([`--use-file-for-fake-video-capture=${camera}`]);
      browsers.push(browser);
      people.push(await Person.open(browser, name, DESKTOP));
    }
    const [ada, ...others] = people as [Person, ...Person[]];
    const names = people.map(({ name }) => name);
    await ada.page.goto(server.url);
    await ada.button("New meeting").waitFor();
    await take(ada.page, folder, "landing");
    await ada.button("New meeting").click();
    await ada.page.getByRole("textbox", { name: "Your name" }).fill("Ada");
    await ada.page.locator(".preview video").waitFor();
    await take(ada.page, folder, "prejoin");
    await ada.enter();
    const link = ada.page.url();
    for (const other of others) await other.join(link);
    await ada.sees(names);
    await ada.decodes(others.length);
    await others[0]?.button("Raise hand").click();
    await ada
      .tile("Bob")
      .getByRole("img", { name: /Hand raised/ })
      .waitFor();
    await takeCalm(ada.page, folder, "call");
    await ada.page.emulateMedia({ colorScheme: "dark" });
    await ada.button("Security").click();
    await ada.page.getByTestId("call-code").waitFor();
    await takeCalm(ada.page, folder, "security-dark");
    await ada.page.keyboard.press("Escape");
    await ada.page.emulateMedia({ colorScheme: "light" });
    await ada.page.setViewportSize(PHONE);
    await takeCalm(ada.page, folder, "phone");
    await others[2]?.close();

    const context = await (browsers[3] as Browser).newContext({ viewport: DESKTOP, locale: "ar" });
    const dana = await context.newPage();
    await dana.goto(link);
    await dana.locator("input[autocomplete=name]").fill("دانة");
    await dana.locator("button[type=submit]").click();
    await dana.locator(".round.leave").waitFor();
    await takeCalm(dana, folder, "call-arabic");
    await context.close();
  } finally {
    for (const browser of browsers) await browser.close();
    await server.stop();
    rmSync(folder, { recursive: true });
  }
});
