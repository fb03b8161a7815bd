// Files and what else the chat carries, between two browsers and through the real server.
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { prepare } from "./fixture.ts";
import type { Person } from "./person.ts";
import { until } from "./server.ts";

/** No whole number of chunks. */
const FILE_BYTES = 3 * 1_048_576 + 7;
const fixture = prepare({ size: { width: 900, height: 700 } });
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "conclave-files-"));
});

afterAll(() => rm(folder, { recursive: true }));

async function two(): Promise<[Person, Person]> {
  const [ada, bob] = await fixture.meeting("Ada", "Bob");
  for (const person of [ada, bob]) await person.button("Chat").click();
  return [ada, bob];
}

async function write({ page }: Person, words: string): Promise<void> {
  await page.getByRole("textbox", { name: "Message" }).fill(words);
  await page.keyboard.press("Enter");
}

/** Picks files as with the button beside the text. */
async function attach({ page }: Person, ...files: readonly { name: string; mimeType: string; buffer: Buffer }[]) {
  await page.locator("input[type=file]").setInputFiles([...files]);
}

/** A picture, as the browser itself encodes one. */
async function picture({ page }: Person): Promise<Buffer> {
  const address = await page.evaluate(() => {
    const canvas = document.createElement("canvas");
    canvas.width = 40;
    canvas.height = 30;
    const paint = canvas.getContext("2d");
    if (paint !== null) {
      paint.fillStyle = "red";
      paint.fillRect(0, 0, 40, 30);
    }
    return canvas.toDataURL("image/png");
  });
  return Buffer.from(address.slice(address.indexOf(",") + 1), "base64");
}

async function heldByServer(): Promise<number> {
  const page = await (await fetch(`${fixture.server.url}/metrics`)).text();
  return Number(/^conclave_files (\d+)$/m.exec(page)?.[1]);
}

test("a file goes from one browser to the other as it was, under a name that is only a name, and the server forgets it", async () => {
  const [ada, bob] = await two();
  const content = Buffer.from(Uint8Array.from({ length: FILE_BYTES }, (_, at) => (at * 31) % 256));
  await attach(ada, { name: "Bericht \u202Efdp.exe", mimeType: "text/html", buffer: content });
  const save = bob.page.getByRole("button", { name: "Download Bericht fdp.exe" });
  await save.waitFor();
  expect(await heldByServer()).toBe(1);
  const coming = bob.page.waitForEvent("download");
  await save.click();
  const download = await coming;
  expect(download.suggestedFilename()).toBe("Bericht fdp.exe");
  const target = path.join(folder, "received");
  await download.saveAs(target);
  const hash = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
  expect(hash(await readFile(target))).toBe(hash(content));
  await until("the server forgets what everybody has", async () => (await heldByServer()) === 0);
  expect(bob.errors).toEqual([]);
});

test("pictures are shown as pixels, and what only claims to be one is not", async () => {
  const [ada, bob] = await two();
  const script = "<svg xmlns='http://www.w3.org/2000/svg'><script>document.title='taken'</script></svg>";
  await attach(
    ada,
    { name: "dots.png", mimeType: "image/png", buffer: await picture(ada) },
    { name: "trap.png", mimeType: "image/png", buffer: Buffer.from(script) },
    { name: "trap.svg", mimeType: "image/svg+xml", buffer: Buffer.from(script) },
  );
  const shown = bob.page.getByRole("img", { name: "Picture dots.png" });
  await shown.waitFor();
  expect(await shown.getAttribute("src")).toMatch(/^blob:/);
  expect(
    await shown.evaluate((image: HTMLImageElement) =>
      image.decode().then(() => [image.naturalWidth, image.naturalHeight]),
    ),
  ).toEqual([40, 30]);
  for (const name of ["trap.png", "trap.svg"]) {
    await bob.page.getByRole("button", { name: `Download ${name}` }).waitFor();
    expect(await bob.page.getByRole("img", { name: `Picture ${name}` }).count()).toBe(0);
  }
  expect(await bob.page.title()).not.toBe("taken");
});

test("a file that is too large, a text that does not fit and an upload that is cancelled are not sent", async () => {
  const [ada, bob] = await two();
  const large = path.join(folder, "large.bin");
  await writeFile(large, Buffer.alloc(1));
  // As large as nobody sends; only its size is looked at.
  await truncate(large, 201 * 1_048_576);
  await ada.page.locator("input[type=file]").setInputFiles(large);
  await ada.page.getByRole("alert").filter({ hasText: "up to 200 MB" }).waitFor();
  await ada.button("Cancel large.bin").click();

  await ada.page.getByRole("textbox", { name: "Message" }).focus();
  await ada.page.evaluate(() => {
    const data = new DataTransfer();
    data.setData("text/plain", "<b>ten megabytes</b>\u202E".padEnd(10 * 1_048_576, "x"));
    const paste = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
    document.activeElement?.dispatchEvent(paste);
  });
  await ada.page
    .getByRole("alert")
    .filter({ hasText: "10,485,760 characters, and a message has room for 4,000" })
    .waitFor();
  expect(await ada.page.getByRole("textbox", { name: "Message" }).inputValue()).toBe("");
  expect(await bob.page.getByRole("article").count()).toBe(0);
  await ada.button("Send it as a file").click();
  await bob.page.getByRole("button", { name: "Download text.txt" }).waitFor();
});

test("whatever is written stays text, in its own direction", async () => {
  const [ada, bob] = await two();
  const lines = [
    "<script>document.title='taken'</script>",
    "שלום <b>עולם</b>",
    "pay\u202Egro.live\u2066\u0007 now",
    "مرحبا https://example.org/ب",
  ];
  for (const line of lines) await write(ada, line);
  const shown = bob.page.getByRole("log").locator(".bubble > p");
  await until("Bob has all of it", async () => (await shown.count()) === lines.length);
  expect(await shown.allTextContents()).toEqual([
    lines[0],
    lines[1],
    "paygro.live now",
    "مرحبا https://example.org/%D8%A8",
  ]);
  expect(await bob.page.title()).not.toBe("taken");
  expect(await shown.evaluateAll((all) => all.map((each) => getComputedStyle(each).direction))).toEqual([
    "ltr",
    "rtl",
    "ltr",
    "rtl",
  ]);
});

test("a host's lifetime takes messages from every screen, and what is read is said", async () => {
  const [ada, bob] = await two();
  await write(ada, "before the rule");
  await ada.page.getByText("Read by everybody").waitFor();
  await bob.page.getByText("before the rule").waitFor();
  for (const person of [ada, bob]) await person.page.clock.install();
  await ada.button("When messages disappear").click();
  await ada.page
    .getByRole("group", { name: "Messages of everybody" })
    .getByRole("combobox", { name: "Disappear after" })
    .selectOption("60");
  await bob.page.getByText("Messages disappear after 1 minute.", { exact: true }).first().waitFor();
  await bob.button("When messages disappear").click();
  expect(await bob.page.getByRole("group", { name: "Messages of everybody" }).count()).toBe(0);
  await bob.page.keyboard.press("Escape");
  await write(bob, "under the rule");
  await ada.page.getByText("under the rule").waitFor();
  // Nobody can tell them that it is time: they are offline.
  fixture.server.cut();
  for (const { page } of [ada, bob]) {
    await page.getByText("Your connection was lost").waitFor();
    await page.clock.fastForward("01:10");
    await page.getByText("No messages yet").waitFor();
  }
  fixture.server.restore();
  for (const { page } of [ada, bob]) {
    await page.getByText("Your connection was lost").waitFor({ state: "hidden", timeout: 60_000 });
    expect(await page.getByRole("article").count()).toBe(0);
  }
});

test("people ask, vote and end a poll", async () => {
  const [ada, bob] = await two();
  await ada.button("Ask a question").click();
  await ada.page.getByRole("textbox", { name: "Question" }).fill("When?");
  await ada.page.getByRole("textbox", { name: "Answer 1" }).fill("Monday");
  await ada.button("Ask").click();
  await ada.page.getByRole("alert").filter({ hasText: "two different answers" }).waitFor();
  await ada.page.getByRole("textbox", { name: "Answer 2" }).fill("Tuesday");
  await ada.button("Ask").click();
  const poll = ({ page }: Person) => page.getByRole("group", { name: "When?" });
  await poll(bob).getByRole("radio", { name: "Tuesday" }).check();
  await poll(ada).getByText("1 vote").waitFor();
  await poll(ada).getByRole("radio", { name: "Monday" }).check();
  await poll(bob).getByText("2 votes").waitFor();
  expect(await bob.page.getByRole("button", { name: "End the poll" }).count()).toBe(0);
  await ada.button("End the poll").click();
  await poll(bob).getByText("Ended with 2 votes").waitFor();
  expect(await poll(bob).getByRole("radio", { name: "Monday" }).isDisabled()).toBe(true);
});
