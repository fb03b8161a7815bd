// Whose sound is wanted in a call with more open microphones than anybody can follow.
import type { Track, TrackId } from "../wire/types.ts";

/** Most sounds that are wanted at a time. */
export const MOST_HEARD = 24;
/** Of those, how many search the rest for somebody who begins to speak. */
const SEARCHING = 8;
/** How long a search listens to the same people: a stream needs some 300 ms to be heard. */
const SEARCH_MS = 600;
/** Who spoke within this time is still being talked with. */
const REMEMBERED_MS = 60_000;

/** One sound to choose from. */
interface Voice {
  readonly track: TrackId;
  readonly muted: boolean;
  readonly spokeAt: number | undefined;
}

/**
 * Chooses by what this client alone knows: who is muted, which people tell each other inside the encryption, and who was
 * heard speaking. Up to `MOST_HEARD` sounds all are wanted, so that the choice tells the server nothing.
 */
export class Hearing {
  #tracks: readonly Track[] = [];
  #muted: ReadonlySet<string> = new Set();
  #speaking: ReadonlySet<TrackId> = new Set();
  /** When those who do not speak now last did. */
  readonly #spokeAt = new Map<TrackId, number>();
  #wanted: ReadonlySet<TrackId> | undefined;
  /** Where the search stands, in people. */
  #cursor = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** `onChange` hears what is wanted; `undefined`: everything. */
  constructor(private readonly onChange: (wanted: ReadonlySet<TrackId> | undefined) => void) {}

  /** The sounds there are. */
  setTracks(tracks: readonly Track[]): void {
    this.#tracks = tracks;
    const ids = new Set(tracks.map(({ track_id }) => track_id));
    for (const track of this.#spokeAt.keys()) {
      if (!ids.has(track)) {
        this.#spokeAt.delete(track);
      }
    }
    this.#choose();
  }

  /** The clients whose microphone is off, as they say themselves. */
  setMuted(muted: ReadonlySet<string>): void {
    if (muted.size !== this.#muted.size || [...muted].some((clientId) => !this.#muted.has(clientId))) {
      this.#muted = muted;
      this.#choose();
    }
  }

  /** The sounds in which somebody is heard speaking now. */
  setSpeaking(tracks: ReadonlySet<TrackId>): void {
    for (const track of this.#speaking) {
      this.#spokeAt.set(track, performance.now());
    }
    this.#speaking = tracks;
    this.#choose();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #choose(): void {
    const voices = this.#voices(performance.now());
    const choice = chooseVoices(voices, this.#cursor);
    if (choice?.searching) {
      this.#timer ??= setInterval(() => this.#searchOn(), SEARCH_MS);
    } else {
      this.close();
    }
    const wanted = choice?.wanted;
    if (!isSame(wanted, this.#wanted)) {
      this.#wanted = wanted;
      this.onChange(wanted);
    }
  }

  #searchOn(): void {
    this.#cursor += SEARCHING;
    this.#choose();
  }

  #voices(now: number): Voice[] {
    return this.#tracks.map(({ track_id, client_id, source }) => {
      const spokeAt = this.#speaking.has(track_id) ? now : this.#spokeAt.get(track_id);
      const recent = spokeAt !== undefined && now - spokeAt < REMEMBERED_MS;
      return {
        track: track_id,
        muted: source === "microphone" && this.#muted.has(client_id),
        spokeAt: recent ? spokeAt : undefined,
      };
    });
  }
}

/**
 * The sounds to want, `undefined` for all: open microphones before closed ones, those that spoke last before the others;
 * when there are more open microphones than that, the last places go round among those that are not heard otherwise.
 */
export function chooseVoices(
  voices: readonly Voice[],
  cursor: number,
): { readonly wanted: ReadonlySet<TrackId>; readonly searching: boolean } | undefined {
  if (voices.length <= MOST_HEARD) {
    return undefined;
  }
  const open = voices.filter(({ muted }) => !muted).sort(byRecency);
  if (open.length <= MOST_HEARD) {
    const closed = voices.filter(({ muted }) => muted).sort(byRecency);
    return { wanted: tracksOf([...open, ...closed].slice(0, MOST_HEARD)), searching: false };
  }
  const steady = open.slice(0, MOST_HEARD - SEARCHING);
  const rest = open.slice(steady.length).sort((a, b) => a.track - b.track);
  const found = Array.from({ length: SEARCHING }, (_, index) => rest[(cursor + index) % rest.length]);
  return { wanted: tracksOf([...steady, ...found.filter((voice) => voice !== undefined)]), searching: true };
}

function byRecency(a: Voice, b: Voice): number {
  return (b.spokeAt ?? 0) - (a.spokeAt ?? 0) || a.track - b.track;
}

function tracksOf(voices: readonly Voice[]): ReadonlySet<TrackId> {
  return new Set(voices.map(({ track }) => track));
}

function isSame(a: ReadonlySet<TrackId> | undefined, b: ReadonlySet<TrackId> | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.size === b.size && [...a].every((track) => b.has(track)));
}
