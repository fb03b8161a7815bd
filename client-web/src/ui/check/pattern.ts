// A picture that is hard to compress, so that a test call sends as much as a real one would at most.

const SIZE = { width: 1280, height: 720 };
const FRAMES_PER_SECOND = 20;
/** Blocks of the pattern that change in each frame. */
const BLOCKS = 260;

/** Ends with the track. */
export function patternTrack(): MediaStreamTrack {
  const canvas = document.createElement("canvas");
  canvas.width = SIZE.width;
  canvas.height = SIZE.height;
  const paint = canvas.getContext("2d");
  const [track] = canvas.captureStream(FRAMES_PER_SECOND).getVideoTracks();
  if (track === undefined) {
    throw new Error("a canvas without a picture");
  }
  const timer = setInterval(() => {
    if (track.readyState === "ended") {
      clearInterval(timer);
      return;
    }
    for (let block = 0; paint !== null && block < BLOCKS; block += 1) {
      paint.fillStyle = `hsl(${Math.random() * 360} 70% 50%)`;
      paint.fillRect(Math.random() * SIZE.width, Math.random() * SIZE.height, 48, 48);
    }
  }, 1_000 / FRAMES_PER_SECOND);
  return track;
}

/** The codecs of a call that this browser has. */
export function callCodecs(): readonly string[] {
  if (typeof RTCRtpReceiver === "undefined") {
    return [];
  }
  const known = (["audio", "video"] as const).flatMap((kind) => RTCRtpReceiver.getCapabilities(kind)?.codecs ?? []);
  const names = new Set(known.map(({ mimeType }) => mimeType.split("/")[1]?.toUpperCase() ?? ""));
  return ["OPUS", "VP8", "VP9"].filter((name) => names.has(name));
}
