// Whether the own microphone carries speech, decided locally and told at most twice a second.
import { LevelMeter } from "../media/level.ts";

const POLL_MS = 100;
/** Root mean square that counts as speech. */
const LOUD = 0.015;
/** Silence shorter than this belongs to the speech around it. */
const PAUSE_MS = 700;
const NOTICE_INTERVAL_MS = 500;

/** Watches one microphone at a time. */
export class SpeakingDetector {
  #meter: LevelMeter | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #generation = 0;
  #loudAt = Number.NEGATIVE_INFINITY;
  #noticedAt = Number.NEGATIVE_INFINITY;
  #speaking = false;

  constructor(private readonly onChange: (speaking: boolean) => void) {}

  /** Watches `track` from now on, or nothing; the old one's meter is closed. */
  async watch(track: MediaStreamTrack | null): Promise<void> {
    this.close();
    const generation = this.#generation;
    const meter = track === null ? undefined : await LevelMeter.start(track);
    if (meter === undefined) {
      return;
    }
    if (generation !== this.#generation) {
      meter.close();
      return;
    }
    this.#meter = meter;
    this.#timer = setInterval(() => this.#poll(meter.level()), POLL_MS);
  }

  close(): void {
    this.#generation += 1;
    clearInterval(this.#timer);
    this.#meter?.close();
    this.#meter = undefined;
    if (this.#speaking) {
      this.#speaking = false;
      this.onChange(false);
    }
  }

  #poll(level: number): void {
    const now = performance.now();
    if (level >= LOUD) {
      this.#loudAt = now;
    }
    const speaking = now - this.#loudAt < PAUSE_MS;
    if (speaking !== this.#speaking && now - this.#noticedAt >= NOTICE_INTERVAL_MS) {
      this.#speaking = speaking;
      this.#noticedAt = now;
      this.onChange(speaking);
    }
  }
}
