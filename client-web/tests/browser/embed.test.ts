// A meeting in somebody else's page: the element and the bare frame, from another site, with every command and event.
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { launchChromium, launchFirefox, Person } from "./person.ts";
import { MEDIA_ADDRESS, Server, until } from "./server.ts";
import { Site } from "./site.ts";

let site: Site;
let stranger: Site;
let server: Server;
let chromium: Browser;
const pages: Record<string, string> = {};

beforeAll(async () => {
  site = await Site.start("/nonexistent", pages);
  stranger = await Site.start("/nonexistent", pages);
  server = await Server.start(["--embed-origins", site.origin]);
  chromium = await launchChromium();
  pages["/empty.html"] =
    `<!doctype html><html lang="en"><title>Empty</title><script type="module" src="${server.url}/embed.js"></script>`;
});

afterEach(() => Person.closeAll());

afterAll(async () => {
  await chromium?.close();
  await server?.stop();
  site?.stop();
  stranger?.stop();
});

/** Puts an element into the empty page and keeps its events. */
async function place(page: Page, attributes: Record<string, string>): Promise<void> {
  await page.goto(`${site.origin}/empty.html`);
  await page.evaluate(async (attributes) => {
    await customElements.whenDefined("conclave-meeting");
    const element = document.createElement("conclave-meeting");
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    const scope = window as unknown as { meeting: Element; told: Record<string, unknown[]> };
    scope.meeting = element;
    scope.told = {};
    for (const name of ["ready", "state", "participants", "muted", "shared", "pinned", "ended"]) {
      element.addEventListener(name, (event) => {
        scope.told[name] = [...(scope.told[name] ?? []), (event as CustomEvent).detail];
      });
    }
    document.body.append(element);
  }, attributes);
}

/** What the page was told last under this name. */
const last = (page: Page, name: string): Promise<unknown> =>
  page.evaluate((name) => (window as unknown as { told: Record<string, unknown[]> }).told[name]?.at(-1), name);

/** Calls a method of the element; its problem when it has one. */
const command = (page: Page, name: string, ...args: unknown[]): Promise<string> =>
  page.evaluate(
    async ([name, args]) => {
      const meeting = (window as unknown as { meeting: Record<string, (...args: unknown[]) => Promise<void>> }).meeting;
      return (meeting[name as string] as (...args: unknown[]) => Promise<void>)(...(args as unknown[])).then(
        () => "done",
        (error: { problem?: string }) => error.problem ?? String(error),
      );
    },
    [name, args] as const,
  );

/** Presses a button in a frame of another site, where not every driver finds the place to click. */
async function press(button: Locator): Promise<void> {
  await button.waitFor();
  await button.dispatchEvent("click");
}

interface Somebody {
  id: string;
  name: string;
  self: boolean;
  microphone: boolean;
  secure: boolean;
}
const people = async (page: Page) =>
  ((await last(page, "participants")) as { participants: Somebody[] } | undefined)?.participants ?? [];

async function theWholeLife(browser: Browser): Promise<void> {
  const ada = await Person.open(chromium, "Ada");
  const link = await ada.startMeeting(server.url);
  const bob = await Person.open(browser, "Bob", { width: 1000, height: 700 });
  const addresses: string[] = [];
  bob.page.on("request", (request) => addresses.push(request.url()));
  await place(bob.page, { link, name: "Bob", muted: "" });

  const frame = bob.page.frameLocator("conclave-meeting iframe");
  expect(await frame.getByRole("textbox", { name: "Your name" }).inputValue()).toBe("Bob");
  await until("the page is told of the preparation", async () => (await last(bob.page, "state")) !== undefined);
  expect(await last(bob.page, "state")).toEqual({ state: "prejoin" });
  expect(await command(bob.page, "mute", true)).toBe("not-in-call");
  expect(await command(bob.page, "join", { link: "https://elsewhere.example/r/x#y" })).toBe("bad-link");

  expect(await command(bob.page, "join")).toBe("done");
  await ada.sees(["Ada", "Bob"]);
  await ada.seesMoving("Bob");
  await until("the page is told of both", async () => {
    const told = await people(bob.page);
    return told.length === 2 && told.every(({ secure }) => secure);
  });
  expect((await people(bob.page)).map(({ name, self, microphone }) => ({ name, self, microphone }))).toEqual([
    { name: "Ada", self: false, microphone: true },
    { name: "Bob", self: true, microphone: false },
  ]);
  expect(await last(bob.page, "state")).toEqual({ state: "in-call" });

  expect(await command(bob.page, "mute", false)).toBe("done");
  await until("Ada's page hears of it", async () => (await ada.tile("Bob").getByLabel("Microphone off").count()) === 0);
  await press(frame.getByRole("button", { name: "Mute microphone" }));
  await until("the page is told of the person's own click", async () =>
    (await people(bob.page)).some(({ self, microphone }) => self && !microphone),
  );

  const [other] = await people(bob.page);
  expect(await command(bob.page, "pin", other?.id)).toBe("done");
  await until("the page is told of the pin", async () =>
    JSON.stringify(await last(bob.page, "pinned")).includes(other?.id ?? "?"),
  );
  expect(await command(bob.page, "pin", "nobody")).toBe("no-such-participant");
  expect(await command(bob.page, "pin", null)).toBe("done");

  expect(await command(bob.page, "leave")).toBe("done");
  await until("the page is told of the end", async () => (await last(bob.page, "ended")) !== undefined);
  expect(await last(bob.page, "ended")).toEqual({ reason: "left" });
  await ada.sees(["Ada"]);

  const secret = new URL(link).hash.slice(1).split(".")[0] ?? "";
  expect(secret.length).toBeGreaterThan(40);
  expect(addresses.filter((address) => address.split("#")[0]?.includes(secret))).toEqual([]);
  expect(addresses.filter((address) => address.includes("/embed")).every((address) => !address.includes(secret))).toBe(
    true,
  );
  expect([...bob.hosts].sort()).toEqual([new URL(server.url).host, new URL(site.origin).host].sort());
}

test("the element in an empty page: join, mute, pin, leave and their events, in Chromium", () =>
  theWholeLife(chromium));

test("the page's click shares the screen, and the person's own ends it", async () => {
  const ada = await Person.open(chromium, "Ada");
  const link = await ada.startMeeting(server.url);
  const bob = await Person.open(chromium, "Bob", { width: 1000, height: 700 });
  await place(bob.page, { link, name: "Bob", autojoin: "" });
  await ada.sees(["Ada", "Bob"]);
  await bob.page.evaluate(() => {
    const scope = window as unknown as { meeting: { share(): Promise<void> }; outcome: string };
    const button = document.createElement("button");
    button.textContent = "Show my screen";
    button.onclick = () => {
      scope.meeting.share().then(
        () => (scope.outcome = "done"),
        (error) => (scope.outcome = String(error)),
      );
    };
    document.body.prepend(button);
  });
  await bob.button("Show my screen").click();
  await until("the share is answered", () => bob.page.evaluate(() => "outcome" in window));
  expect(await bob.page.evaluate(() => (window as unknown as { outcome: string }).outcome)).toBe("done");
  await ada.sees(["Ada", "Bob", "Bob’s screen"]);
  expect(await last(bob.page, "shared")).toEqual({ on: true });
  await press(bob.page.frameLocator("conclave-meeting iframe").getByRole("button", { name: "Stop sharing" }).first());
  await until("the page is told", async () => JSON.stringify(await last(bob.page, "shared")) === '{"on":false}');
  await ada.sees(["Ada", "Bob"]);
});

test.skipIf(MEDIA_ADDRESS === "127.0.0.1")("the same in Firefox", async () => {
  const firefox = await launchFirefox();
  try {
    await theWholeLife(firefox);
  } finally {
    await firefox.close();
  }
});

/** A page with a bare frame that lets `origins` steer it, and keeps what it is told. */
function barePage(origins: readonly string[], fragment: string): string {
  const words = [...origins.map((origin) => `origin=${encodeURIComponent(origin)}`), fragment].join("&");
  return `<!doctype html><html lang="en"><title>Bare</title><script>
    window.told = [];
    addEventListener("message", (event) => told.push({ origin: event.origin, data: event.data }));
  </script><iframe allow="camera; microphone" style="width:900px;height:600px" src="${server.url}/embed#${words}"></iframe>`;
}

const told = (page: Page) =>
  page.evaluate(() => (window as unknown as { told: { origin: string; data: Record<string, unknown> }[] }).told);

test("a bare frame: answers only the pages whose origins it was given", async () => {
  const ada = await Person.open(chromium, "Ada");
  const link = await ada.startMeeting(server.url);
  pages["/bare.html"] = barePage([site.origin], `link=${encodeURIComponent(link)}&name=Bob&cameraOff=1`);
  pages["/deaf.html"] = barePage(["https://other.example", "*"], `link=${encodeURIComponent(link)}&name=Eve`);
  const join = { conclave: 1, id: 7, command: { type: "join", link, name: "Bob" } };

  const bob = await Person.open(chromium, "Bob", { width: 1000, height: 700 });
  await bob.page.goto(`${site.origin}/bare.html`);
  const send = (page: Page, message: unknown) =>
    page.evaluate(
      ([message, target]) => document.querySelector("iframe")?.contentWindow?.postMessage(message, target as string),
      [message, server.url] as const,
    );
  await until("the frame is ready", async () => (await told(bob.page)).some(({ data }) => data["event"] === "ready"));
  expect((await told(bob.page)).every(({ origin }) => origin === server.url)).toBe(true);
  await send(bob.page, { conclave: 1, id: 5, command: { type: "mute", source: "screen", muted: 1 } });
  await send(bob.page, { conclave: 2, id: 6, command: { type: "leave" } });
  await send(bob.page, join);
  await until("the join is answered", async () => (await told(bob.page)).some(({ data }) => data["answer"] === 7));
  const answers = (await told(bob.page)).filter(({ data }) => "answer" in data).map(({ data }) => data);
  expect(answers).toEqual([
    { conclave: 1, answer: 5, problem: "bad-command" },
    { conclave: 1, answer: 7, problem: null },
  ]);
  await ada.sees(["Ada", "Bob"]);

  const eve = await Person.open(chromium, "Eve", { width: 1000, height: 700 });
  await eve.page.goto(`${site.origin}/deaf.html`);
  const frame = eve.page.frameLocator("iframe");
  await frame.getByRole("button", { name: "Join", exact: true }).waitFor();
  await send(eve.page, join);
  await press(frame.getByRole("button", { name: "Join", exact: true }));
  await ada.sees(["Ada", "Bob", "Eve"]);
  expect(await told(eve.page)).toEqual([]);
});

test("a site that the server was not told of shows no meeting and gets no script", async () => {
  pages["/bare.html"] = barePage([stranger.origin], "name=Eve");
  const eve = await Person.open(chromium, "Eve");
  const refused = eve.page.waitForEvent("console", (message) => message.text().includes("frame-ancestors"));
  await eve.page.goto(`${stranger.origin}/bare.html`);
  expect((await refused).type()).toBe("error");
  expect(await eve.page.frameLocator("iframe").getByRole("button").count()).toBe(0);
  expect(await told(eve.page)).toEqual([]);
  await eve.page.goto(`${stranger.origin}/empty.html`);
  await until("the script is refused", async () => eve.errors.some((error) => error.includes("CORS")));
  expect(await eve.page.evaluate(() => customElements.get("conclave-meeting") === undefined)).toBe(true);
});

test("a link in the frame's query is not taken: the server would have read its secret", async () => {
  const bob = await Person.open(chromium, "Bob");
  const link = `${server.url}/r/AAAAAAAAAAAAAAAAAAAAAA#${"A".repeat(43)}`;
  await bob.page.goto(`${server.url}/embed?link=${encodeURIComponent(link)}`);
  await bob.button("New meeting").waitFor();
});
