// Which media section is for what: one-way sections, one for each track, given up with their track.
import type { Codec, Section, Source, Track, TrackId } from "../wire/types.ts";

/** Audio or video. */
export type MediaKind = "audio" | "video";

/** A section that sends one source. */
export interface PublishSlot<Handle> {
  readonly handle: Handle;
  readonly source: Source;
}

/** A section that receives one track. */
export interface SubscribeSlot<Handle> {
  readonly handle: Handle;
  readonly track: Track;
}

/** The kind of a source's section. */
export function kindOf(source: Source): MediaKind {
  return source === "microphone" || source === "screen_audio" ? "audio" : "video";
}

/**
 * The sections of one peer connection; `Handle` is its transceiver. A section given up is not taken for another track:
 * Chromium does not show what a receiver gets after it was inactive. Its place in the offer is recycled by the browser
 * (RFC 8829 section 5.2.2).
 */
export class SectionMap<Handle> {
  readonly #publish: PublishSlot<Handle>[] = [];
  #subscribe: SubscribeSlot<Handle>[] = [];

  get size(): number {
    return this.#publish.length + this.#subscribe.length;
  }

  get subscriptions(): readonly SubscribeSlot<Handle>[] {
    return this.#subscribe;
  }

  addPublish(handle: Handle, source: Source): void {
    this.#publish.push({ handle, source });
  }

  /** Makes the sections carry exactly `tracks`; returns those given up. */
  carry(tracks: readonly Track[], create: (track: Track) => Handle): readonly SubscribeSlot<Handle>[] {
    const wanted = new Map(tracks.map((track) => [track.track_id, track]));
    const gone = this.#subscribe.filter((slot) => !isCarried(slot.track, wanted));
    this.#subscribe = this.#subscribe.filter((slot) => !gone.includes(slot));
    for (const { track } of this.#subscribe) {
      wanted.delete(track.track_id);
    }
    for (const track of wanted.values()) {
      this.#subscribe.push({ handle: create(track), track });
    }
    return gone;
  }

  /** The section list of an offer; the server takes what is not in it for idle. */
  describe(midOf: (handle: Handle) => string | null): Section[] {
    const sections: Section[] = [];
    for (const { handle, source } of this.#publish) {
      const mid = midOf(handle);
      if (mid !== null) {
        sections.push({ mid, role: "publish", source });
      }
    }
    for (const { handle, track } of this.#subscribe) {
      const mid = midOf(handle);
      if (mid !== null) {
        sections.push({ mid, role: "subscribe", track_id: track.track_id });
      }
    }
    return sections;
  }
}

/** A track id that comes back with another owner or codec is another track. */
function isCarried(carried: Track, wanted: ReadonlyMap<TrackId, Track>): boolean {
  const track = wanted.get(carried.track_id);
  return (
    track !== undefined &&
    track.client_id === carried.client_id &&
    track.source === carried.source &&
    track.codec === carried.codec
  );
}

/** Codecs whose frames can be encrypted, by their name in SDP. */
export const CODEC_NAMES: ReadonlyMap<string, Codec> = new Map([
  ["opus", "opus"],
  ["vp8", "vp8"],
  ["vp9", "vp9"],
]);
