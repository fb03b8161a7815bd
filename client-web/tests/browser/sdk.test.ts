// The SDK as others get it: packed, installed into an empty folder without a network, typed, and in a call from another site.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { launchChromium, Person } from "./person.ts";
import { Server, until } from "./server.ts";
import { Site } from "./site.ts";

const CLIENT = path.resolve(import.meta.dirname, "../..");

let folder: string;
let site: Site;
let server: Server;
let browser: Browser;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "conclave-sdk-"));
  const npm = (...args: string[]) => execFileSync("npm", args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  npm("pack", "--silent", path.join(CLIENT, "sdk"));
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "";
  npm("install", "--offline", "--no-audit", "--no-fund", "--silent", `./${tarball}`);
  copyFileSync(path.join(CLIENT, "sdk/example.html"), path.join(folder, "index.html"));
  site = await Site.start(folder);
  server = await Server.start(["--embed-origins", site.origin]);
  browser = await launchChromium();
});

afterEach(() => Person.closeAll());

afterAll(async () => {
  await browser?.close();
  await server?.stop();
  site?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

test("the types of the package are whole", () => {
  writeFileSync(
    path.join(folder, "use.ts"),
    `import { Call, type CallEvents, createMeeting, type Participant, parseLink } from "@conclave/client";
     import { ConclaveMeeting, type EmbedEvents } from "@conclave/client/element";
     const server = new URL("https://meet.example");
     export async function use(element: ConclaveMeeting): Promise<EmbedEvents["muted"] | undefined> {
       const { link } = await createMeeting(server);
       const call = new Call({ server, ...parseLink(link.href, server)!, passcode: undefined, name: "Ada" });
       const off = call.on("participants", (people: ReadonlyMap<string, Participant>) => people.size);
       const events: (keyof CallEvents)[] = ["state", "chat"];
       // @ts-expect-error: no such event.
       call.on("nonsense", () => undefined);
       await element.join({ name: events[0]! });
       return off() ?? undefined;
     }`,
  );
  const options = [
    "--noEmit",
    "--strict",
    "--target",
    "es2022",
    "--module",
    "nodenext",
    "--lib",
    "es2023,dom",
    "use.ts",
  ];
  execFileSync(path.join(CLIENT, "node_modules/.bin/tsc"), [...options, "--types", ""], {
    cwd: folder,
    stdio: "inherit",
  });
});

/** What the example shows of the people, a line each. */
const lines = (page: Page) => page.locator("li").allTextContents();

test("the example joins from another site, sees and is seen, mutes and leaves", async () => {
  const ada = await Person.open(browser, "Ada");
  const link = await ada.startMeeting(server.url);
  const bob = await Person.open(browser, "Bob");
  await bob.page.goto(`${site.origin}/index.html`);
  await bob.page.getByLabel("Meeting link").fill(link);
  await bob.page.getByLabel("Your name").fill("Bob");
  await bob.button("Join").click();
  await bob.page.getByText("in-call", { exact: true }).waitFor();
  await ada.sees(["Ada", "Bob"]);
  await ada.seesMoving("Bob");
  await until("the example sees both, encrypted", async () => {
    const shown = await lines(bob.page);
    return shown.length === 2 && shown.every((line) => line.endsWith("microphone on · secure"));
  });
  await bob.decodes(1);
  await bob.hears(1);

  await bob.button("Mute").click();
  await until("the mute shows", async () => (await lines(bob.page)).includes("Bob · muted · secure"));
  await ada.tile("Bob").getByRole("img", { name: "Microphone off" }).waitFor();
  await ada.button("Mute microphone").click();
  await until("the event comes", async () => (await lines(bob.page)).includes("Ada · muted · secure"));

  await bob.button("Leave").click();
  await bob.page.getByText("ended", { exact: true }).waitFor();
  await ada.sees(["Ada"]);
  expect([...bob.hosts].sort()).toEqual([new URL(server.url).host, new URL(site.origin).host].sort());
  expect(bob.errors).toEqual([]);
});

test("a site that the server was not told of gets in by no door", async () => {
  const stranger = await Site.start(folder);
  const eve = await Person.open(browser, "Eve");
  await eve.page.goto(`${stranger.origin}/index.html`);
  // As text: the test's own bundler would take the import for one of its own.
  const outcome = await eve.page.evaluate(`(async () => {
    const { createMeeting } = await import("/node_modules/@conclave/client/dist/index.js");
    const made = await createMeeting(new URL("${server.url}")).then(() => "made", (error) => error.reason);
    const socket = new WebSocket("${server.url.replace("http", "ws")}/ws", "conclave.v1");
    const opened = await new Promise((resolve) => {
      socket.onopen = () => resolve("opened");
      socket.onerror = () => resolve("refused");
    });
    return { made, opened };
  })()`);
  expect(outcome).toEqual({ made: "unreachable", opened: "refused" });
  stranger.stop();
});
