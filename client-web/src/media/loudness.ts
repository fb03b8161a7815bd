// How loud received sound is, from the statistics of what was decoded and played: no header on the wire tells it.

interface Energy {
  readonly energy: number;
  readonly seconds: number;
}

/** Compares each section's sound energy with that of the time before. */
export class Loudness {
  #before = new Map<string, Energy>();

  /** Root mean square, 0 to 1, of what each section (by mid) played since the last call; none where nothing was played. */
  update(report: ReadonlyMap<string, RTCStats>): ReadonlyMap<string, number> {
    const levels = new Map<string, number>();
    const now = new Map<string, Energy>();
    for (const stats of report.values()) {
      const { type, kind, mid, totalAudioEnergy, totalSamplesDuration } = stats as RTCInboundRtpStreamStats;
      if (type !== "inbound-rtp" || kind !== "audio" || mid === undefined) {
        continue;
      }
      const sum = { energy: totalAudioEnergy ?? 0, seconds: totalSamplesDuration ?? 0 };
      now.set(mid, sum);
      const before = this.#before.get(mid);
      if (before !== undefined && sum.seconds > before.seconds) {
        levels.set(mid, Math.sqrt(Math.max(0, sum.energy - before.energy) / (sum.seconds - before.seconds)));
      }
    }
    this.#before = now;
    return levels;
  }
}
