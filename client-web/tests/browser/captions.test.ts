// Captions: what a device wrote down reaches the others, at a pace that tells the server nothing; and why where it cannot.
import { expect, test } from "vitest";

import { ENGINES, prepare } from "./fixture.ts";
import type { Person } from "./person.ts";
import { until } from "./server.ts";

const fixture = prepare({ size: { width: 800, height: 600 } });

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

/** Keeps the length of every message to the group. */
const KEEP_SIZES = `(() => {
  window.sizes = [];
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (text) {
    if (String(text).includes('"type":"app"')) window.sizes.push(text.length);
    return send.call(this, text);
  };
})()`;

const sizes = ({ page }: Person) => page.evaluate(() => (window as unknown as { sizes: number[] }).sizes);

const say = ({ page }: Person, words: string, final: boolean) =>
  page.evaluate(
    ([words, final]) => (window as unknown as { say(words: string, final: boolean): void }).say(words, final),
    [words, final] as const,
  );

async function fromMore(person: Person, name: string): Promise<void> {
  await person.button("More").click();
  await person.button(name).click();
}

test.each(ENGINES)(
  "what somebody says in %s is written on the screens of those who want it, and the server cannot tell when",
  async (engine) => {
    const ada = await fixture.open("Ada", engine);
    await ada.page.addInitScript(SPEECH_ON_THE_DEVICE);
    await ada.page.addInitScript(KEEP_SIZES);
    const bob = await fixture.open("Bob");
    await fixture.meet([ada, bob]);

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
      const before = (await sizes(ada)).length;
      await say(ada, "A sentence that is a good deal longer than nothing at all.", true);
      await until("five messages went out", async () => (await sizes(ada)).length >= before + 5);
      return new Set((await sizes(ada)).slice(before)).size === 1;
    });
    await fromMore(ada, "Stop writing down what I say");
    await ada.page.getByText("What you say is not written down any more").waitFor();
    for (const person of [ada, bob]) expect(person.errors).toEqual([]);
  },
);

test("a browser that cannot write down speech by itself says so, and sends nothing", async () => {
  const ada = await fixture.open("Ada");
  await ada.page.addInitScript(() => {
    // As a browser whose recognition is a service of its maker.
    class SpeechRecognition {
      start(): never {
        throw new Error("the voice went away");
      }
    }
    Object.assign(window, { SpeechRecognition });
  });
  await ada.startMeeting(fixture.server.url);
  await ada.sees(["Ada"]);
  await fromMore(ada, "Write down what I say");
  await ada.page.getByText("This browser would send your voice to its maker").waitFor();
  await ada.button("More").click();
  await ada.button("Write down what I say").waitFor();
  expect(ada.errors).toEqual([]);
});

test.runIf(ENGINES.includes("firefox"))("Firefox, which has no recognition, says so", async () => {
  const [ada] = await fixture.meetingOf("firefox");
  await fromMore(ada, "Write down what I say");
  await ada.page.getByText("This browser cannot write down speech.").waitFor();
  expect(ada.errors).toEqual([]);
});
