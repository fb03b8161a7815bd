// Whether the background of the own picture is blurred: chosen once for this meeting and the next.

import { type ReadonlySignal, signal } from "@preact/signals";
import { recall, remember } from "./memory.ts";

const chosen = signal(recall("background") === "blur");
const slow = signal(false);

/** The background is to be blurred. */
export const blursBackground: ReadonlySignal<boolean> = chosen;

/** This device takes so long for it that movements stutter. */
export const blursSlowly: ReadonlySignal<boolean> = slow;

/** Chooses for now and for the next meeting. */
export function chooseBackground(blur: boolean): void {
  chosen.value = blur;
  slow.value = false;
  remember("background", blur ? "blur" : "");
}

/** The browser has what blurring needs. */
export function canBlurBackground(): boolean {
  return (
    "OffscreenCanvas" in globalThis &&
    "createImageBitmap" in globalThis &&
    ("MediaStreamTrackGenerator" in globalThis || "captureStream" in HTMLCanvasElement.prototype)
  );
}

/** The camera as it was chosen to be shown. Rejects when it is to be blurred and cannot be; the camera is then stopped. */
export async function behind(camera: MediaStreamTrack): Promise<MediaStreamTrack> {
  if (!chosen.peek()) {
    return camera;
  }
  try {
    const { blurBackground } = await import("../background/blur.ts");
    return await blurBackground(camera, (now) => {
      slow.value = now;
    });
  } catch (error) {
    camera.stop();
    throw error;
  }
}
