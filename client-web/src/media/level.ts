// How loud a microphone is right now, measured locally.

/** Without an audio device `AudioContext.resume()` may never settle. */
const RESUME_PATIENCE_MS = 1_000;

/** Measures one audio track. Its own clone: muting or stopping the track does not disturb it, nor it the track. */
export class LevelMeter {
  readonly #context: AudioContext;
  readonly #analyser: AnalyserNode;
  readonly #samples: Float32Array<ArrayBuffer>;
  readonly #track: MediaStreamTrack;

  private constructor(context: AudioContext, track: MediaStreamTrack) {
    this.#context = context;
    this.#track = track;
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = 1024;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    context.createMediaStreamSource(new MediaStream([track])).connect(this.#analyser);
  }

  /** Starts measuring; `undefined` where the browser gives no audio context. */
  static async start(track: MediaStreamTrack): Promise<LevelMeter | undefined> {
    if (typeof AudioContext === "undefined" || track.readyState === "ended") {
      return undefined;
    }
    const clone = track.clone();
    clone.enabled = true;
    const meter = new LevelMeter(new AudioContext(), clone);
    const resumed = await settles(meter.#context.resume(), RESUME_PATIENCE_MS);
    if (!resumed) {
      meter.close();
      return undefined;
    }
    return meter;
  }

  /** Root mean square of the last 20 ms, 0 to 1. */
  level(): number {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) {
      sum += sample * sample;
    }
    return Math.sqrt(sum / this.#samples.length);
  }

  close(): void {
    this.#track.stop();
    void this.#context.close().catch(() => {
      // Already closed.
    });
  }
}

async function settles(promise: Promise<unknown>, patienceMs: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), patienceMs);
  });
  try {
    return await Promise.race([promise.then(() => true), timeout]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
