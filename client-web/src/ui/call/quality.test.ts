import { describe, expect, it } from "vitest";
import { countsOf, qualityOf } from "./quality.ts";

interface Line {
  lost?: number;
  delay?: number;
  upLoss?: number;
  limit?: string;
  protocol?: string;
}

/** A snapshot after so many packets of 100 bytes in each direction. */
function snapshot(
  packets: number,
  { lost = 0, delay = 0.03, upLoss = 0, limit = "none", protocol = "udp" }: Line = {},
) {
  return [
    { type: "inbound-rtp", packetsReceived: packets, packetsLost: lost, bytesReceived: packets * 100 },
    { type: "outbound-rtp", bytesSent: packets * 100, qualityLimitationReason: limit },
    { type: "remote-inbound-rtp", fractionLost: upLoss },
    { type: "transport", selectedCandidatePairId: "pair" },
    { type: "candidate-pair", id: "other", currentRoundTripTime: 9 },
    { type: "candidate-pair", id: "pair", localCandidateId: "here", currentRoundTripTime: delay },
    { type: "local-candidate", id: "here", protocol },
  ];
}

const after = (packets: number, line?: Line) => {
  const before = countsOf(snapshot(0), 0);
  const now = snapshot(packets, line);
  return qualityOf(before, countsOf(now, 2_000), now);
};

describe("the quality of the connection", () => {
  it("is what changed between two snapshots", () => {
    expect(after(1_000)).toEqual({
      down: 400_000,
      up: 400_000,
      lossDown: 0,
      lossUp: 0,
      delayMs: 30,
      protocol: "udp",
      cause: "good",
    });
  });

  it.each([
    ["loss_down", { lost: 100 }],
    ["loss_up", { upLoss: 0.2 }],
    ["delay", { delay: 0.6 }],
    ["narrow", { limit: "bandwidth" }],
    ["busy", { limit: "cpu" }],
    ["tcp", { protocol: "tcp" }],
    ["loss_down", { lost: 100, upLoss: 0.2, delay: 0.6, limit: "cpu", protocol: "tcp" }],
  ])("suffers from %s", (cause, line) => {
    expect(after(1_000, line).cause).toBe(cause);
  });

  it("has no rates below nothing when streams end", () => {
    const before = countsOf(snapshot(5_000, { lost: 50 }), 0);
    const now = snapshot(10);
    expect(qualityOf(before, countsOf(now, 2_000), now)).toMatchObject({ down: 0, up: 0, lossDown: 0 });
  });

  it("survives statistics that say nothing", () => {
    const none = countsOf([], 0);
    expect(qualityOf(none, none, [{}, { type: "inbound-rtp", packetsLost: "many" }])).toEqual({
      down: 0,
      up: 0,
      lossDown: 0,
      lossUp: 0,
      delayMs: undefined,
      protocol: undefined,
      cause: "good",
    });
  });
});
