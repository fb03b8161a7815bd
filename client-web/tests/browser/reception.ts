// What a person receives: pictures, freezes, sound and its gaps, from the browser's own statistics.
import type { Person } from "./person.ts";

const SAMPLES_PER_SECOND = 48_000;

/** How often the page looks at the picture, in milliseconds. */
const LOOK_MS = 50;

/** Sums over all streams that somebody received, since the page was opened. */
type Sums = Record<(typeof FIGURES)[number], number>;

const FIGURES = [
  "framesDecoded",
  "freezeCount",
  "totalFreezesDuration",
  "concealedSamples",
  "concealmentEvents",
  "totalSamplesReceived",
  "totalAudioEnergy",
  "packetsReceived",
  "packetsLost",
  "nackCount",
  "pliCount",
  "bytesReceived",
] as const;

/** What came since `Reception.begin`. */
export interface Received {
  /** How long this was, in seconds. */
  seconds: number;
  frames: number;
  freezes: number;
  /** What the browser counts as frozen, in seconds; it counts a freeze when it is over. */
  freeze_s: number;
  /** The longest time without a new picture on the screen, in seconds. */
  picture_gap_s: number;
  /** Height of the picture at the end, in pixels. */
  height: number;
  /** Sound that really came, in seconds. */
  sound_s: number;
  /** Sound that was made up for what did not come, in seconds. */
  concealed_s: number;
  concealments: number;
  audio_energy: number;
  /** Of audio and video together. */
  packets_lost: number;
  nacks: number;
  plis: number;
  kbit_per_s: number;
}

/** Watches what a person receives of another, over connections that come and go. */
export class Reception {
  /** The last figures of each stream. */
  private readonly streams = new Map<string, Sums>();
  private start: Sums;
  private begun: number;

  private constructor(
    private readonly person: Person,
    private readonly of: string,
  ) {
    this.start = zero();
    this.begun = performance.now();
  }

  /** Watches the tile of `of` on the screen of `person`. */
  static async begin(person: Person, of: string): Promise<Reception> {
    const reception = new Reception(person, of);
    await person.page.evaluate(
      ([name, every]) => {
        const watched = window as unknown as {
          pictures?: { frames: number; since: number; gap: number; stop(): void };
        };
        watched.pictures?.stop();
        const pictures = { frames: -1, since: performance.now(), gap: 0, stop: () => clearInterval(timer) };
        const timer = setInterval(() => {
          const selector = `[role=group][aria-label="${name}"] video`;
          const video = document.querySelector<HTMLVideoElement>(selector);
          const frames = video?.getVideoPlaybackQuality().totalVideoFrames ?? pictures.frames;
          const now = performance.now();
          pictures.gap = Math.max(pictures.gap, now - pictures.since);
          if (frames !== pictures.frames) pictures.since = now;
          pictures.frames = frames;
        }, every);
        watched.pictures = pictures;
      },
      [of, LOOK_MS] as const,
    );
    await reception.look();
    reception.start = reception.sums();
    reception.begun = performance.now();
    return reception;
  }

  /** What came so far. */
  async now(): Promise<Received> {
    const height = await this.look();
    const gap = await this.person.page.evaluate(
      () => (window as unknown as { pictures: { gap: number } }).pictures.gap / 1000,
    );
    const sums = this.sums();
    const since = (figure: (typeof FIGURES)[number]) => sums[figure] - this.start[figure];
    const seconds = (performance.now() - this.begun) / 1000;
    const concealed = since("concealedSamples") / SAMPLES_PER_SECOND;
    return {
      seconds: round(seconds),
      frames: since("framesDecoded"),
      freezes: since("freezeCount"),
      freeze_s: round(since("totalFreezesDuration")),
      picture_gap_s: round(gap),
      height,
      sound_s: round(since("totalSamplesReceived") / SAMPLES_PER_SECOND - concealed),
      concealed_s: round(concealed),
      concealments: since("concealmentEvents"),
      audio_energy: round(since("totalAudioEnergy")),
      packets_lost: since("packetsLost"),
      nacks: since("nackCount"),
      plis: since("pliCount"),
      kbit_per_s: Math.round((since("bytesReceived") * 8) / 1000 / seconds),
    };
  }

  private sums(): Sums {
    const sums = zero();
    for (const stream of this.streams.values()) {
      for (const figure of FIGURES) sums[figure] += stream[figure];
    }
    return sums;
  }

  /** Takes the figures of every stream there is; returns the height of the picture. */
  private async look(): Promise<number> {
    const reports = await this.person.page.evaluate(
      async ([figures, name]) => {
        const found: { stream: string; figures: Record<string, number> }[] = [];
        const connections = (window as unknown as { peerConnections: RTCPeerConnection[] }).peerConnections;
        for (const [index, connection] of connections.entries()) {
          if (connection.connectionState === "closed") continue;
          for (const report of (await connection.getStats()).values()) {
            if (report.type !== "inbound-rtp") continue;
            const counts = Object.fromEntries(figures.map((figure) => [figure, report[figure] ?? 0]));
            found.push({ stream: `${index}/${report.ssrc}`, figures: counts });
          }
        }
        const video = document.querySelector<HTMLVideoElement>(`[role=group][aria-label="${name}"] video`);
        return { found, height: video?.videoHeight ?? 0 };
      },
      [FIGURES as readonly string[], this.of] as const,
    );
    for (const { stream, figures } of reports.found) this.streams.set(stream, figures as Sums);
    return reports.height;
  }
}

function zero(): Sums {
  return Object.fromEntries(FIGURES.map((figure) => [figure, 0])) as Sums;
}

function round(number: number): number {
  return Math.round(number * 1000) / 1000;
}
