// Devices in a call that come, go and are changed: the others go on seeing and hearing.
import { expect, test } from "vitest";

import { ENGINES, prepare } from "./fixture.ts";
import type { Person } from "./person.ts";
import { until } from "./server.ts";

const fixture = prepare({
  size: { width: 800, height: 600 },
  chromium: ["--use-fake-device-for-media-stream=device-count=2,fps=10"],
});

interface Sent {
  readonly id: string;
  readonly device: string;
  /** What was asked of the browser, and what it says that it does: Firefox's made-up microphone has no noise to take out. */
  readonly noiseSuppression: { readonly asked: unknown; readonly done: boolean | undefined };
}

/** The track of a kind that is sent. */
function sent({ page }: Person, kind: "audio" | "video"): Promise<Sent | undefined> {
  return page.evaluate((kind) => {
    const { peerConnections } = window as unknown as { peerConnections: RTCPeerConnection[] };
    const tracks = peerConnections
      .filter((connection) => connection.connectionState !== "closed")
      .flatMap((connection) => connection.getSenders().map(({ track }) => track));
    const track = tracks.find((each) => each?.kind === kind && each.readyState === "live");
    if (track == null) return undefined;
    const { deviceId = "", noiseSuppression: done } = track.getSettings();
    return {
      id: track.id,
      device: deviceId,
      noiseSuppression: { asked: track.getConstraints().noiseSuppression, done },
    };
  }, kind);
}

/** Unplugs what is sent: its track ends, and it is in no list any more. */
function unplug({ page }: Person, kind: "audio" | "video"): Promise<void> {
  return page.evaluate((kind) => {
    const { peerConnections } = window as unknown as { peerConnections: RTCPeerConnection[] };
    const devices = navigator.mediaDevices;
    const list = devices.enumerateDevices.bind(devices);
    for (const { track } of peerConnections.flatMap((connection) => connection.getSenders())) {
      if (track?.kind === kind) {
        const gone = track.getSettings().deviceId;
        devices.enumerateDevices = async () => (await list()).filter(({ deviceId }) => deviceId !== gone);
        track.stop();
        track.dispatchEvent(new Event("ended"));
        devices.dispatchEvent(new Event("devicechange"));
      }
    }
  }, kind);
}

async function openSettings(person: Person): Promise<void> {
  await person.button("More").click();
  await person.button("Settings").click();
}

test("a call goes on with another camera and microphone when those in use are unplugged", async () => {
  const [ada, bob] = await fixture.meeting("Ada", "Bob");
  await bob.seesMoving("Ada");
  // The second made-up camera has pictures that Chromium cannot send: what Bob sees at the end is the first one's.
  const first = await sent(ada, "video");
  await openSettings(ada);
  await ada.page.getByRole("combobox", { name: "Camera" }).selectOption({ index: 1 });
  await until("Ada sends the second camera", async () => {
    const now = await sent(ada, "video");
    return now !== undefined && now.device !== first?.device;
  });
  for (const kind of ["video", "audio"] as const) {
    const before = await sent(ada, kind);
    await unplug(ada, kind);
    await until(`Ada sends ${kind} of another device`, async () => {
      const now = await sent(ada, kind);
      // The default microphone is followed by another default.
      return now !== undefined && now.id !== before?.id && (now.device !== before?.device || now.device === "default");
    });
  }
  await bob.seesMoving("Ada");
  await bob.hears(1);
  await bob.sees(["Ada", "Bob"]);
  expect(await ada.button("Mute microphone").isVisible()).toBe(true);
  expect([ada.errors, bob.errors]).toEqual([[], []]);
});

test.each(ENGINES)("noise suppression is switched in a call in %s, at once, and remembered", async (engine) => {
  const [ada, bob] = await fixture.meetingOf(engine);
  const suppresses = async (on: boolean) => {
    const { asked, done } = (await sent(ada, "audio"))?.noiseSuppression ?? {};
    return asked === on && (engine === "firefox" || done === on);
  };
  expect(await suppresses(true)).toBe(true);
  await openSettings(ada);
  await ada.page.getByRole("checkbox", { name: "Noise suppression", exact: true }).uncheck();
  await until("noise is left in", () => suppresses(false));
  await bob.hears(1);
  await ada.page.reload();
  expect(await ada.page.getByRole("checkbox", { name: "Noise suppression", exact: true }).isChecked()).toBe(false);
  await ada.enter();
  await until("it is left in the next time", () => suppresses(false));
  expect(ada.errors).toEqual([]);
});
