// Reads the browser's statistics: how good the connection is, and what keeps it from being better.

/** One snapshot of `RTCPeerConnection.getStats`, as far as it is read here. */
export type Stats = Iterable<Readonly<Record<string, unknown>>>;

/** Sums at one moment, from which rates follow. */
export interface Counts {
  readonly atMs: number;
  readonly received: number;
  readonly lost: number;
  readonly bytesDown: number;
  readonly bytesUp: number;
}

/** The connection over the last few seconds. Shares are from 0 to 1, rates in bits a second. */
export interface Quality {
  readonly down: number;
  readonly up: number;
  readonly lossDown: number;
  readonly lossUp: number;
  readonly delayMs: number | undefined;
  readonly protocol: "udp" | "tcp" | undefined;
  readonly cause: Cause;
}

/** What is wrong, the worst first; "good" when nothing is. */
export type Cause = "loss_down" | "loss_up" | "delay" | "narrow" | "busy" | "tcp" | "good";

/** From these on people notice. */
const NOTICED = { loss: 0.05, delayMs: 400 };

/** The sums in a snapshot. */
export function countsOf(stats: Stats, atMs: number): Counts {
  const counts = { atMs, received: 0, lost: 0, bytesDown: 0, bytesUp: 0 };
  for (const each of stats) {
    if (each["type"] === "inbound-rtp") {
      counts.received += numberIn(each, "packetsReceived");
      counts.lost += numberIn(each, "packetsLost");
      counts.bytesDown += numberIn(each, "bytesReceived");
    } else if (each["type"] === "outbound-rtp") {
      counts.bytesUp += numberIn(each, "bytesSent");
    }
  }
  return counts;
}

/** The quality between an earlier count and a snapshot of now. */
export function qualityOf(before: Counts, now: Counts, stats: Stats): Quality {
  const all = [...stats];
  const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1_000);
  // A stream that ended takes its sums with it.
  const rise = (count: keyof Counts) => Math.max(0, now[count] - before[count]);
  const lost = rise("lost");
  const expected = lost + rise("received");
  const path = pathOf(all);
  const delayMs = path === undefined ? undefined : numberIn(path.pair, "currentRoundTripTime") * 1_000;
  const facts = {
    down: (rise("bytesDown") * 8) / seconds,
    up: (rise("bytesUp") * 8) / seconds,
    lossDown: expected > 0 ? lost / expected : 0,
    lossUp: Math.max(0, ...all.filter(isType("remote-inbound-rtp")).map((each) => numberIn(each, "fractionLost"))),
    delayMs,
    protocol: path?.protocol,
  };
  const limits = new Set(all.filter(isType("outbound-rtp")).map((each) => each["qualityLimitationReason"]));
  return { ...facts, cause: causeOf(facts, limits) };
}

function causeOf(facts: Omit<Quality, "cause">, limits: ReadonlySet<unknown>): Cause {
  if (facts.lossDown > NOTICED.loss) {
    return "loss_down";
  }
  if (facts.lossUp > NOTICED.loss) {
    return "loss_up";
  }
  if ((facts.delayMs ?? 0) > NOTICED.delayMs) {
    return "delay";
  }
  if (limits.has("bandwidth")) {
    return "narrow";
  }
  if (limits.has("cpu")) {
    return "busy";
  }
  return facts.protocol === "tcp" ? "tcp" : "good";
}

/** The pair of addresses in use, and what carries it. */
function pathOf(all: readonly Readonly<Record<string, unknown>>[]) {
  const selected = all.find(isType("transport"))?.["selectedCandidatePairId"];
  const pairs = all.filter(isType("candidate-pair"));
  const pair = pairs.find((each) => each["id"] === selected) ?? pairs.find((each) => each["nominated"] === true);
  if (pair === undefined) {
    return undefined;
  }
  const local = all.find((each) => each["id"] === pair["localCandidateId"]);
  const protocol = local?.["protocol"];
  return { pair, protocol: protocol === "udp" || protocol === "tcp" ? protocol : undefined } as const;
}

function isType(type: string) {
  return (each: Readonly<Record<string, unknown>>) => each["type"] === type;
}

function numberIn(each: Readonly<Record<string, unknown>>, field: string): number {
  const value = each[field];
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
