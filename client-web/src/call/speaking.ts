// Who speaks: found in the sound itself, never told, for the times of such messages would tell it to the server too.
import { LevelMeter } from "../media/level.ts";
import type { TrackId } from "../wire/types.ts";

const OWN_POLL_MS = 100;
const OTHERS_POLL_MS = 200;
/** Level at which the own voice begins: a root mean square of samples. */
const OWN_LOUD = 0.015;
/** Level at which the voices of others begin: browsers account the peak of each 10 ms, which is some two to three times that. */
const OTHERS_LOUD = 0.04;
/** A voice that began goes on above this part of the level at which it begins. */
const GOES_ON = 0.5;
/** Silence shorter than this belongs to the speech around it. */
const PAUSE_MS = 700;

/** Whether one person speaks, without flicker. */
export class Voice {
  #speaking = false;
  #heardAt = Number.NEGATIVE_INFINITY;

  /** `loud`: the level at which the voice begins. */
  constructor(private readonly loud: number) {}

  /** Takes the level of now and says whether the person speaks. */
  hear(level: number, nowMs: number): boolean {
    if (level >= (this.#speaking ? this.loud * GOES_ON : this.loud)) {
      this.#heardAt = nowMs;
    }
    this.#speaking = nowMs - this.#heardAt < PAUSE_MS;
    return this.#speaking;
  }
}

/** Says whether the own microphone carries speech. */
export class OwnVoice {
  #meter: LevelMeter | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #speaking = false;

  constructor(private readonly onChange: (speaking: boolean) => void) {}

  /** Watches `track` from now on, or nothing; the old one's meter is closed. */
  watch(track: MediaStreamTrack | null): void {
    this.close();
    const meter = track === null ? undefined : LevelMeter.start(track);
    if (meter === undefined) {
      return;
    }
    this.#meter = meter;
    const voice = new Voice(OWN_LOUD);
    this.#timer = setInterval(() => this.#become(voice.hear(meter.level(), performance.now())), OWN_POLL_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#meter?.close();
    this.#meter = undefined;
    this.#become(false);
  }

  #become(speaking: boolean): void {
    if (speaking !== this.#speaking) {
      this.#speaking = speaking;
      this.onChange(speaking);
    }
  }
}

/** Says which received tracks carry speech. */
export class OtherVoices {
  readonly #voices = new Map<TrackId, Voice>();
  readonly #timer: ReturnType<typeof setInterval>;
  #speaking: ReadonlySet<TrackId> = new Set();
  #measuring = false;
  #closed = false;

  /** `measure` gives the level of each track that is played. */
  constructor(
    private readonly measure: () => Promise<ReadonlyMap<TrackId, number>>,
    private readonly onChange: (speaking: ReadonlySet<TrackId>) => void,
  ) {
    this.#timer = setInterval(() => void this.#poll(), OTHERS_POLL_MS);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  async #poll(): Promise<void> {
    if (this.#measuring) {
      return;
    }
    this.#measuring = true;
    try {
      const levels = await this.measure();
      if (!this.#closed) {
        this.#hear(levels);
      }
    } catch {
      // The connection that was measured is gone; the next one is measured at the next poll.
    } finally {
      this.#measuring = false;
    }
  }

  #hear(levels: ReadonlyMap<TrackId, number>): void {
    for (const track of levels.keys()) {
      if (!this.#voices.has(track)) {
        this.#voices.set(track, new Voice(OTHERS_LOUD));
      }
    }
    const now = performance.now();
    const speaking = new Set<TrackId>();
    for (const [track, voice] of this.#voices) {
      if (voice.hear(levels.get(track) ?? 0, now)) {
        speaking.add(track);
      } else if (!levels.has(track)) {
        this.#voices.delete(track);
      }
    }
    if (speaking.size !== this.#speaking.size || [...speaking].some((track) => !this.#speaking.has(track))) {
      this.#speaking = speaking;
      this.onChange(speaking);
    }
  }
}
