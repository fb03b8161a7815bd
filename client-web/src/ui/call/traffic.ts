// What passes the server, as the browser counted it: the part of the ledger that is measured.

import type { Stats } from "./quality.ts";

/** How much went one way in this connection. */
export interface Flow {
  readonly bytes: number;
  readonly packets: number;
}

/** What the server can count of this participant's media, and where from. */
export interface Traffic {
  /** The address that the media goes out from, where the browser tells it. */
  readonly address: string | undefined;
  readonly soundSent: Flow;
  readonly pictureSent: Flow;
  readonly received: Flow;
}

/** The traffic in a snapshot of `RTCPeerConnection.getStats`. */
export function trafficOf(stats: Stats): Traffic {
  const all = [...stats];
  const pair = all.find((each) => each["type"] === "candidate-pair" && each["nominated"] === true);
  const local = all.find((each) => each["type"] === "local-candidate" && each["id"] === pair?.["localCandidateId"]);
  const address = local?.["address"];
  return {
    // A browser that hides its addresses names a host that only it knows.
    address: typeof address === "string" && address !== "" && !address.endsWith(".local") ? address : undefined,
    soundSent: flowOf(all, "outbound-rtp", "Sent", "audio"),
    pictureSent: flowOf(all, "outbound-rtp", "Sent", "video"),
    received: flowOf(all, "inbound-rtp", "Received"),
  };
}

function flowOf(stats: Stats, type: string, way: "Sent" | "Received", kind?: string): Flow {
  const flow = { bytes: 0, packets: 0 };
  for (const each of stats) {
    if (each["type"] === type && (kind === undefined || each["kind"] === kind)) {
      flow.bytes += countIn(each, `bytes${way}`);
      flow.packets += countIn(each, `packets${way}`);
    }
  }
  return flow;
}

function countIn(stats: Readonly<Record<string, unknown>>, name: string): number {
  const value = stats[name];
  return typeof value === "number" ? value : 0;
}
