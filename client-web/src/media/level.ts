// How loud a microphone is right now, measured locally.

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

  /**
   * Starts measuring; `undefined` where the browser gives no audio context. A busy browser takes seconds to run it, and
   * one without an audio device never does: the level is 0 until then.
   */
  static start(track: MediaStreamTrack): LevelMeter | undefined {
    if (typeof AudioContext === "undefined" || track.readyState === "ended") {
      return undefined;
    }
    const clone = track.clone();
    clone.enabled = true;
    const context = new AudioContext();
    try {
      const meter = new LevelMeter(context, clone);
      void context.resume().catch(() => {
        // Closed before it ran.
      });
      return meter;
    } catch {
      // The browser cannot measure this track, say for its sample rate.
      clone.stop();
      void context.close();
      return undefined;
    }
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
