// How one picture is sent at several sizes, so that each viewer can be given the one that fits, and none is made in vain.
import type { Codec, Source } from "../wire/types.ts";

/** Layers of one scalable VP9 stream, or VP8 encodings side by side. */
export type Layering = "scalable" | "simulcast";

/** One size of a camera's picture. */
interface Size {
  /** Name of the encoding in a simulcast (RFC 8851). */
  readonly rid: string;
  /** Scalability mode (W3C webrtc-svc) of a stream that has this size and those before it. */
  readonly mode: string;
  /** Bits per second for this size alone. */
  readonly bitrate: number;
}

/** Smallest first; each has half the lines of the next. */
const SIZES = [
  { rid: "l", mode: "L1T3", bitrate: 150_000 },
  { rid: "m", mode: "L2T3_KEY", bitrate: 500_000 },
  { rid: "h", mode: "L3T3_KEY", bitrate: 1_700_000 },
] as const satisfies readonly Size[];
const WHOLE_MODE = SIZES[SIZES.length - 1]?.mode ?? "";
const TOTAL_BITRATE = bitrateOf(SIZES.length);
/** Lines of the largest camera picture that is sent. */
const MAX_LINES = 720;
/** Bits per second; Opus at a constant rate. */
const AUDIO_BITRATE = 40_000;
/** A shared screen is sent in one size, for its text is unreadable in a smaller one; only its frame rate can be lowered. */
const SCREEN = { mode: "L1T3", bitrate: 2_500_000, framesPerSecond: 30 } as const;

/** TypeScript's DOM types lack what the webrtc-svc specification adds. */
export type Encoding = RTCRtpEncodingParameters & { scalabilityMode?: string };

/** What the encodings of a sender depend on. */
export interface Sending {
  readonly source: Source;
  /** What was negotiated, once it was. */
  readonly codec: Codec | undefined;
  /** Size of the captured picture; zeros where there is none. */
  readonly width: number;
  readonly height: number;
  /** Which sizes anybody needs, smallest first. */
  readonly needed: readonly boolean[];
}

/** Every size is needed. */
export const ALL_NEEDED: readonly boolean[] = SIZES.map(() => true);
/** The largest call in which a size is worth sending before the server has said what is needed. */
const WORTH_IN_CALLS_OF = [Number.POSITIVE_INFINITY, 9, 2] as const;

/** What a call of so many needs as far as one can tell: the more tiles, the smaller they are. */
export function neededInCallOf(participants: number): readonly boolean[] {
  return WORTH_IN_CALLS_OF.map((most) => participants <= most);
}

/**
 * What is needed once the server has said `needed`. It speaks of the layers it was sent, and a stream that was reduced
 * because nobody needed more has fewer: of those above nothing new is said.
 */
export function updateNeeded(before: readonly boolean[], needed: readonly boolean[]): readonly boolean[] {
  return [...needed, ...before.slice(needed.length)];
}

/** The encodings that a source is offered with. */
export function offeredEncodings(source: Source, layering: Layering): Encoding[] {
  switch (source) {
    case "microphone":
    case "screen_audio":
      return [{ maxBitrate: AUDIO_BITRATE }];
    case "screen_video": {
      const encoding = { maxBitrate: SCREEN.bitrate, maxFramerate: SCREEN.framesPerSecond };
      return [layering === "scalable" ? { ...encoding, scalabilityMode: SCREEN.mode } : encoding];
    }
    case "camera":
      return layering === "scalable"
        ? [{ scalabilityMode: WHOLE_MODE, maxBitrate: TOTAL_BITRATE }]
        : SIZES.map(({ rid, bitrate }, index) => ({
            rid,
            maxBitrate: bitrate,
            scaleResolutionDownBy: reduction(index),
          }));
  }
}

/**
 * Sets `encodings`, as `getParameters` gave them, to what `sending` asks for; returns whether anything changed. How many
 * there are was negotiated: an answer without simulcast leaves one, which then is the whole picture.
 */
export function adaptEncodings(encodings: Encoding[], sending: Sending): boolean {
  const before = JSON.stringify(encodings);
  if (sending.source === "camera") {
    adaptCamera(encodings, sending);
  } else if (sending.source === "screen_video") {
    for (const encoding of encodings) {
      encoding.active = sending.needed[0] ?? true;
    }
  }
  return JSON.stringify(encodings) !== before;
}

function adaptCamera(encodings: Encoding[], { codec, width, height, needed }: Sending): void {
  const fit = Math.max(1, Math.min(width, height) / MAX_LINES);
  const [only] = encodings;
  if (only === undefined || encodings.length > 1) {
    for (const [index, encoding] of encodings.entries()) {
      encoding.active = needed[index] ?? true;
      encoding.scaleResolutionDownBy = fit * reduction(index);
    }
  } else if (only.scalabilityMode === undefined || (codec !== undefined && codec !== "vp9")) {
    const highest = needed.lastIndexOf(true);
    only.active = needed[0] ?? true;
    only.maxBitrate = SIZES[highest]?.bitrate ?? TOTAL_BITRATE;
    only.scaleResolutionDownBy = fit * reduction(highest);
  } else {
    adaptScalable(only, fit, needed.slice(0, spatialLayers(width / fit, height / fit)));
  }
}

/** Leaves the spatial layers above the highest needed one out. `needed` has an entry for each layer of the whole picture. */
function adaptScalable(encoding: Encoding, fit: number, needed: readonly boolean[]): void {
  const highest = needed.lastIndexOf(true);
  encoding.active = highest !== -1;
  if (!encoding.active) {
    // It stays as it is, so that it comes back without another change.
    return;
  }
  const leftOut = needed.length - 1 - highest;
  encoding.scalabilityMode = (leftOut === 0 ? undefined : SIZES[highest]?.mode) ?? WHOLE_MODE;
  encoding.scaleResolutionDownBy = fit * 2 ** leftOut;
  encoding.maxBitrate = bitrateOf(SIZES.length - leftOut);
}

/** Spatial layers that a browser makes of a picture: libwebrtc's smallest has 240 by 135 pixels, or lies on its side. */
function spatialLayers(width: number, height: number): number {
  const fitting = Math.min(Math.max(width, height) / 240, Math.min(width, height) / 135);
  const layers = fitting === 0 ? SIZES.length : 1 + Math.floor(Math.log2(Math.max(1, fitting)));
  return Math.min(SIZES.length, layers);
}

/** How many times smaller than the largest this size is, in lines. */
function reduction(index: number): number {
  return 2 ** Math.max(0, SIZES.length - 1 - index);
}

/** Bits per second of the first `count` sizes together. */
function bitrateOf(count: number): number {
  return SIZES.slice(0, count).reduce((sum, { bitrate }) => sum + bitrate, 0);
}

let layering: Layering | undefined;

/** How this browser sends a camera: one that does not know scalability modes drops them or refuses them. */
export function browserLayering(): Layering {
  layering ??= knowsScalability() ? "scalable" : "simulcast";
  return layering;
}

function knowsScalability(): boolean {
  const pc = new RTCPeerConnection();
  try {
    const { sender } = pc.addTransceiver("video", {
      direction: "sendonly",
      sendEncodings: offeredEncodings("camera", "scalable"),
    });
    const [encoding]: Encoding[] = sender.getParameters().encodings;
    return encoding?.scalabilityMode === WHOLE_MODE;
  } catch {
    return false;
  } finally {
    pc.close();
  }
}
