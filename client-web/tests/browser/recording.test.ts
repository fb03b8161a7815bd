// A recording on one's own device: everybody sees that it runs, and what is saved plays.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

import { ENGINES, prepare } from "./fixture.ts";
import { until } from "./server.ts";

/** So much is recorded at least, in seconds. */
const RECORDED = 5;
/** Encoding the recording beside the calls is the most that these tests ask of a machine. */
const LONG_MS = 420_000;

/** Counts what the newest recorder has given away. */
const COUNT_PIECES = `(() => {
  const start = MediaRecorder.prototype.start;
  MediaRecorder.prototype.start = function (interval) {
    window.pieces = 0;
    this.addEventListener("dataavailable", ({ data }) => {
      if (data.size > 0) window.pieces += 1;
    });
    return start.call(this, interval);
  };
})()`;

const fixture = prepare({ size: { width: 800, height: 600 } });

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "conclave-recording-"));
});

afterAll(() => rm(folder, { recursive: true }));

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

/** How many different pictures a file has. */
async function differentPictures(file: string): Promise<number> {
  const { stdout } = await promisify(execFile)("ffmpeg", ["-v", "error", "-i", file, "-an", "-f", "framemd5", "-"]);
  const pictures = stdout.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Set(pictures.map((line) => line.split(",").at(-1))).size;
}

test.each(ENGINES)(
  "a recording in %s is shown to everybody while it runs, and the file plays with picture and sound",
  async (engine) => {
    const ada = await fixture.open("Ada", engine);
    // The picker of files is a window of the system's own; without it a recording is a download.
    await ada.page.addInitScript(() => Reflect.deleteProperty(window, "showSaveFilePicker"));
    await ada.page.addInitScript(COUNT_PIECES);
    const bob = await fixture.open("Bob");
    const link = await fixture.meet([ada, bob]);
    await ada.seesMoving("Bob");

    await ada.button("More").click();
    await ada.button("Record this meeting").click();
    const begin = performance.now();
    const banner = bob.page.getByRole("status").filter({ hasText: "Ada is recording this meeting." });
    await banner.waitFor();
    await bob.tile("Ada").getByRole("img", { name: "Records this meeting" }).waitFor();
    await ada.page.getByText("You are recording this meeting").waitFor();
    // Who comes later sees it as well.
    const eve = await fixture.open("Eve");
    await eve.join(link);
    await eve.page.getByRole("status").filter({ hasText: "Ada is recording this meeting." }).waitFor();
    expect(eve.errors).toEqual([]);
    await eve.close();
    await until("enough is recorded", async () => performance.now() - begin > (RECORDED + 1) * 1_000);

    const saved = await ada.saves(() => ada.button("Stop recording").click());
    await banner.waitFor({ state: "detached" });
    expect(saved.name).toMatch(/^conclave-[\d-]+\.webm$/);
    const file = path.join(folder, "stopped.webm");
    await writeFile(file, saved.content);
    const found = await probe(file);
    expect(found.kinds).toEqual(["audio", "video"]);
    expect(found.seconds).toBeGreaterThan(RECORDED);
    expect(found.frames).toBeGreaterThan(RECORDED);
    // The fake microphones beep.
    expect(await loudest(file)).toBeGreaterThan(-60);
    // A picture that stands still is one that differs from no other.
    expect(await differentPictures(file)).toBeGreaterThan(RECORDED);

    // Leaving ends a recording and saves it.
    await ada.button("More").click();
    await ada.button("Record this meeting").click();
    await banner.waitFor();
    await until("something is recorded", () =>
      ada.page.evaluate(() => (window as unknown as { pieces: number }).pieces > 0),
    );
    const second = path.join(folder, "left.webm");
    await writeFile(second, (await ada.saves(() => ada.button("Leave").click())).content);
    expect((await probe(second)).kinds).toContain("video");
    for (const person of [ada, bob]) expect(person.errors).toEqual([]);
  },
  LONG_MS,
);

test(
  "a host takes recording from members: the one that runs ends and is saved, and no other begins",
  async () => {
    const ada = await fixture.open("Ada");
    const bob = await fixture.open("Bob");
    await bob.page.addInitScript(() => Reflect.deleteProperty(window, "showSaveFilePicker"));
    await bob.page.addInitScript(COUNT_PIECES);
    await fixture.meet([ada, bob]);
    await bob.seesMoving("Ada");
    await bob.button("More").click();
    await bob.button("Record this meeting").click();
    const banner = ada.page.getByRole("status").filter({ hasText: "Bob is recording this meeting." });
    await banner.waitFor();
    await until("something is recorded", () =>
      bob.page.evaluate(() => (window as unknown as { pieces: number }).pieces > 0),
    );

    await ada.button("More").click();
    await ada.button("Host controls").click();
    const saved = await bob.saves(() =>
      ada.page.getByRole("checkbox", { name: "Members may record", exact: true }).click(),
    );
    const file = path.join(folder, "taken.webm");
    await writeFile(file, saved.content);
    expect((await probe(file)).kinds).toContain("video");
    await banner.waitFor({ state: "detached" });
    await bob.page.getByText("A host ended your recording").waitFor();
    await bob.button("More").click();
    await bob.button("Record this meeting").click();
    await bob.page.getByText("The hosts do not let members record this meeting.").waitFor();
    expect(await banner.count()).toBe(0);
    for (const person of [ada, bob]) expect(person.errors).toEqual([]);
  },
  LONG_MS,
);
