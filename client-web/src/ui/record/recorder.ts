// Records the call as it is decrypted here: every picture drawn into one, every sound mixed into one, encoded on this device.

import type { Participant } from "../../index.ts";
import { nameOf } from "../call/name.ts";
import { type Area, compose, containOf, coverOf } from "./composition.ts";

/** Where a recording goes, piece by piece. */
export interface Store {
  /** Resolves to false when there is no room for more: what is there is whole, and nothing is taken after it. */
  write(piece: Blob): Promise<boolean>;
  /** Nothing more comes: saves it. */
  close(): Promise<void>;
}

/** Why a recording ended by itself, or that it goes on without sound. */
export type RecorderTrouble = "full" | "failed" | "silent";

const SIZE = { width: 1280, height: 720 };
const FRAMES_PER_SECOND = 20;
const BITS_PER_SECOND = { video: 2_500_000, audio: 128_000 };
const PIECE_MS = 1_000;
/** How long a browser may take to mix sound; Firefox never begins where it can play none. */
const SOUND_MS = 3_000;
const LABEL = { height: 28, font: "16px system-ui, sans-serif", inset: 8 };
const COLORS = { ground: "#101614", tile: "#25302c", words: "#f2f6f4", veil: "rgb(14 21 19 / 78%)" };
/** VP8 is the one that costs a device the least that encodes a call already. */
const FORMATS = ["video/webm;codecs=vp8,opus", "video/webm", "video/mp4"];

/** What this browser records into; `undefined` when it cannot. */
export function recordingFormat(): { readonly mime: string; readonly extension: "webm" | "mp4" } | undefined {
  if (
    typeof MediaRecorder !== "function" ||
    typeof AudioContext !== "function" ||
    typeof HTMLCanvasElement.prototype.captureStream !== "function"
  ) {
    return undefined;
  }
  const mime = FORMATS.find((format) => MediaRecorder.isTypeSupported(format));
  return mime === undefined ? undefined : { mime, extension: mime.startsWith("video/mp4") ? "mp4" : "webm" };
}

/** One recording; begins at once. Must be made in a click, or the sound stays silent. */
export class Recorder {
  readonly #canvas = document.createElement("canvas");
  readonly #sound = new AudioContext();
  readonly #mix = this.#sound.createMediaStreamDestination();
  readonly #sources = new Map<MediaStream, MediaStreamAudioSourceNode>();
  readonly #videos = new Map<MediaStream, HTMLVideoElement>();
  readonly #recorder: MediaRecorder;
  readonly #store: Store;
  readonly #onTrouble: (trouble: RecorderTrouble) => void;
  readonly #drawing: ReturnType<typeof setInterval>;
  readonly #hearing: ReturnType<typeof setTimeout>;
  readonly #stopped: Promise<void>;
  #people: readonly Participant[] = [];
  #written: Promise<void> = Promise.resolve();
  #over = false;

  constructor(mime: string, store: Store, onTrouble: (trouble: RecorderTrouble) => void) {
    this.#store = store;
    this.#onTrouble = onTrouble;
    this.#canvas.width = SIZE.width;
    this.#canvas.height = SIZE.height;
    void this.#sound.resume();
    const picture = this.#canvas.captureStream(FRAMES_PER_SECOND);
    this.#recorder = new MediaRecorder(new MediaStream([...picture.getTracks(), ...this.#mix.stream.getTracks()]), {
      mimeType: mime,
      videoBitsPerSecond: BITS_PER_SECOND.video,
      audioBitsPerSecond: BITS_PER_SECOND.audio,
    });
    this.#recorder.ondataavailable = ({ data }) => this.#write(data);
    this.#recorder.onerror = () => this.#end("failed");
    this.#stopped = new Promise((resolve) => {
      this.#recorder.onstop = () => resolve();
    });
    this.#drawing = setInterval(() => this.#draw(), 1_000 / FRAMES_PER_SECOND);
    this.#draw();
    this.#hearing = setTimeout(() => {
      if (this.#sound.state !== "running") {
        this.#onTrouble("silent");
      }
    }, SOUND_MS);
    this.#recorder.start(PIECE_MS);
  }

  /** Who is recorded from now on: only what is known to be theirs. */
  setPeople(people: readonly Participant[]): void {
    this.#people = people;
    const streams = people.flatMap(({ crypto, audio, share, video }) => [
      ...(crypto.state === "failed" ? [] : [audio, video]),
      ...(share === undefined || share.crypto.state === "failed" ? [] : [share.audio, share.video]),
    ]);
    const wanted = new Set(streams.filter((stream) => stream !== undefined));
    for (const stream of wanted) {
      this.#listenTo(stream);
      this.#watch(stream);
    }
    for (const [stream, source] of this.#sources) {
      if (!wanted.has(stream)) {
        source.disconnect();
        this.#sources.delete(stream);
      }
    }
    for (const [stream, video] of this.#videos) {
      if (!wanted.has(stream)) {
        video.srcObject = null;
        this.#videos.delete(stream);
      }
    }
  }

  /** Ends the recording and saves it; the promise is settled when it is saved. Throws when it could not be. */
  async stop(): Promise<void> {
    if (this.#over) {
      return this.#stopped;
    }
    this.#over = true;
    clearInterval(this.#drawing);
    clearTimeout(this.#hearing);
    if (this.#recorder.state !== "inactive") {
      this.#recorder.stop();
      await this.#stopped;
    }
    this.setPeople([]);
    for (const track of this.#recorder.stream.getTracks()) {
      track.stop();
    }
    void this.#sound.close();
    await this.#written;
    await this.#store.close();
  }

  #write(piece: Blob): void {
    if (piece.size === 0) {
      return;
    }
    this.#written = this.#written.then(async () => {
      if (!(await this.#store.write(piece))) {
        this.#end("full");
      }
    });
    this.#written = this.#written.catch(() => this.#end("failed"));
  }

  #end(why: "full" | "failed"): void {
    if (!this.#over) {
      this.#onTrouble(why);
    }
  }

  #listenTo(stream: MediaStream): void {
    if (!this.#sources.has(stream) && stream.getAudioTracks().length > 0) {
      const source = this.#sound.createMediaStreamSource(stream);
      source.connect(this.#mix);
      this.#sources.set(stream, source);
    }
  }

  #watch(stream: MediaStream): void {
    if (!this.#videos.has(stream) && stream.getVideoTracks().length > 0) {
      const video = document.createElement("video");
      video.muted = true;
      video.playsInline = true;
      video.srcObject = stream;
      // A refusal means that the picture was replaced meanwhile.
      video.play().catch(() => undefined);
      this.#videos.set(stream, video);
    }
  }

  #draw(): void {
    const paint = this.#canvas.getContext("2d", { alpha: false });
    if (paint === null) {
      return;
    }
    const sharing = this.#people.filter((person) => person.share !== undefined);
    const areas = compose(sharing.length, this.#people.length, SIZE.width, SIZE.height);
    paint.fillStyle = COLORS.ground;
    paint.fillRect(0, 0, SIZE.width, SIZE.height);
    const pictures = [
      ...sharing.map((person) => ({ person, stream: person.share?.video, whole: true })),
      ...this.#people.map((person) => ({ person, stream: person.video, whole: false })),
    ];
    for (const [index, { person, stream, whole }] of pictures.entries()) {
      const area = areas[index];
      if (area !== undefined) {
        const video = stream === undefined ? undefined : this.#videos.get(stream);
        drawTile(paint, area, video, nameOf(person), whole);
      }
    }
  }
}

function drawTile(
  paint: CanvasRenderingContext2D,
  area: Area,
  video: HTMLVideoElement | undefined,
  name: string,
  whole: boolean,
): void {
  paint.fillStyle = COLORS.tile;
  paint.fillRect(area.x, area.y, area.width, area.height);
  const picture = { width: video?.videoWidth ?? 0, height: video?.videoHeight ?? 0 };
  if (video !== undefined && picture.width > 0 && picture.height > 0) {
    if (whole) {
      const to = containOf(picture, area);
      paint.drawImage(video, to.x, to.y, to.width, to.height);
    } else {
      const from = coverOf(picture, area);
      paint.drawImage(video, from.x, from.y, from.width, from.height, area.x, area.y, area.width, area.height);
    }
  }
  const { font, height, inset } = LABEL;
  paint.font = font;
  paint.textBaseline = "middle";
  const width = Math.min(area.width, paint.measureText(name).width + 2 * inset);
  paint.fillStyle = COLORS.veil;
  paint.fillRect(area.x, area.y + area.height - height, width, height);
  paint.fillStyle = COLORS.words;
  paint.fillText(name, area.x + inset, area.y + area.height - height / 2, Math.max(1, width - 2 * inset));
}
