// Encodes a looping moving picture with Chromium's own VP8 and VP9 encoders and writes it as IVF files.
//
//   make clips          (or: node capture.mjs [output folder], after npm ci in client-web)
//
// The picture is drawn, not filmed: periodic in LOOP_SECONDS, so that the clip loops without a jump. Every clip
// begins with its only key frame. Environment: CHROMIUM names another browser binary.

import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";

// The web client's tests have the one copy of it.
const { chromium } = createRequire(new URL("../../client-web/package.json", import.meta.url))("playwright-core");

const WIDTH = 320;
const HEIGHT = 180;
const FPS = 15;
const LOOP_SECONDS = 5;
const BITS_PER_SECOND = 250_000;
const CODECS = [
  { name: "vp8", codec: "vp8", fourcc: "VP80" },
  { name: "vp9", codec: "vp09.00.10.08", fourcc: "VP90" },
];

const folder = process.argv[2] ?? import.meta.dirname;

// WebCodecs needs a secure context, and localhost is one.
const server = createServer((_request, response) => response.end("<!doctype html><title>capture</title>"));
await new Promise((resolve) => server.listen(0, "localhost", resolve));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});
const page = await browser.newPage();
await page.goto(`http://localhost:${server.address().port}/`);

for (const { name, codec, fourcc } of CODECS) {
  const frames = await page.evaluate(encodeLoop, {
    codec,
    width: WIDTH,
    height: HEIGHT,
    fps: FPS,
    count: FPS * LOOP_SECONDS,
    bitrate: BITS_PER_SECOND,
  });
  const keys = frames.filter((frame) => frame.key).length;
  if (frames.length !== FPS * LOOP_SECONDS || keys !== 1 || !frames[0].key) {
    throw new Error(`${name}: ${frames.length} frames with ${keys} key frames`);
  }
  const file = ivf(fourcc, frames.map((frame) => Buffer.from(frame.data, "base64")));
  writeFileSync(join(folder, `${name}.ivf`), file);
  console.log(`${name}.ivf: ${frames.length} frames, ${file.length} bytes, Chromium ${browser.version()}`);
}
await browser.close();
server.close();

// Runs in the page.
async function encodeLoop({ codec, width, height, fps, count, bitrate }) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const frames = [];
  let failure;
  const encoder = new VideoEncoder({
    output: (chunk) => {
      const bytes = new Uint8Array(chunk.byteLength);
      chunk.copyTo(bytes);
      let text = "";
      for (const byte of bytes) text += String.fromCharCode(byte);
      frames.push({ key: chunk.type === "key", data: btoa(text) });
    },
    error: (error) => (failure = error),
  });
  encoder.configure({ codec, width, height, framerate: fps, bitrate, latencyMode: "realtime" });
  for (let index = 0; index < count; index += 1) {
    draw(index / count);
    const frame = new VideoFrame(canvas, {
      timestamp: Math.round((index * 1e6) / fps),
      duration: Math.round(1e6 / fps),
    });
    encoder.encode(frame, { keyFrame: index === 0 });
    frame.close();
    // One at a time: a real-time encoder drops what comes too fast.
    while (encoder.encodeQueueSize > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await encoder.flush();
  if (failure) throw failure;
  return frames;

  function draw(phase) {
    const turn = 2 * Math.PI * phase;
    const sky = context.createLinearGradient(0, 0, width * Math.cos(turn), height);
    sky.addColorStop(0, `hsl(${360 * phase} 60% 45%)`);
    sky.addColorStop(1, `hsl(${360 * phase + 90} 60% 25%)`);
    context.fillStyle = sky;
    context.fillRect(0, 0, width, height);
    context.fillStyle = "#f4e9c1";
    for (let ball = 0; ball < 3; ball += 1) {
      const angle = turn * (ball + 1) + ball;
      context.beginPath();
      context.arc(width / 2 + 110 * Math.cos(angle), height / 2 + 55 * Math.sin(angle * 2), 14 + 4 * ball, 0, 7);
      context.fill();
    }
    context.fillStyle = "white";
    context.font = "bold 40px sans-serif";
    context.textAlign = "center";
    context.fillText("Conclave", width / 2, height / 2 + 14);
    context.fillRect(0, height - 8, width * phase, 8);
  }
}

// https://wiki.multimedia.cx/index.php/Duck_IVF
function ivf(fourcc, frames) {
  const header = Buffer.alloc(32);
  header.write("DKIF", 0);
  header.writeUInt16LE(32, 6);
  header.write(fourcc, 8);
  header.writeUInt16LE(WIDTH, 12);
  header.writeUInt16LE(HEIGHT, 14);
  header.writeUInt32LE(FPS, 16);
  header.writeUInt32LE(1, 20);
  header.writeUInt32LE(frames.length, 24);
  return Buffer.concat([
    header,
    ...frames.flatMap((frame, index) => {
      const prefix = Buffer.alloc(12);
      prefix.writeUInt32LE(frame.length, 0);
      prefix.writeUInt32LE(index, 4);
      return [prefix, frame];
    }),
  ]);
}
