// Every screen of the gallery, without a server: no text outside the language files, nothing that axe finds, nothing cut off.
//
// PICTURES=folder also keeps a picture of each; ONLY=landing,call-3 picks screens.
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import type { AxeResults, RunOptions } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { pseudo } from "../../dev/pseudo.ts";
import { screens } from "../../dev/screens.ts";
import { arabic } from "../../src/ui/text/arabic.ts";
import { english, type Texts } from "../../src/ui/text/english.ts";
import { german } from "../../src/ui/text/german.ts";
import { type Gallery, startGallery } from "./gallery.ts";
import { launchChromium } from "./person.ts";

/** How the screens are looked at. */
interface Look {
  readonly language: string;
  readonly text: Texts;
  readonly size: readonly [width: number, height: number];
  readonly scheme: "light" | "dark";
  readonly theme?: "contrast";
  /** 2 is what a browser does at 200 % zoom: half the pixels of CSS on the same screen. */
  readonly zoom?: number;
}

const LOOKS: Readonly<Record<string, Look>> = {
  "pseudo-desktop-light": { language: "pseudo", text: pseudo, size: [1280, 800], scheme: "light" },
  "arabic-phone-dark": { language: "ar", text: arabic, size: [360, 740], scheme: "dark" },
  "german-zoomed-contrast": {
    language: "de",
    text: german,
    size: [640, 400],
    scheme: "light",
    theme: "contrast",
    zoom: 2,
  },
};
/** How long a walk through all screens may take on a loaded machine. */
const WALK_MS = 420_000;
const ONLY = process.env["ONLY"]?.split(",");
const PICTURES = process.env["PICTURES"];
const WCAG: RunOptions = {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
};

let gallery: Gallery;
let browser: Browser;
let axe: string;

beforeAll(async () => {
  axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  gallery = await startGallery();
  browser = await launchChromium();
  if (PICTURES !== undefined) await mkdir(PICTURES, { recursive: true });
});

afterAll(async () => {
  await browser.close();
  await gallery.close();
});

// Beside each other: a page keeps one core busy.
test.for(Object.entries(LOOKS))(
  "every screen is in order: %s",
  { concurrent: true, timeout: WALK_MS },
  async ([name, look], { expect }) => {
    const [width, height] = look.size;
    const context = await browser.newContext({
      viewport: { width, height },
      deviceScaleFactor: look.zoom ?? 1,
      colorScheme: look.scheme,
      // What moves is at rest, so that contrast is measured at the end of a movement.
      reducedMotion: "reduce",
    });
    const page = await context.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    const open = async (wishes = "") => {
      await page.goto(`${gallery.address}?language=${look.language}&theme=${look.theme ?? "system"}&${wishes}`);
      // The language may still be loading.
      await page.getByRole("main").waitFor();
    };
    for (const [screen, walk] of Object.entries(screens)) {
      if (ONLY !== undefined && !ONLY.includes(screen)) continue;
      await walk({ page, text: look.text, open });
      if (PICTURES !== undefined) await page.screenshot({ path: path.join(PICTURES, `${screen}-${name}.png`) });
      expect.soft(await violations(page), `${screen}: axe`).toEqual([]);
      expect.soft(await cutOff(page), `${screen}: wider than the window`).toEqual([]);
      expect.soft(await tooLow(page), `${screen}: lines that open something, lower than 24 pixels`).toEqual([]);
      if (look.language === "pseudo") expect.soft(await hardCoded(page), `${screen}: text in the code`).toEqual([]);
    }
    expect(errors).toEqual([]);
    await context.close();
  },
);

test("who has long been alone is asked, and without an answer the call ends", async () => {
  const page = await browser.newPage();
  await page.clock.install();
  const start = {
    page,
    text: english,
    open: async (wishes = "") => void (await page.goto(`${gallery.address}?language=en&${wishes}`)),
  };
  await screens["alone"]?.(start);
  const question = page.getByRole("dialog", { name: english.stillThere.title });
  await page.clock.fastForward("10:01");
  await question.waitFor();
  expect(await violations(page)).toEqual([]);
  await page.getByRole("button", { name: english.stillThere.stay }).click();
  await question.waitFor({ state: "detached" });
  await page.clock.fastForward("10:01");
  await question.waitFor();
  await page.clock.fastForward("02:01");
  await page.getByRole("heading", { name: english.ended.title.left }).waitFor();
  await page.close();
});

test.each([
  { width: 360, height: 740 },
  { width: 1280, height: 800 },
])("what is announced does not cover who records, at $width pixels", async (viewport) => {
  const page = await browser.newPage({ viewport });
  await screens["recording"]?.({
    page,
    text: english,
    open: async (wishes = "") => void (await page.goto(`${gallery.address}?language=en&${wishes}`)),
  });
  await page.locator(".toast").waitFor();
  const covered = await page.evaluate(() => {
    const [toast, banner] = [".toast", ".banner[data-kind=recording]"].map((selector) =>
      document.querySelector(selector)?.getBoundingClientRect(),
    );
    return toast === undefined || banner === undefined || (toast.top < banner.bottom && banner.top < toast.bottom);
  });
  expect(covered).toBe(false);
  await page.close();
});

test("what is announced does not cover a panel beside the stage", async () => {
  const page = await browser.newPage({ viewport: { width: 844, height: 390 } });
  await screens["chat"]?.({
    page,
    text: english,
    open: async (wishes = "") => void (await page.goto(`${gallery.address}?language=en&${wishes}`)),
  });
  await page.locator(".toast").waitFor();
  const gap = await page.evaluate(() => {
    const [toast, panel] = [".toast", ".panel"].map((selector) =>
      document.querySelector(selector)?.getBoundingClientRect(),
    );
    return toast === undefined || panel === undefined ? undefined : panel.left - toast.right;
  });
  expect(gap).toBeGreaterThan(0);
  if (PICTURES !== undefined) await page.screenshot({ path: path.join(PICTURES, "toast.png") });
  await page.close();
});

test("the meeting goes into a small window, is worked from there, and comes back", async () => {
  const page = await browser.newPage();
  await screens["call-3"]?.({
    page,
    text: english,
    open: async (wishes = "") => void (await page.goto(`${gallery.address}?language=en&${wishes}`)),
  });
  const button = (name: string) => page.getByRole("button", { name, exact: true });
  const inWindow = (look: string) =>
    page.evaluate((selector) => {
      const pip = (window as unknown as { documentPictureInPicture: { window: Window | null } })
        .documentPictureInPicture;
      const found = pip.window?.document.querySelector<HTMLElement>(selector);
      found?.click();
      return found?.textContent;
    }, look);
  await button(english.controls.more).click();
  await button(english.view.pip).click();
  await expect.poll(() => inWindow(".tile-name")).toBe("Amara Okafor");
  await inWindow(`[aria-label="${english.controls.mute}"]`);
  await button(english.controls.unmute).waitFor();
  await inWindow(`[aria-label="${english.controls.leave}"]`);
  await page.getByRole("heading", { name: english.ended.title.left }).waitFor();
  await expect.poll(() => inWindow("body")).toBeUndefined();
  await page.close();
});

/** What axe finds, a line each. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const results: AxeResults = await page.evaluate(
    (options) => (window as unknown as { axe: { run(options: RunOptions): Promise<AxeResults> } }).axe.run(options),
    WCAG,
  );
  return results.violations.map(
    ({ id, nodes }) =>
      `${id}: ${nodes.map((node) => `${node.target.join(" ")} ${node.any[0]?.message ?? ""}`).join("; ")}`,
  );
}

/** Lines that open something and that a finger does not meet; axe takes them for text. */
function tooLow(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll("summary")]
      .filter((line) => line.checkVisibility() && line.getBoundingClientRect().height < 24)
      .map((line) => line.textContent),
  );
}

/** Controls and texts that reach over the sides of the window. */
function cutOff(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll("button, input, select, textarea, h1, h2, h3, p")]
      .filter((element) => element.checkVisibility() && !element.closest("[inert], .visually-hidden, .grid"))
      .filter((element) => {
        const { left, right, width } = element.getBoundingClientRect();
        return width > 1 && (left < -1 || right > innerWidth + 1);
      })
      .map((element) => element.outerHTML.slice(0, 120)),
  );
}

/** Words outside ⟦ ⟧: neither from the language file nor marked as a name (translate=no). */
function hardCoded(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const attributes = ["aria-label", "title", "placeholder", "alt", "data-tip", "aria-roledescription"];
    const words: string[] = [document.title.replace("Conclave", "")];
    for (const element of document.querySelectorAll<HTMLElement>("body, body *")) {
      if (element.tagName === "SCRIPT" || element.tagName === "STYLE") continue;
      if (element.translate) {
        for (const node of element.childNodes) {
          if (node.nodeType === Node.TEXT_NODE) words.push(node.textContent ?? "");
        }
      }
      // A tile is called as its person is.
      if (element.translate && !element.matches("[role=group][data-crypto]")) {
        words.push(...attributes.map((name) => element.getAttribute(name) ?? ""));
      }
    }
    return words.filter((text) => {
      let rest = text;
      for (let before = ""; before !== rest; ) {
        before = rest;
        rest = rest.replace(/⟦[^⟦⟧]*⟧/gu, "");
      }
      return /\p{L}/u.test(rest);
    });
  });
}
