// Which media section is for what: one-way sections that are used again when their track is gone.
import type { Codec, Section, Source, Track, TrackId } from "../wire/types.ts";

/** Audio or video. */
export type MediaKind = "audio" | "video";

/** A section that sends one source. */
export interface PublishSlot<Handle> {
  readonly handle: Handle;
  readonly source: Source;
}

/** A section that receives one track, or waits to be used again. */
export interface SubscribeSlot<Handle> {
  readonly handle: Handle;
  readonly kind: MediaKind;
  target: Track | undefined;
}

/** What an update of the wanted tracks did. */
export interface SlotChanges<Handle> {
  /** Slots that carry another track now, old sections and new ones. */
  readonly assigned: readonly SubscribeSlot<Handle>[];
  /** Slots that wait to be used again now. */
  readonly idled: readonly SubscribeSlot<Handle>[];
}

/** The kind of a source's section. */
export function kindOf(source: Source): MediaKind {
  return source === "microphone" || source === "screen_audio" ? "audio" : "video";
}

/** The sections of one peer connection; `Handle` is its transceiver. */
export class SectionMap<Handle> {
  readonly #publish: PublishSlot<Handle>[] = [];
  readonly #subscribe: SubscribeSlot<Handle>[] = [];

  get size(): number {
    return this.#publish.length + this.#subscribe.length;
  }

  get subscriptions(): readonly SubscribeSlot<Handle>[] {
    return this.#subscribe;
  }

  addPublish(handle: Handle, source: Source): void {
    this.#publish.push({ handle, source });
  }

  /** Makes the sections carry exactly `tracks`; `create` makes a section when no idle one of that kind is left. */
  carry(tracks: readonly Track[], create: (kind: MediaKind, track: Track) => Handle): SlotChanges<Handle> {
    const wanted = new Map(tracks.map((track) => [track.track_id, track]));
    const idled = this.#subscribe.filter((slot) => slot.target !== undefined && !isCarried(slot.target, wanted));
    for (const slot of idled) {
      slot.target = undefined;
    }
    for (const slot of this.#subscribe) {
      if (slot.target !== undefined) {
        wanted.delete(slot.target.track_id);
      }
    }
    const assigned = [...wanted.values()].map((track) => this.#assign(track, create));
    return { assigned, idled: idled.filter((slot) => slot.target === undefined) };
  }

  /** The section list of an offer; every section has its mid by then. */
  describe(midOf: (handle: Handle) => string | null): Section[] {
    const sections: Section[] = [];
    for (const { handle, source } of this.#publish) {
      const mid = midOf(handle);
      if (mid !== null) {
        sections.push({ mid, role: "publish", source });
      }
    }
    for (const { handle, target } of this.#subscribe) {
      const mid = midOf(handle);
      if (mid !== null) {
        sections.push(
          target === undefined ? { mid, role: "idle" } : { mid, role: "subscribe", track_id: target.track_id },
        );
      }
    }
    return sections;
  }

  #assign(track: Track, create: (kind: MediaKind, track: Track) => Handle): SubscribeSlot<Handle> {
    const kind = kindOf(track.source);
    let slot = this.#subscribe.find((candidate) => candidate.target === undefined && candidate.kind === kind);
    if (slot === undefined) {
      slot = { handle: create(kind, track), kind, target: undefined };
      this.#subscribe.push(slot);
    }
    slot.target = track;
    return slot;
  }
}

/** A track id that comes back with another owner or codec is another track. */
function isCarried(target: Track, wanted: ReadonlyMap<TrackId, Track>): boolean {
  const track = wanted.get(target.track_id);
  return (
    track !== undefined &&
    track.client_id === target.client_id &&
    track.source === target.source &&
    track.codec === target.codec
  );
}

/** Codecs whose frames can be encrypted, by their name in SDP. */
export const CODEC_NAMES: ReadonlyMap<string, Codec> = new Map([
  ["opus", "opus"],
  ["vp8", "vp8"],
  ["vp9", "vp9"],
]);
