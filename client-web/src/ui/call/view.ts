// How a person looks at the call: the layout, who is pinned, the own picture, the page, and how loud each one is.

import { type ReadonlySignal, signal } from "@preact/signals";
import type { Participant } from "../../index.ts";
import type { Cast } from "./arrangement.ts";

/** The ways to show the people. */
export type Layout = "grid" | "speaker";

/** How large the pictures of the others are asked for: as they are shown, small, or not at all. */
export const PICTURE_MODES = ["all", "small", "none"] as const;
export type PictureMode = (typeof PICTURE_MODES)[number];

/** How one person's sound is played here. */
export interface Loudness {
  /** From 0 to 1. */
  readonly volume: number;
  readonly muted: boolean;
}

const FULL: Loudness = { volume: 1, muted: false };

/** What a person's shared screen is called among the tiles. */
export function shareId(clientId: string): string {
  return `screen ${clientId}`;
}

export class View {
  /** The layout's buttons write it. */
  readonly layout = signal<Layout>("grid");
  /** Shown large until unpinned: a person, or a shared screen. */
  readonly pinned = signal<string | undefined>(undefined);
  readonly selfShown = signal(true);
  /** The settings write it, through the model. */
  readonly pictures = signal<PictureMode>("all");
  readonly page = signal(0);
  readonly #speaker = signal<string | undefined>(undefined);
  readonly #loudness = signal<ReadonlyMap<string, Loudness>>(new Map());

  /** Who speaks, or spoke last; never oneself. */
  get speaker(): ReadonlySignal<string | undefined> {
    return this.#speaker;
  }

  loudnessOf(clientId: string): Loudness {
    return this.#loudness.value.get(clientId) ?? FULL;
  }

  setLoudness(clientId: string, change: Partial<Loudness>): void {
    const next = { ...this.loudnessOf(clientId), ...change };
    this.#loudness.value = new Map(this.#loudness.value).set(clientId, next);
  }

  /** Follows the people: who speaks, and who is gone. */
  follow(people: readonly Participant[]): void {
    const heard = people.filter((person) => !person.isSelf && person.speaking && person.microphone.on);
    const before = this.#speaker.value;
    if (heard.length > 0 && !heard.some((person) => person.clientId === before)) {
      this.#speaker.value = heard[0]?.clientId;
    }
    const isThere = (clientId: string | undefined) => people.some((person) => person.clientId === clientId);
    if (!isThere(this.#speaker.value)) {
      this.#speaker.value = undefined;
    }
    const { value: pinned } = this.pinned;
    if (!isThere(pinned) && !sharesOf(people).some((share) => share === pinned)) {
      this.pinned.value = undefined;
    }
  }

  /** Who is shown, and what of it is large: a pinned tile, or the shared screens, or who speaks. */
  cast(people: readonly Participant[]): Cast {
    const others = this.selfShown.value ? people : people.filter((person) => !person.isSelf);
    const shown = (others.length > 0 ? others : people).map((person) => person.clientId);
    const tiles = [...sharesOf(people), ...shown];
    const mains = this.#mains(shown, people);
    return { mains, others: tiles.filter((id) => !mains.includes(id)) };
  }

  /** The large one is chosen by voice. */
  get byVoice(): boolean {
    return this.layout.value === "speaker" && this.pinned.value === undefined;
  }

  #mains(shown: readonly string[], people: readonly Participant[]): readonly string[] {
    const pinned = this.pinned.value;
    if (pinned !== undefined) {
      return [pinned];
    }
    const shares = sharesOf(people);
    if (shares.length > 0) {
      return shares;
    }
    if (this.layout.value === "grid") {
      return [];
    }
    const speaker = this.#speaker.value ?? people.find((person) => !person.isSelf)?.clientId ?? shown[0];
    return speaker === undefined ? [] : [speaker];
  }
}

/** The screens that the others share; one's own is on one's own screen already. */
function sharesOf(people: readonly Participant[]): readonly string[] {
  return people.filter(({ isSelf, share }) => !isSelf && share !== undefined).map(({ clientId }) => shareId(clientId));
}
