// What the server and the network get to see: no name, no room secret, no picture, no sound and no message.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { launchChromium, Person } from "./person.ts";
import { binary, Server, until } from "./server.ts";

const CLIPS = path.resolve(import.meta.dirname, "../../../loadtest/clips");

/** What is written in the chat. */
const CHAT = "Xanthippe-Marmalade-Marker";
/** A shared file's name and what is in it. */
const FILE_NAME = "Wolfram-Pamphlet-Marker.txt";
const FILE = "Ottilie-Porcelain-Marker";

let browser: Browser;
let server: Server;

beforeAll(async () => {
  browser = await launchChromium();
  server = await Server.start();
});

afterAll(async () => {
  await browser.close();
  await server.stop();
});

test("neither the network nor the server's memory holds a plaintext marker of the call", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "conclave-"));
  const capture = path.join(folder, "all.pcap");
  const tcpdump = spawn("tcpdump", ["-i", "any", "-U", "-s", "0", "-w", capture], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  await once(tcpdump.stderr, "data");

  const name = "Zebulon-Quixotic-Marker";
  const person = await Person.open(browser, name, { width: 640, height: 480 });
  const link = await person.startMeeting(server.url);
  const bots = spawn(
    binary("conclave-loadtest"),
    ["run", "steady", "--url", server.url, "--room", link, "--participants", "2", "--duration", "12s", "--json", "-"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let report = "";
  bots.stdout.setEncoding("utf8").on("data", (text: string) => {
    report += text;
  });
  const finished = once(bots, "exit");
  await until("the bots are on the screen", async () => Object.keys(await person.tiles()).length === 3);
  await until("every one of them is secure", async () =>
    Object.values(await person.tiles()).every((crypto) => crypto === "secure"),
  );
  await person.button("Chat").click();
  await person.page.getByRole("textbox", { name: "Message" }).fill(CHAT);
  await person.page.keyboard.press("Enter");
  // Its own copy is on the screen, and does not wait to be sent.
  await person.page.getByRole("article", { name: "You" }).waitFor();
  expect(await person.page.locator(".message-waiting").count()).toBe(0);
  const file = { name: FILE_NAME, mimeType: "text/plain", buffer: Buffer.from(FILE.repeat(20_000)) };
  await person.page.locator("input[type=file]").setInputFiles(file);
  await person.page.getByRole("button", { name: `Download ${FILE_NAME}` }).waitFor();
  const memory = await readMemory(server.pid);
  const held = await filesOnDisk(server.pid);
  expect((await finished)[0]).toBe(0);
  expect(JSON.parse(report).decrypt_failures).toEqual({});
  tcpdump.kill("SIGINT");
  await once(tcpdump, "exit");
  const packets = await readFile(capture);
  await person.close();

  const secret = new URL(link).hash.slice(1);
  const markers: Record<string, Buffer> = {
    name: Buffer.from(name),
    chat: Buffer.from(CHAT),
    ...Object.fromEntries([0, 1, 2].map((shift) => [`chat (base64, ${shift})`, base64Within(CHAT, shift)])),
    "file name": Buffer.from(FILE_NAME),
    file: Buffer.from(FILE),
    "room secret (text)": Buffer.from(secret),
    "room secret (bytes)": Buffer.from(secret, "base64url"),
    // The stamp in every packet of the bots' sound (loadtest/src/source/stamp.rs): its name and the first bytes of the time.
    sound: Buffer.from([0xf2, ...Buffer.from("CNCL"), 0, 6]),
    ...(await videoMarkers()),
  };
  // The search finds what is there: the room id travels in the clear and is in the server's memory.
  const room = Buffer.from(new URL(link).pathname.split("/").at(-1) ?? "");
  expect(packets.includes(room)).toBe(true);
  expect(memory.some((region) => region.includes(Buffer.from(room.toString(), "base64url")))).toBe(true);
  // The capture holds the media: far more bytes than signaling alone.
  expect(packets.length).toBeGreaterThan(500_000);
  // The shared file is there, as long as it was, in chunks with their tags.
  expect(held.map((bytes) => bytes.length)).toEqual([FILE.length * 20_000 + 2 * 16]);
  for (const [what, marker] of Object.entries(markers)) {
    expect(
      held.some((bytes) => bytes.includes(marker)),
      `${what} on the server's disk`,
    ).toBe(false);
    expect(packets.includes(marker), `${what} in the capture`).toBe(false);
    expect(
      memory.some((region) => region.includes(marker)),
      `${what} in the server's memory`,
    ).toBe(false);
  }
  await rm(folder, { recursive: true });
});

/** What a text looks like within base64 that began so many bytes before it. */
function base64Within(text: string, shift: number): Buffer {
  return Buffer.from(
    Buffer.from("x".repeat(shift) + text)
      .toString("base64url")
      .slice(4, -4),
  );
}

/** Bytes from the middle of the clips' frames: what a server that decrypts would hold. */
async function videoMarkers(): Promise<Record<string, Buffer>> {
  const markers: Record<string, Buffer> = {};
  for (const codec of ["vp8", "vp9"]) {
    const clip = await readFile(path.join(CLIPS, `${codec}.ivf`));
    // IVF: a header of 32 bytes, then for each frame 4 bytes of length, 8 of time stamp, the frame.
    let at = 32;
    for (let frame = 0; at < clip.length; frame++) {
      const length = clip.readUInt32LE(at);
      if (frame % 10 === 0 && length > 200) {
        const middle = at + 12 + Math.floor(length / 2);
        markers[`${codec} frame ${frame}`] = clip.subarray(middle, middle + 32);
      }
      at += 12 + length;
    }
  }
  expect(Object.keys(markers).length).toBeGreaterThan(4);
  return markers;
}

/** What the server holds of shared files: they have no name, only a descriptor. */
async function filesOnDisk(pid: number): Promise<Buffer[]> {
  const folder = `/proc/${pid}/fd`;
  const files: Buffer[] = [];
  for (const descriptor of await readdir(folder)) {
    const target = await readlink(path.join(folder, descriptor)).catch(() => "");
    if (/\.conclave-\S+ \(deleted\)$/.test(target)) files.push(await readFile(path.join(folder, descriptor)));
  }
  return files;
}

/** Every writable region of a process. */
async function readMemory(pid: number): Promise<Buffer[]> {
  const regions: Buffer[] = [];
  const memory = await open(`/proc/${pid}/mem`);
  for (const line of (await readFile(`/proc/${pid}/maps`, "utf8")).split("\n")) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line);
    if (!match) continue;
    const [begin, end] = [Number.parseInt(match[1] ?? "", 16), Number.parseInt(match[2] ?? "", 16)];
    const buffer = Buffer.alloc(end - begin);
    // A region may vanish between the two reads.
    const read = await memory.read(buffer, 0, buffer.length, begin).catch(() => undefined);
    if (read) regions.push(buffer.subarray(0, read.bytesRead));
  }
  await memory.close();
  return regions;
}
