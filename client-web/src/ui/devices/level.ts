// Measures how loud a microphone is, for the meter before the call.

import { type ReadonlySignal, signal } from "@preact/signals";

/** Times a second that the meter moves. */
const READS_PER_SECOND = 20;
/** Quieter than this is shown as nothing, in dB below full scale. */
const FLOOR_DB = -60;
/** A share of the scale below which a person is not heard. */
const HEARD = 0.12;
/** How long nothing may be heard before the person is told, in milliseconds. */
const SILENCE_MS = 6_000;

/** A meter on one track; it only listens and never stops the track. */
export class LevelMeter {
  readonly #level = signal(0);
  readonly #silent = signal(false);
  readonly #context: AudioContext;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #wake = () => void this.#context.resume();

  constructor(track: MediaStreamTrack) {
    this.#context = new AudioContext();
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = 1024;
    this.#context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    // A context made before the first click sleeps in some browsers.
    addEventListener("pointerdown", this.#wake);
    addEventListener("keydown", this.#wake);

    const samples = new Float32Array(analyser.fftSize);
    let quietMs = 0;
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const now = loudness(samples);
      // Falls slowly, so that the eye can follow.
      this.#level.value = Math.max(now, this.#level.value * 0.8);
      quietMs = now >= HEARD || this.#context.state !== "running" ? 0 : quietMs + 1000 / READS_PER_SECOND;
      this.#silent.value = quietMs >= SILENCE_MS;
    }, 1000 / READS_PER_SECOND);
  }

  /** From 0 (nothing) to 1 (full scale), even to the ear. */
  get level(): ReadonlySignal<number> {
    return this.#level;
  }

  /** Nothing was heard for a while. */
  get silent(): ReadonlySignal<boolean> {
    return this.#silent;
  }

  close(): void {
    clearInterval(this.#timer);
    removeEventListener("pointerdown", this.#wake);
    removeEventListener("keydown", this.#wake);
    void this.#context.close();
  }
}

/** The loudness of a block of samples as a share of the meter's scale. */
export function loudness(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) {
    sum += sample * sample;
  }
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  const decibels = 20 * Math.log10(Math.max(rms, 1e-7));
  return Math.min(1, Math.max(0, 1 - decibels / FLOOR_DB));
}
