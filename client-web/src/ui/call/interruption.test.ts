import { expect, it } from "vitest";
import { Interruptions, type Visibility } from "./interruption.ts";

class Page extends EventTarget implements Visibility {
  visibilityState = "visible";

  turn(state: "visible" | "hidden"): void {
    this.visibilityState = state;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

/** A device's track that a phone call can take away. */
function device(muted = false) {
  const track = Object.assign(new EventTarget(), { muted }) as unknown as MediaStreamTrack;
  const stream = { getVideoTracks: () => [track], getAudioTracks: () => [track] } as unknown as MediaStream;
  return { stream, tell: (event: "mute" | "unmute") => track.dispatchEvent(new Event(event)) };
}

it("says which devices something else uses, until they come back", () => {
  const interruptions = new Interruptions(() => undefined, new Page());
  const [camera, microphone] = [device(), device()];
  interruptions.follow({ video: camera.stream, audio: microphone.stream });
  expect([...interruptions.kinds.value]).toEqual([]);
  camera.tell("mute");
  microphone.tell("mute");
  expect([...interruptions.kinds.value]).toEqual(["camera", "microphone"]);
  camera.tell("unmute");
  expect([...interruptions.kinds.value]).toEqual(["microphone"]);
});

it("speaks of the device in use only", () => {
  const interruptions = new Interruptions(() => undefined, new Page());
  const [before, now] = [device(), device()];
  interruptions.follow({ video: before.stream, audio: undefined });
  before.tell("mute");
  interruptions.follow({ video: now.stream, audio: undefined });
  expect([...interruptions.kinds.value]).toEqual([]);
  before.tell("mute");
  expect([...interruptions.kinds.value]).toEqual([]);
  interruptions.follow({ video: device(true).stream, audio: undefined });
  expect([...interruptions.kinds.value]).toEqual(["camera"]);
  interruptions.follow({ video: undefined, audio: undefined });
  expect([...interruptions.kinds.value]).toEqual([]);
});

it("tries a lost device once when the person is back at the page", () => {
  const page = new Page();
  const opened: string[] = [];
  const interruptions = new Interruptions((kind) => opened.push(kind), page);
  interruptions.lose("camera");
  interruptions.lose("microphone");
  interruptions.forget("microphone");
  page.turn("hidden");
  expect(opened).toEqual([]);
  page.turn("visible");
  page.turn("visible");
  expect(opened).toEqual(["camera"]);
  interruptions.lose("camera");
  interruptions.close();
  page.turn("visible");
  expect(opened).toEqual(["camera"]);
});
