// Captions: what a device wrote down reaches the others, at a pace that tells the server nothing; and why where it cannot.
import type { Browser, WebSocket } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { launchChromium, Person } from "./person.ts";
import { Server, until } from "./server.ts";

const SMALL = { width: 800, height: 600 };

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

/** A browser that recognises speech on the device; the page says what it hears with `say`. */
const SPEECH_ON_THE_DEVICE = `(() => {
  class SpeechRecognition {
    get processLocally() { return this.local ?? false; }
    set processLocally(local) { this.local = local; }
    static available() { return Promise.resolve("available"); }
    start() {
      window.say = (transcript, isFinal) =>
        this.onresult({ resultIndex: 0, results: [Object.assign([{ transcript }], { isFinal })] });
    }
    abort() {}
  }
  window.SpeechRecognition = SpeechRecognition;
})()`;

const say = ({ page }: Person, words: string, final: boolean) =>
  page.evaluate(
    ([words, final]) => (window as unknown as { say(words: string, final: boolean): void }).say(words, final),
    [words, final] as const,
  );

async function fromMore(person: Person, name: string): Promise<void> {
  await person.button("More").click();
  await person.button(name).click();
}

test("what somebody says is written on the screens of those who want it, and the server cannot tell when it was said", async () => {
  const ada = await Person.open(browser, "Ada", SMALL);
  await ada.page.addInitScript(SPEECH_ON_THE_DEVICE);
  const sizes: number[] = [];
  ada.page.on("websocket", (socket: WebSocket) =>
    socket.on("framesent", ({ payload }) => {
      const text = String(payload);
      if (text.includes('"type":"app"')) sizes.push(text.length);
    }),
  );
  const link = await ada.startMeeting(server.url);
  const bob = await Person.open(browser, "Bob", SMALL);
  await bob.join(link);
  await ada.sees(["Ada", "Bob"]);
  await bob.sees(["Ada", "Bob"]);

  await fromMore(bob, "Show captions");
  await fromMore(ada, "Write down what I say");
  await ada.page.getByText("Your device writes down what you say").waitFor();
  const caption = bob.page.getByRole("region", { name: "Captions" });
  await say(ada, "Good mor", false);
  await caption.getByText("Good mor", { exact: true }).waitFor();
  await say(ada, "Good morning, <b>everybody</b>.", true);
  await caption.getByText("Good morning, <b>everybody</b>.", { exact: true }).waitFor();
  expect(await caption.locator("b").count()).toBe(0);
  expect(await ada.page.locator(".captions").count()).toBe(0);

  // With words and without, all are of one size; a status or a key change may come between once or twice.
  await until("some captions of one size went out, with words and without", async () => {
    const before = sizes.length;
    await say(ada, "A sentence that is a good deal longer than nothing at all.", true);
    await until("five messages went out", async () => sizes.length >= before + 5);
    return new Set(sizes.slice(before)).size === 1;
  });
  await fromMore(ada, "Stop writing down what I say");
  await ada.page.getByText("What you say is not written down any more").waitFor();
  for (const person of [ada, bob]) expect(person.errors).toEqual([]);
});

test("a browser that cannot write down speech by itself says so, and sends nothing", async () => {
  const ada = await Person.open(browser, "Ada", SMALL);
  await ada.page.addInitScript(() => {
    // As a browser whose recognition is a service of its maker.
    class SpeechRecognition {
      start(): never {
        throw new Error("the voice went away");
      }
    }
    Object.assign(window, { SpeechRecognition });
  });
  await ada.startMeeting(server.url);
  await ada.sees(["Ada"]);
  await fromMore(ada, "Write down what I say");
  await ada.page.getByText("This browser would send your voice to its maker").waitFor();
  await ada.button("More").click();
  await ada.button("Write down what I say").waitFor();
  expect(ada.errors).toEqual([]);
});
