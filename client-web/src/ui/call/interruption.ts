// What takes the own devices away for a while, as a phone call does: said on the screen, and over by itself.

import { type ReadonlySignal, signal } from "@preact/signals";
import type { Participant } from "../../index.ts";
import type { DeviceKind } from "../devices/problem.ts";

/** Where the page says that it is looked at again; the document, or in tests something else. */
export interface Visibility extends EventTarget {
  readonly visibilityState: string;
}

export class Interruptions {
  readonly #kinds = signal<ReadonlySet<DeviceKind>>(new Set());
  readonly #tracks = new Map<DeviceKind, MediaStreamTrack>();
  /** Devices that ended and could not be opened again. */
  readonly #lost = new Set<DeviceKind>();
  readonly #reopen: (kind: DeviceKind) => void;
  readonly #visibility: Visibility | undefined;
  readonly #onVisible = () => {
    if (this.#visibility?.visibilityState === "visible") {
      const lost = [...this.#lost];
      this.#lost.clear();
      lost.forEach(this.#reopen);
    }
  };

  /** `reopen`: the person is back at the page, and a device may be, too. Without a page nobody comes back. */
  constructor(reopen: (kind: DeviceKind) => void, visibility: Visibility | undefined) {
    this.#reopen = reopen;
    this.#visibility = visibility;
    visibility?.addEventListener("visibilitychange", this.#onVisible);
  }

  /** Devices that are on and deliver nothing, because the system gave them to something else. */
  get kinds(): ReadonlySignal<ReadonlySet<DeviceKind>> {
    return this.#kinds;
  }

  /** Looks at the tracks that are sent now. */
  follow(self: Pick<Participant, "audio" | "video"> | undefined): void {
    this.#watch("camera", self?.video?.getVideoTracks()[0]);
    this.#watch("microphone", self?.audio?.getAudioTracks()[0]);
  }

  /** A device ended and did not open again: it is tried once more when the person is back. */
  lose(kind: DeviceKind): void {
    this.#lost.add(kind);
  }

  /** The person chose about the device themselves. */
  forget(kind: DeviceKind): void {
    this.#lost.delete(kind);
  }

  close(): void {
    this.#visibility?.removeEventListener("visibilitychange", this.#onVisible);
    this.follow(undefined);
  }

  #watch(kind: DeviceKind, track: MediaStreamTrack | undefined): void {
    if (this.#tracks.get(kind) === track) {
      return;
    }
    if (track === undefined) {
      this.#tracks.delete(kind);
    } else {
      this.#tracks.set(kind, track);
      for (const [event, interrupted] of [
        ["mute", true],
        ["unmute", false],
      ] as const) {
        track.addEventListener(event, () => {
          if (this.#tracks.get(kind) === track) {
            this.#set(kind, interrupted);
          }
        });
      }
    }
    this.#set(kind, track?.muted === true);
  }

  #set(kind: DeviceKind, interrupted: boolean): void {
    if (this.#kinds.peek().has(kind) !== interrupted) {
      const kinds = new Set(this.#kinds.peek());
      kinds[interrupted ? "add" : "delete"](kind);
      this.#kinds.value = kinds;
    }
  }
}
