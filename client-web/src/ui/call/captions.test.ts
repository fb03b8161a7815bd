import { signal } from "@preact/signals";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Emitter } from "../../base/emitter.ts";
import type { CallEvents, Caption, Participant } from "../../index.ts";
import type { RecognitionClass } from "../captions/speech.ts";
import { text } from "../text.ts";
import { CaptionsModel } from "./captions.ts";

/** A browser that recognises speech on the device, or not. */
function browser(available: "available" | "downloadable" | "unavailable" | undefined) {
  const made: FakeRecognition[] = [];
  class FakeRecognition {
    continuous = false;
    interimResults = false;
    lang = "";
    onresult: ((event: never) => void) | null = null;
    onerror: ((event: { error: string }) => void) | null = null;
    onend: (() => void) | null = null;
    steps: string[] = [];
    constructor() {
      made.push(this);
    }
    start(track: MediaStreamTrack) {
      const { processLocally } = this as unknown as { processLocally: boolean };
      this.steps.push(`start ${track.id} ${processLocally}`);
    }
    abort() {
      this.steps.push("abort");
    }
    say(transcript: string, isFinal: boolean) {
      const result = Object.assign([{ transcript }], { isFinal });
      (this.onresult as ((event: object) => void) | null)?.({ resultIndex: 0, results: [result] });
    }
  }
  if (available !== undefined) {
    Object.assign(FakeRecognition.prototype, { processLocally: false });
    Object.assign(FakeRecognition, {
      available: () => Promise.resolve(available),
      install: () => Promise.resolve(true),
    });
  }
  return { api: FakeRecognition as unknown as RecognitionClass, made };
}

function self(track: string | undefined): Participant {
  const audio = track && { getAudioTracks: () => [{ id: track, readyState: "live" }] };
  return { clientId: "me", isSelf: true, audio } as unknown as Participant;
}

function world(api: RecognitionClass | undefined) {
  const events = new Emitter<CallEvents>();
  const steps: string[] = [];
  const call = {
    on: events.on.bind(events),
    startCaptions: () => void steps.push("start"),
    addCaption: ({ text: words, final }: Caption) => void steps.push(`${words}${final ? "." : "…"}`),
    stopCaptions: () => void steps.push("stop"),
  };
  const people = signal<readonly Participant[]>([self("mic")]);
  const announce = vi.fn();
  const model = new CaptionsModel(call as never, people, announce, () => api);
  return { model, events, steps, people, announce };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("navigator", { language: "en-GB" });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("captions of the own speech", () => {
  it("are written down on the device, follow the microphone, and stop when it is muted", async () => {
    const { api, made } = browser("available");
    const { model, steps, people } = world(api);
    await model.toggleOwn();
    expect(model.own.value).toBe("on");
    made[0]?.say("Good mor", false);
    made[0]?.say("Good morning", true);
    made[0]?.onend?.();
    people.value = [self(undefined)];
    people.value = [self("other")];
    await model.toggleOwn();
    expect(made.map((each) => each.steps)).toEqual([
      ["start mic true", "start mic true", "abort"],
      ["start other true", "abort"],
    ]);
    expect(steps).toEqual(["start", "Good mor…", "Good morning.", "stop"]);
  });

  it("are never asked of a browser that would send the sound away, and it is said why", async () => {
    for (const [api, problem] of [
      [undefined, text.captions.problems.no_recognition],
      [browser(undefined).api, text.captions.problems.only_elsewhere],
      [browser("unavailable").api, text.captions.problems.no_language],
    ] as const) {
      const { model, steps, announce } = world(api);
      await model.toggleOwn();
      expect(model.own.value).toBe("off");
      expect(steps).toEqual([]);
      expect(announce).toHaveBeenLastCalledWith(problem, "problem");
    }
  });

  it("begin after the browser loaded the language, unless they were turned off meanwhile", async () => {
    const { model, steps } = world(browser("downloadable").api);
    const starting = model.toggleOwn();
    model.stopOwn();
    await starting;
    expect(steps).toEqual([]);
    await model.toggleOwn();
    expect(steps).toEqual(["start"]);
  });

  it("end where the browser refuses", async () => {
    const { api, made } = browser("available");
    const { model, steps, announce } = world(api);
    await model.toggleOwn();
    made[0]?.onerror?.({ error: "not-allowed" });
    expect(model.own.value).toBe("off");
    expect(steps).toEqual(["start", "stop"]);
    expect(announce).toHaveBeenLastCalledWith(text.captions.failed, "problem");
  });
});

describe("captions of the others", () => {
  it("change while a phrase goes on, and go after a while", () => {
    const { model, events } = world(undefined);
    const said = (from: string, words: string, final: boolean) =>
      events.emit("caption", { from, caption: { text: words, final } });
    const lines = () => model.lines.value.map((line) => `${line.from}: ${line.text}`);
    said("ann", "Good", false);
    said("ann", "", false);
    said("bob", "Hi", true);
    said("ann", "Good morning", true);
    said("ann", "Shall", false);
    expect(lines()).toEqual(["bob: Hi", "ann: Good morning", "ann: Shall"]);
    vi.advanceTimersByTime(10_000);
    expect(lines()).toEqual([]);
  });
});
