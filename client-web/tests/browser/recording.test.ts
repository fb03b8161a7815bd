// A recording on one's own device: everybody sees that it runs, and what is saved plays.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { launchChromium, Person } from "./person.ts";
import { Server, until } from "./server.ts";

const SMALL = { width: 800, height: 600 };
/** So much is recorded at least, in seconds. */
const RECORDED = 5;
/** Encoding the recording beside the calls is the most that these tests ask of a machine. */
const LONG_MS = 420_000;

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

/** What ffprobe finds when it decodes a whole file. */
async function probe(file: string): Promise<{ kinds: string[]; frames: number; seconds: number; samples: number }> {
  const { stdout } = await promisify(execFile)(
    "ffprobe",
    [...["-v", "error", "-of", "json", "-show_entries", "frame=media_type,pts_time,nb_samples", file]],
    { maxBuffer: 64 * 1_048_576 },
  );
  const { frames } = JSON.parse(stdout) as {
    frames: { media_type: string; pts_time?: string; nb_samples?: number }[];
  };
  return {
    kinds: [...new Set(frames.map((frame) => frame.media_type))].sort(),
    frames: frames.filter((frame) => frame.media_type === "video").length,
    seconds: Math.max(...frames.map((frame) => Number(frame.pts_time ?? 0))),
    samples: frames.reduce((sum, frame) => sum + (frame.nb_samples ?? 0), 0),
  };
}

/** How loud a file is at its loudest, in decibels below full scale. */
async function loudest(file: string): Promise<number> {
  const { stderr } = await promisify(execFile)("ffmpeg", ["-i", file, "-vn", "-af", "volumedetect", "-f", "null", "-"]);
  return Number(/max_volume: (-?[\d.]+) dB/.exec(stderr)?.[1] ?? Number.NaN);
}

test(
  "a recording is shown to everybody while it runs, and the file plays with picture and sound",
  async () => {
    const ada = await Person.open(browser, "Ada", SMALL);
    // The picker of files is a window of the system's own; without it a recording is a download.
    await ada.page.addInitScript(() => Reflect.deleteProperty(window, "showSaveFilePicker"));
    const link = await ada.startMeeting(server.url);
    const bob = await Person.open(browser, "Bob", SMALL);
    await bob.join(link);
    await ada.sees(["Ada", "Bob"]);
    await bob.sees(["Ada", "Bob"]);
    await ada.seesMoving("Bob");

    await ada.button("More").click();
    await ada.button("Record this meeting").click();
    const begin = performance.now();
    const banner = bob.page.getByRole("status").filter({ hasText: "Ada is recording this meeting." });
    await banner.waitFor();
    await bob.tile("Ada").getByRole("img", { name: "Records this meeting" }).waitFor();
    await ada.page.getByText("You are recording this meeting").waitFor();
    // Who comes later sees it as well.
    const eve = await Person.open(browser, "Eve", SMALL);
    await eve.join(link);
    await eve.page.getByRole("status").filter({ hasText: "Ada is recording this meeting." }).waitFor();
    expect(eve.errors).toEqual([]);
    await eve.close();
    await until("enough is recorded", async () => performance.now() - begin > (RECORDED + 1) * 1_000);

    const download = ada.page.waitForEvent("download");
    await ada.button("Stop recording").click();
    const file = await download;
    await banner.waitFor({ state: "detached" });
    expect(file.suggestedFilename()).toMatch(/^conclave-[\d-]+\.webm$/);
    const path = await file.path();
    const found = await probe(path);
    expect(found.kinds).toEqual(["audio", "video"]);
    expect(found.seconds).toBeGreaterThan(RECORDED);
    expect(found.frames).toBeGreaterThan(RECORDED);
    // The fake microphones beep.
    expect(await loudest(path)).toBeGreaterThan(-60);

    // Leaving ends a recording and saves it.
    await ada.button("More").click();
    await ada.button("Record this meeting").click();
    await banner.waitFor();
    const second = ada.page.waitForEvent("download");
    await until("something is recorded", async () => (await ada.page.getByText("You are recording").count()) > 0);
    await ada.button("Leave").click();
    expect((await probe(await (await second).path())).kinds).toContain("video");
    for (const person of [ada, bob]) expect(person.errors).toEqual([]);
  },
  LONG_MS,
);
