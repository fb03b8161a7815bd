// Blurs the background of a camera's pictures away from the page. A picture that cannot be blurred is not handed on.

import type { FromWorker, Streams, ToWorker } from "./messages.ts";
import { Silhouette } from "./silhouette.ts";

/** Pictures over which the pace is measured. */
const PACE_PICTURES = 30;
/** Longer than this for a picture, in milliseconds, and movements stutter; it is over when they are well below. */
const SLOW_MS = 100;
const FLUID_MS = 70;
/** What a camera delivers, in milliseconds from picture to picture. */
const INTERVAL_MS = 1000 / 30;

type Canvas = OffscreenCanvasRenderingContext2D;

/** Puts pictures together again: the person over the blurred room. */
class Composer {
  readonly #small: Canvas;
  readonly #mask: Canvas;
  readonly #room: Canvas;
  readonly #whole = canvas(1, 1);

  constructor(private readonly silhouette: Silhouette) {
    const { width, height } = silhouette;
    this.#small = canvas(width, height);
    this.#mask = canvas(width, height);
    this.#room = canvas(1, 1);
  }

  compose(picture: CanvasImageSource, width: number, height: number): OffscreenCanvas {
    const { silhouette } = this;
    const small = this.#small;
    const fit = Math.min(silhouette.width / width, silhouette.height / height);
    const place = { width: width * fit, height: height * fit };
    const left = (silhouette.width - place.width) / 2;
    const top = (silhouette.height - place.height) / 2;
    // An upright picture stands in the middle; what is beside it gets its colours, not black.
    small.drawImage(picture, 0, 0, silhouette.width, silhouette.height);
    small.drawImage(picture, left, top, place.width, place.height);
    const { mask, room } = silhouette.look(small.getImageData(0, 0, silhouette.width, silhouette.height));
    this.#mask.putImageData(mask, 0, 0);
    resize(this.#room, room.width, room.height);
    this.#room.putImageData(room, 0, 0);

    const whole = this.#whole;
    resize(whole, width, height);
    whole.globalCompositeOperation = "copy";
    whole.drawImage(picture, 0, 0, width, height);
    whole.globalCompositeOperation = "destination-in";
    whole.drawImage(this.#mask.canvas, left, top, place.width, place.height, 0, 0, width, height);
    whole.globalCompositeOperation = "destination-over";
    const coarse = room.width / silhouette.width;
    whole.drawImage(
      this.#room.canvas,
      ...(([left, top, place.width, place.height] as const).map((value) => value * coarse) as [
        number,
        number,
        number,
        number,
      ]),
      0,
      0,
      width,
      height,
    );
    return whole.canvas;
  }
}

function canvas(width: number, height: number): Canvas {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (context === null) {
    throw new Error("this browser draws nothing in a worker");
  }
  context.imageSmoothingQuality = "high";
  return context;
}

function resize({ canvas }: Canvas, width: number, height: number): void {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
}

/** Says when this device begins to be too slow, and when it is fast enough again. */
class Pace {
  #pictures = 0;
  #spent = 0;
  #slow = false;

  add(milliseconds: number): void {
    this.#pictures += 1;
    this.#spent += milliseconds;
    if (this.#pictures === PACE_PICTURES) {
      const mean = this.#spent / PACE_PICTURES;
      const slow = mean > (this.#slow ? FLUID_MS : SLOW_MS);
      if (slow !== this.#slow) {
        this.#slow = slow;
        post({ type: "pace", slow });
      }
      this.#pictures = 0;
      this.#spent = 0;
    }
  }
}

const pace = new Pace();
let composer: Composer | undefined;
let running = false;

function post(message: FromWorker, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}

function passed(since: number): void {
  pace.add(performance.now() - since);
  if (!running) {
    running = true;
    post({ type: "running" });
  }
}

/** Chromium: from the camera to the track that is sent. */
async function follow(composer: Composer, { from, to }: Streams): Promise<void> {
  const reader = from.getReader();
  const writer = to.getWriter();
  for (;;) {
    const { value: picture } = await reader.read();
    if (picture === undefined) {
      return writer.close();
    }
    const since = performance.now();
    try {
      const { displayWidth, displayHeight, timestamp } = picture;
      const whole = composer.compose(picture, displayWidth, displayHeight);
      await writer.write(new VideoFrame(whole, { timestamp, alpha: "discard" }));
    } finally {
      picture.close();
    }
    passed(since);
  }
}

/** Elsewhere: one picture from the page and back. */
function answer(composer: Composer, picture: ImageBitmap | undefined): void {
  const since = performance.now();
  if (picture !== undefined) {
    const whole = composer.compose(picture, picture.width, picture.height).transferToImageBitmap();
    picture.close();
    post({ type: "picture", picture: whole }, [whole]);
    passed(since);
  }
  // Timers of a worker go on in a tab that is not looked at.
  setTimeout(() => post({ type: "wanted" }), Math.max(0, INTERVAL_MS - (performance.now() - since)));
}

async function load(address: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(address);
  if (!response.ok) {
    throw new Error(`${address}: ${response.status}`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

async function handle(message: ToWorker): Promise<void> {
  switch (message.type) {
    case "open": {
      const [module, network] = await Promise.all([load(message.module), load(message.network)]);
      composer = new Composer(await Silhouette.load(module, network));
      if (message.streams !== undefined) {
        return follow(composer, message.streams);
      }
      return post({ type: "wanted" });
    }
    case "picture":
      if (composer !== undefined) {
        answer(composer, message.picture);
      }
  }
}

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  // Thrown where the page hears of it: it takes the camera away then.
  handle(data).catch((error: unknown) =>
    queueMicrotask(() => {
      throw error;
    }),
  );
};
