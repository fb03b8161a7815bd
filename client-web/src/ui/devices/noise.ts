// Whether noise is taken out of the own voice: chosen once for this meeting and the next.

import { type ReadonlySignal, signal } from "@preact/signals";
import { recall, remember } from "./memory.ts";

const chosen = signal(recall("noiseSuppression") !== "off");

/** Noise is to be taken out. */
export const suppressesNoise: ReadonlySignal<boolean> = chosen;

/** Chooses for now and for the next meeting. */
export function chooseNoise(suppress: boolean): void {
  chosen.value = suppress;
  remember("noiseSuppression", suppress ? "" : "off");
}
