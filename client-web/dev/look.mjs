// Looks at every screen of the gallery: a picture of each in three sizes, light and dark, and axe's verdict on it.
//
// Usage, beside a running `npx vite --port 5199`: node dev/look.mjs [OUTPUT_FOLDER] [GALLERY_URL]
// ONLY=landing,call-3 picks screens. Exit code 1 when axe finds a violation.

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [folder = "test-results/look", url = "http://localhost:5199/dev/"] = process.argv.slice(2);
const only = process.env.ONLY;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const sizes = [
  [360, 740],
  [1280, 800],
  [2560, 1440],
];

/** Walks from the start page into a call. */
async function intoCall(page, query) {
  await page.goto(`${url}?${query}`);
  await page.getByRole("button", { name: "New meeting" }).click();
  await page.getByRole("textbox", { name: "Your name" }).fill("Ana Sousa");
  await page.getByRole("button", { name: "Turn off camera" }).waitFor();
  await page.waitForTimeout(400);
  await page.getByRole("button", { name: "Join" }).click();
  await page.getByRole("button", { name: "Leave" }).waitFor();
  await page.waitForTimeout(600);
}

const screens = {
  landing: (page) => page.goto(url),
  "landing-problem": async (page) => {
    await page.goto(url);
    await page.getByRole("textbox", { name: "Meeting link" }).fill("https://example.org/r/lost");
    await page.getByRole("button", { name: "Open" }).click();
  },
  unsupported: (page) => page.goto(`${url}?missing=RTCRtpScriptTransform&missing=WebAssembly`),
  prejoin: async (page) => {
    await page.goto(url);
    await page.getByRole("button", { name: "New meeting" }).click();
    await page.waitForTimeout(1500);
  },
  "prejoin-blocked": async (page) => {
    await page.addInitScript(() => {
      navigator.mediaDevices.getUserMedia = (wanted) =>
        Promise.reject(new DOMException("", wanted.audio ? "NotAllowedError" : "NotReadableError"));
    });
    await page.goto(url);
    await page.getByRole("button", { name: "New meeting" }).click();
    await page.waitForTimeout(400);
  },
  waiting: (page) => intoCall(page, "others=0&state=waiting"),
  alone: (page) => intoCall(page, "others=0"),
  "call-1": (page) => intoCall(page, "others=1"),
  "call-3": (page) => intoCall(page, "others=3"),
  "call-8": async (page) => {
    await intoCall(page, "others=7");
    await page.evaluate(() => window.fakeCall.add(7));
    await page.waitForTimeout(300);
  },
  "call-25": (page) => intoCall(page, "others=24"),
  "call-120": (page) => intoCall(page, "others=119"),
  participants: async (page) => {
    await intoCall(page, "others=6");
    await page.getByRole("button", { name: "Participants" }).click();
    await page.waitForTimeout(300);
  },
  "confirm-removal": async (page) => {
    await intoCall(page, "others=3");
    await page.getByRole("button", { name: "Participants" }).click();
    await page.getByRole("button", { name: "Remove Björn" }).click();
    await page.waitForTimeout(300);
  },
  security: async (page) => {
    await intoCall(page, "others=3");
    await page.getByRole("button", { name: "Security" }).click();
    await page.waitForTimeout(300);
  },
  devices: async (page) => {
    await intoCall(page, "others=3");
    await page.getByRole("button", { name: "Devices" }).click();
    await page.waitForTimeout(300);
  },
  reconnecting: (page) => intoCall(page, "others=2&state=reconnecting"),
  left: async (page) => {
    await intoCall(page, "others=2");
    await page.getByRole("button", { name: "Leave" }).click();
  },
  removed: async (page) => {
    await intoCall(page, "others=2");
    await page.evaluate(() => window.fakeCall.go("ended", "removed"));
  },
};

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
  ],
});
mkdirSync(folder, { recursive: true });
let violations = 0;
for (const [name, walk] of Object.entries(screens)) {
  if (only !== undefined && !only.split(",").includes(name)) {
    continue;
  }
  for (const [width, height] of sizes) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: "light" });
    const page = await context.newPage();
    page.on("console", (message) => message.type() === "error" && console.error(`${name}: ${message.text()}`));
    page.on("pageerror", (error) => console.error(`${name}: ${error}`));
    await walk(page);
    for (const scheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.waitForTimeout(250);
      await page.screenshot({ path: `${folder}/${name}-${width}-${scheme}.png` });
      await page.evaluate(axe);
      const report = await page.evaluate(() => window.axe.run());
      for (const violation of report.violations) {
        violations += 1;
        const places = violation.nodes.map((node) => `${node.target.join(" ")} (${node.any[0]?.message ?? ""})`);
        console.error(`${name} ${width} ${scheme}: ${violation.id}: ${violation.help}: ${places.join("; ")}`);
      }
    }
    await context.close();
  }
}
await browser.close();
console.log(violations === 0 ? "axe: no violations" : `axe: ${violations} violations`);
process.exit(violations === 0 ? 0 : 1);
