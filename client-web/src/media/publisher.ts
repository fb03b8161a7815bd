// One published source: nothing real leaves before the worker confirmed that it encrypts.
import type { Source } from "../wire/types.ts";
import { kindOf, type MediaKind } from "./sections.ts";

/** How large a picture may be and how much it may cost. */
export interface VideoLimit {
  /** Lines. */
  readonly height: number;
  /** Bits per second. */
  readonly bitrate: number;
}

const LIMITS: readonly { readonly participants: number; readonly limit: VideoLimit }[] = [
  { participants: 2, limit: { height: 720, bitrate: 1_700_000 } },
  { participants: 9, limit: { height: 360, bitrate: 600_000 } },
  { participants: Number.POSITIVE_INFINITY, limit: { height: 180, bitrate: 200_000 } },
];
/** Bits per second; Opus at a constant rate. */
const AUDIO_BITRATE = 40_000;

/** What one camera may send in a call of that many. */
export function videoLimit(participants: number): VideoLimit {
  return (
    (LIMITS.find((row) => participants <= row.participants) ?? LIMITS[0])?.limit ?? { height: 180, bitrate: 200_000 }
  );
}

/** Sends one source over one transceiver. The tracks given to it stay their giver's; the probes are its own. */
export class Publisher {
  readonly kind: MediaKind;
  #real: MediaStreamTrack | null = null;
  #probe: MediaStreamTrack | undefined;
  #confirmed = false;

  constructor(
    readonly source: Source,
    readonly transceiver: RTCRtpTransceiver,
    readonly senderId: number,
    probe: MediaStreamTrack,
  ) {
    this.kind = kindOf(source);
    this.#probe = probe;
  }

  get confirmed(): boolean {
    return this.#confirmed;
  }

  /** Sends `track` from now on, or nothing. Before the confirmation it sends black or silence in its place. */
  async carry(track: MediaStreamTrack | null): Promise<void> {
    const before = this.#real;
    this.#real = track;
    if (this.#confirmed) {
      await this.transceiver.sender.replaceTrack(track);
    } else if (before !== null || track === null) {
      await this.#replaceProbe(track === null ? undefined : probeOf(track));
    }
  }

  /** The worker confirmed its first ciphertext of this sender. */
  async confirm(): Promise<void> {
    if (!this.#confirmed) {
      this.#confirmed = true;
      await this.#replaceProbe(undefined);
    }
  }

  /** Keeps the picture within `limit`. */
  async limit(limit: VideoLimit): Promise<void> {
    const { sender } = this.transceiver;
    const parameters = sender.getParameters();
    const encoding = parameters.encodings[0];
    if (encoding === undefined) {
      return;
    }
    if (this.kind === "audio") {
      encoding.maxBitrate = AUDIO_BITRATE;
    } else {
      const { width = 0, height = 0 } = sender.track?.getSettings() ?? {};
      encoding.maxBitrate = limit.bitrate;
      encoding.scaleResolutionDownBy = Math.max(1, Math.min(width, height) / limit.height);
    }
    try {
      await sender.setParameters(parameters);
    } catch {
      // Negotiation changed the parameters meanwhile; the next limit or negotiation sets them again.
    }
  }

  close(): void {
    this.#probe?.stop();
    this.#probe = undefined;
  }

  async #replaceProbe(probe: MediaStreamTrack | undefined): Promise<void> {
    const before = this.#probe;
    this.#probe = probe;
    await this.transceiver.sender.replaceTrack(this.#confirmed ? this.#real : (probe ?? null));
    before?.stop();
  }
}

/** Black or silence in the shape of `track`. */
export function probeOf(track: MediaStreamTrack): MediaStreamTrack {
  const probe = track.clone();
  probe.enabled = false;
  return probe;
}
