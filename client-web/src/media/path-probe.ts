// Tries one way to the media server, UDP or TCP alone, without sending any media: connected or not, and how far it is.
import type { Section } from "../wire/types.ts";
import { answerForBrowser, offerForServer, onlyCandidates, type PathProtocol } from "./sdp.ts";

/** What one way is like. */
export type PathResult =
  | { readonly open: true /** There and back. */; readonly roundTripMs: number | undefined }
  /** "closed": the server offers it, and nothing came through. "not_offered": the server has no such way. */
  | { readonly open: false; readonly why: "closed" | "not_offered" | "no_answer" };

/** How long a way has to open. */
const PATIENCE_MS = 8_000;

/** `negotiate` sends the offer and brings the server's answer. */
export async function probePath(
  protocol: PathProtocol,
  negotiate: (sdp: string, sections: Section[]) => Promise<string>,
): Promise<PathResult> {
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", rtcpMuxPolicy: "require", iceServers: [] });
  try {
    // A section that never gets a track: there is nothing that could leave unencrypted.
    const transceiver = pc.addTransceiver("audio", { direction: "sendonly" });
    await pc.setLocalDescription();
    const offer = offerForServer(pc.localDescription?.sdp ?? "");
    const answer = await negotiate(offer, [
      { mid: transceiver.mid ?? "", role: "publish", source: "microphone" },
    ]).catch(() => undefined);
    if (answer === undefined) {
      return { open: false, why: "no_answer" };
    }
    const narrowed = onlyCandidates(answerForBrowser(answer), protocol);
    if (narrowed === undefined) {
      return { open: false, why: "not_offered" };
    }
    await pc.setRemoteDescription({ type: "answer", sdp: narrowed });
    return (await connects(pc)) ? { open: true, roundTripMs: await roundTrip(pc) } : { open: false, why: "closed" };
  } finally {
    pc.close();
  }
}

function connects(pc: RTCPeerConnection): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (open: boolean) => {
      clearTimeout(timer);
      resolve(open);
    };
    const timer = setTimeout(() => finish(false), PATIENCE_MS);
    const look = () => {
      if (pc.connectionState === "connected" || pc.connectionState === "failed") {
        finish(pc.connectionState === "connected");
      }
    };
    pc.addEventListener("connectionstatechange", look);
    look();
  });
}

async function roundTrip(pc: RTCPeerConnection): Promise<number | undefined> {
  const report: ReadonlyMap<string, RTCStats> = await pc.getStats();
  for (const stats of report.values()) {
    const pair = stats as RTCIceCandidatePairStats;
    if (stats.type === "candidate-pair" && pair.nominated && pair.currentRoundTripTime !== undefined) {
      return pair.currentRoundTripTime * 1_000;
    }
  }
  return undefined;
}
