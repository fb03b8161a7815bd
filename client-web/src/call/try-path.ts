// Tries one way to the media server from within a room, as somebody who never gets a key and never sends anything.
import { randomBase64Url } from "../base/bytes.ts";
import { type PathResult, probePath } from "../media/path-probe.ts";
import type { PathProtocol } from "../media/sdp.ts";
import { SignalingSocket } from "../signaling/socket.ts";
import { Negotiator } from "./negotiator.ts";

const CLIENT_ID_BYTES = 16;
/** How long the signaling service has to let this client in. */
const PATIENCE_MS = 10_000;

/** Whether `protocol` alone connects this browser to the server's media; `room` is one made for the test. */
export async function tryPath(server: URL, room: string, protocol: PathProtocol): Promise<PathResult> {
  const clientId = randomBase64Url(CLIENT_ID_BYTES);
  const socket = new SignalingSocket({ server, hello: () => Promise.resolve({ room, client_id: clientId }) });
  const negotiator = new Negotiator(socket);
  socket.on("message", ({ message }) => {
    if (message.type === "answer" || message.type === "offer_rejected") {
      negotiator.handle(message);
    }
  });
  try {
    const isIn = opened(socket);
    socket.start();
    if (!(await isIn)) {
      return { open: false, why: "no_answer" };
    }
    return await probePath(protocol, (sdp, sections) => negotiator.offer(sdp, sections));
  } finally {
    socket.stop();
  }
}

function opened(socket: SignalingSocket): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), PATIENCE_MS);
    socket.on("state", (state) => {
      if (state === "open" || state === "stopped") {
        clearTimeout(timer);
        resolve(state === "open");
      }
    });
  });
}
