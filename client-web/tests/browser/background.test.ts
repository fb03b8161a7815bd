// The blurred background: what is behind a person is unrecognisable for everybody, or the camera shows nothing.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { launchChromium, launchFirefox, Person } from "./person.ts";
import { Server, until } from "./server.ts";

const WIDTH = 640;
const HEIGHT = 360;
/** Sides of the squares in the camera's pictures, in pixels. */
const SQUARE = 40;
/** Mean difference of brightness between places half a square apart: the chessboard's, and what is left of it. */
const SHARP = 60;
const BLURRED = 20;

let server: Server;
let folder: string;
let chromium: Browser;

/** A camera that looks at a chessboard and nobody else: three pictures of it, each a little darker. */
async function chessboard(file: string): Promise<void> {
  const parts: Buffer[] = [Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F15:1 Ip A1:1 C420jpeg\n`)];
  for (const white of [235, 215, 195]) {
    const picture = Buffer.alloc((WIDTH * HEIGHT * 3) / 2, 128);
    for (let y = 0; y < HEIGHT; y++) {
      for (let x = 0; x < WIDTH; x++) {
        const odd = (Math.floor(x / SQUARE) + Math.floor(y / SQUARE)) % 2;
        picture[y * WIDTH + x] = odd === 1 ? white : 16;
      }
    }
    parts.push(Buffer.from("FRAME\n"), picture);
  }
  await writeFile(file, Buffer.concat(parts));
}

beforeAll(async () => {
  server = await Server.start();
  folder = await mkdtemp(join(tmpdir(), "camera-"));
  const clip = join(folder, "chessboard.y4m");
  await chessboard(clip);
  chromium = await launchChromium([`--use-file-for-fake-video-capture=${clip}`]);
});

afterEach(() => Person.closeAll());

afterAll(async () => {
  await chromium.close();
  await server.stop();
  await rm(folder, { recursive: true });
});

/** How much detail of a chessboard's size is in a picture; none while there is no picture. */
function detailIn({ page }: Person, picture: string): Promise<number | undefined> {
  return page.evaluate(
    ([picture, square, width]) => {
      const video = document.querySelector<HTMLVideoElement>(String(picture));
      const canvas = document.createElement("canvas");
      canvas.width = 320;
      canvas.height = 180;
      const context = canvas.getContext("2d");
      if (video === null || video.videoWidth === 0 || context === null) return undefined;
      context.drawImage(video, 0, 0, canvas.width, canvas.height);
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const step = (Number(square) * canvas.width) / Number(width);
      let sum = 0;
      let count = 0;
      for (let y = 0; y < canvas.height; y++) {
        for (let x = 0; x + step < canvas.width; x++) {
          const at = (y * canvas.width + x) * 4 + 1;
          sum += Math.abs((data[at] ?? 0) - (data[at + step * 4] ?? 0));
          count += 1;
        }
      }
      return sum / count;
    },
    [picture, SQUARE, WIDTH],
  );
}

const PREVIEW = ".preview video";
const tileOf = (name: string) => `[role=group][aria-label="${name}"] video`;

async function seesDetail(person: Person, picture: string, what: "sharp" | "blurred"): Promise<void> {
  let last: number | undefined;
  await until(`${person.name} sees it ${what}`, async () => {
    last = await detailIn(person, picture);
    return last !== undefined && last > 0 && (what === "sharp" ? last > SHARP : last < BLURRED);
  }).catch((error) => {
    throw new Error(`${error.message}; detail: ${last}; errors: ${person.errors}`);
  });
}

const blurSwitch = ({ page }: Person) => page.getByRole("checkbox", { name: "Blur the background", exact: true });

async function openSettings(person: Person): Promise<void> {
  await person.button("More").click();
  await person.button("Settings").click();
}

/** Gives a page a camera that looks at a moving chessboard. */
function lookAtChessboard([width, height, square]: number[]): void {
  // Not every page that Firefox begins with may have a camera.
  if (navigator.mediaDevices === undefined) return;
  navigator.mediaDevices.getUserMedia = async ({ video, audio }: MediaStreamConstraints = {}) => {
    const stream = new MediaStream();
    if (video) {
      const canvas = document.createElement("canvas");
      canvas.width = Number(width);
      canvas.height = Number(height);
      const context = canvas.getContext("2d");
      let turn = 0;
      setInterval(() => {
        turn += 1;
        for (let y = 0; y * Number(square) < canvas.height; y++) {
          for (let x = 0; x * Number(square) < canvas.width; x++) {
            if (context !== null) context.fillStyle = (x + y) % 2 === 0 ? "black" : turn % 2 === 0 ? "white" : "#ddd";
            context?.fillRect(x * Number(square), y * Number(square), Number(square), Number(square));
          }
        }
      }, 66);
      for (const track of canvas.captureStream().getTracks()) stream.addTrack(track);
    }
    if (audio) {
      const sound = new AudioContext().createMediaStreamDestination();
      for (const track of sound.stream.getTracks()) stream.addTrack(track);
    }
    return stream;
  };
}

async function blursInPreviewAndCall(ada: Person): Promise<void> {
  await ada.page.goto(server.url);
  await ada.button("New meeting").click();
  await seesDetail(ada, PREVIEW, "sharp");
  await blurSwitch(ada).check();
  await seesDetail(ada, PREVIEW, "blurred");
  await ada.enter();
  const bob = await Person.open(chromium, "Bob");
  await bob.join(ada.page.url());
  await bob.sees(["Ada", "Bob"]);
  await bob.seesMoving("Ada");
  expect(await ada.page.locator(".tile-interrupted").count()).toBe(0);
  await seesDetail(bob, tileOf("Ada"), "blurred");
  await openSettings(ada);
  expect(await blurSwitch(ada).isChecked()).toBe(true);
  await blurSwitch(ada).uncheck();
  await seesDetail(bob, tileOf("Ada"), "sharp");
  await blurSwitch(ada).check();
  await seesDetail(bob, tileOf("Ada"), "blurred");
  // Remembered: the next meeting begins with it.
  await ada.page.reload();
  await seesDetail(ada, PREVIEW, "blurred");
  expect([ada.errors, bob.errors]).toEqual([[], []]);
}

test("the background is blurred for oneself and for the others, and remembered", async () => {
  await blursInPreviewAndCall(await Person.open(chromium, "Ada"));
});

test.runIf(process.env["BROWSER_TEST_ADDRESS"] !== "127.0.0.1")("it is blurred in Firefox too", async () => {
  const firefox = await launchFirefox();
  try {
    const ada = await Person.open(firefox, "Ada");
    await ada.page.addInitScript(lookAtChessboard, [WIDTH, HEIGHT, SQUARE]);
    await blursInPreviewAndCall(ada);
  } finally {
    await firefox.close();
  }
});

test("a camera whose background cannot be blurred shows nothing, and says why", async () => {
  const ada = await Person.open(chromium, "Ada");
  const link = await ada.startMeeting(server.url);
  const bob = await Person.open(chromium, "Bob");
  await bob.join(link);
  await bob.sees(["Ada", "Bob"]);
  await seesDetail(bob, tileOf("Ada"), "sharp");
  await ada.page.context().route("**/*.tflite", (route) => route.abort());
  await openSettings(ada);
  await blurSwitch(ada).check();
  await ada.page.getByText("Your camera is off, so that nobody sees the room", { exact: false }).first().waitFor();
  await ada.button("Turn on camera").waitFor();
  await until("Bob sees no picture of Ada", async () => (await bob.page.locator(tileOf("Ada")).count()) === 0);
});
