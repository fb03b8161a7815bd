// A camera whose background is blurred: by the system where it can, else by a worker of ours. Loaded when it is wanted.

import networkUrl from "@mediapipe/selfie_segmentation/selfie_segmentation_landscape.tflite?url";
import type { FromWorker, Streams, ToWorker } from "./messages.ts";
import workerUrl from "./worker.ts?worker&url";

/** How long the first picture may take, in milliseconds: module and network have to be fetched. */
const PATIENCE_MS = 20_000;

/** Chromium's way from a track to its pictures and back, which the libraries do not name. */
declare class MediaStreamTrackProcessor {
  constructor(options: { track: MediaStreamTrack; maxBufferSize: number });
  readonly readable: ReadableStream<VideoFrame>;
}
declare class MediaStreamTrackGenerator extends MediaStreamTrack {
  constructor(options: { kind: "video" });
  readonly writable: WritableStream<VideoFrame>;
}

/**
 * The camera's pictures with a blurred background. Whoever stops the answer stops the camera, and it ends when the
 * camera or the blurring does: never a picture that is not blurred. Rejects when it cannot be done, with the camera
 * as it was. `onPace`: whether this device is too slow for it.
 */
export async function blurBackground(
  camera: MediaStreamTrack,
  onPace: (slow: boolean) => void,
): Promise<MediaStreamTrack> {
  return (await blurBySystem(camera)) ?? blurByWorker(camera, onPace);
}

async function blurBySystem(camera: MediaStreamTrack): Promise<MediaStreamTrack | undefined> {
  const { backgroundBlur = [] } = camera.getCapabilities?.() ?? {};
  if (!backgroundBlur.includes(true)) {
    return undefined;
  }
  await camera.applyConstraints({ ...camera.getConstraints(), backgroundBlur: true }).catch(() => undefined);
  const isBlurred = () => camera.getSettings().backgroundBlur === true;
  if (!isBlurred()) {
    return undefined;
  }
  // The system's own switch may be turned off at any time.
  camera.addEventListener("configurationchange", () => {
    if (!isBlurred() && camera.readyState === "live") {
      camera.stop();
      camera.dispatchEvent(new Event("ended"));
    }
  });
  return camera;
}

async function blurByWorker(camera: MediaStreamTrack, onPace: (slow: boolean) => void): Promise<MediaStreamTrack> {
  const worker = new Worker(trusted(workerUrl), { type: "module", name: "conclave-background" });
  const path = "MediaStreamTrackGenerator" in globalThis ? streams(camera) : pictures(camera, worker);
  const { track } = path;
  const close = () => {
    worker.terminate();
    path.close();
  };
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => {
      clearTimeout(timer);
      if (track.readyState === "live") {
        // Before anybody has it this ends nothing but the attempt.
        close();
        stopTrack();
        reject(new Error(reason));
        track.dispatchEvent(new Event("ended"));
      }
    };
    const stopTrack = own(track, camera, close);
    const timer = setTimeout(() => fail("the background was not blurred in time"), PATIENCE_MS);
    camera.addEventListener("ended", () => fail("the camera is gone"));
    for (const event of ["mute", "unmute"]) {
      camera.addEventListener(event, () => track.dispatchEvent(new Event(event)));
    }
    worker.onerror = (event) => {
      event.preventDefault();
      fail(event.message || "the worker could not be loaded");
    };
    worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === "running") {
        clearTimeout(timer);
        resolve(track);
      } else if (data.type === "pace") {
        onPace(data.slow);
      }
    });
    const open: ToWorker = {
      type: "open",
      module: new URL("./wasm/silhouette.wasm", import.meta.url).href,
      network: new URL(networkUrl, globalThis.location.href).href,
      streams: path.streams,
    };
    worker.postMessage(open, path.streams === undefined ? [] : [path.streams.from, path.streams.to]);
  });
}

/** A way of pictures to a worker and back into a track. */
interface Path {
  readonly track: MediaStreamTrack;
  readonly streams?: Streams;
  close(): void;
}

function streams(camera: MediaStreamTrack): Path {
  const generator = new MediaStreamTrackGenerator({ kind: "video" });
  const processor = new MediaStreamTrackProcessor({ track: camera, maxBufferSize: 1 });
  return { track: generator, streams: { from: processor.readable, to: generator.writable }, close: () => undefined };
}

function pictures(camera: MediaStreamTrack, worker: Worker): Path {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  video.srcObject = new MediaStream([camera]);
  video.play().catch(() => undefined);
  const canvas = document.createElement("canvas");
  const { width = 640, height = 480 } = camera.getSettings();
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { alpha: false });
  const track = canvas.captureStream().getVideoTracks()[0];
  if (context === null || track === undefined) {
    throw new Error("this browser makes no track of a canvas");
  }
  worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
    if (data.type === "wanted") {
      createImageBitmap(video).then(
        (picture) => worker.postMessage({ type: "picture", picture } satisfies ToWorker, [picture]),
        // The camera has no picture yet.
        () => worker.postMessage({ type: "picture", picture: undefined } satisfies ToWorker),
      );
    } else if (data.type === "picture") {
      if (canvas.width !== data.picture.width || canvas.height !== data.picture.height) {
        canvas.width = data.picture.width;
        canvas.height = data.picture.height;
      }
      context.drawImage(data.picture, 0, 0);
      data.picture.close();
    }
  });
  return {
    track,
    close: () => {
      video.srcObject = null;
    },
  };
}

/** Makes the track the camera's own: stopping it stops the camera, and it names the camera's device. Returns its own stop. */
function own(track: MediaStreamTrack, camera: MediaStreamTrack, close: () => void): () => void {
  const stop = track.stop.bind(track);
  const getSettings = track.getSettings.bind(track);
  track.stop = () => {
    close();
    stop();
    camera.stop();
  };
  track.getSettings = () => {
    const { deviceId } = camera.getSettings();
    return deviceId === undefined ? getSettings() : { ...getSettings(), deviceId };
  };
  return stop;
}

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

let policy: ReturnType<TrustedTypes["createPolicy"]> | undefined;

/** The address in the form that `require-trusted-types-for 'script'` asks for; the policy knows this one only. */
function trusted(address: string): string {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  policy ??= trustedTypes?.createPolicy("conclave-background", { createScriptURL: () => workerUrl });
  return policy?.createScriptURL(address) ?? address;
}
