import { describe, expect, it } from "vitest";
import { trafficOf } from "./traffic.ts";

const path = (address: string) => [
  { type: "candidate-pair", nominated: true, localCandidateId: "a" },
  { type: "local-candidate", id: "b", address: "10.0.0.9" },
  { type: "local-candidate", id: "a", address },
];

describe("the traffic that a server can count", () => {
  it("is what went out by kind, all layers together, and all that came", () => {
    const traffic = trafficOf([
      ...path("192.0.2.7"),
      { type: "outbound-rtp", kind: "audio", bytesSent: 100, packetsSent: 2 },
      { type: "outbound-rtp", kind: "video", bytesSent: 5_000, packetsSent: 5 },
      { type: "outbound-rtp", kind: "video", bytesSent: 1_000, packetsSent: 1 },
      { type: "inbound-rtp", kind: "audio", bytesReceived: 70, packetsReceived: 1 },
      { type: "inbound-rtp", kind: "video", bytesReceived: 30, packetsReceived: 3 },
      { type: "remote-inbound-rtp", kind: "video", bytesReceived: 9_999, packetsReceived: 9 },
    ]);
    expect(traffic).toEqual({
      address: "192.0.2.7",
      soundSent: { bytes: 100, packets: 2 },
      pictureSent: { bytes: 6_000, packets: 6 },
      received: { bytes: 100, packets: 4 },
    });
  });

  it("has no address where the browser hides it", () => {
    expect(trafficOf(path("7c2f.local")).address).toBeUndefined();
    expect(trafficOf(path("")).address).toBeUndefined();
    expect(trafficOf([]).address).toBeUndefined();
  });
});
