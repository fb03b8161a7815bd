// What this participant publishes: the one owner of the tracks of microphone and camera, and of the shared screen.
import { DeviceError, openCamera, openMicrophone, suppressNoise } from "../media/devices.ts";
import type { Source } from "../wire/types.ts";
import { OwnShare } from "./share.ts";

/** Sources a participant publishes. */
export type LocalSource = Source;

/** What a call begins with. The tracks become its own. */
export interface LocalOptions {
  readonly microphone?: MediaStreamTrack | undefined;
  readonly camera?: MediaStreamTrack | undefined;
  /** Whether noise is taken out of the microphone; yes without it. */
  readonly noiseSuppression?: boolean | undefined;
  /** What is done to each camera that is opened. */
  readonly cameraEffect?: CameraEffect | undefined;
}

/**
 * Changes a camera's pictures: takes its track and answers with the one to send, which it stops and ends together with the camera's. Nothing else is sent:
 * when it rejects, the camera stays off.
 */
export type CameraEffect = (camera: MediaStreamTrack) => Promise<MediaStreamTrack>;

/** Holds the tracks. A muted microphone stays open and sends silence; a camera that is off is closed. */
export class LocalMedia {
  #microphone: MediaStreamTrack | null;
  #camera: MediaStreamTrack | null;
  #microphoneOn: boolean;
  #microphoneId: string | undefined;
  #cameraId: string | undefined;
  #preview: MediaStream | undefined;
  #sound: MediaStream | undefined;

  #noiseSuppression: boolean;
  readonly #effect: CameraEffect;
  readonly share: OwnShare;

  /** `onEnded`: a device was unplugged or taken away, or the browser ended the sharing of the screen. */
  constructor(
    { microphone, camera, noiseSuppression = true, cameraEffect = async (track) => track }: LocalOptions,
    private readonly onEnded: (source: Exclude<LocalSource, "screen_audio">) => void,
  ) {
    this.share = new OwnShare(() => onEnded("screen_video"));
    this.#noiseSuppression = noiseSuppression;
    this.#effect = cameraEffect;
    this.#microphone = microphone ?? null;
    this.#camera = camera ?? null;
    this.#watch("microphone", this.#microphone);
    this.#watch("camera", this.#camera);
    this.#microphoneOn = microphone?.enabled ?? false;
    this.#microphoneId = microphone?.getSettings().deviceId;
    this.#cameraId = camera?.getSettings().deviceId;
  }

  get microphoneOn(): boolean {
    return this.#microphoneOn && this.#microphone?.readyState === "live";
  }

  get cameraOn(): boolean {
    return this.#camera?.readyState === "live" && this.#camera.enabled;
  }

  track(source: LocalSource): MediaStreamTrack | null {
    switch (source) {
      case "microphone":
        return this.#microphone;
      case "camera":
        return this.#camera;
      case "screen_video":
      case "screen_audio":
        return this.share.track(source);
    }
  }

  /** The own picture. The same stream while the camera is the same. */
  preview(): MediaStream | undefined {
    if (this.#camera === null) {
      this.#preview = undefined;
    } else if (this.#preview?.getVideoTracks()[0] !== this.#camera) {
      this.#preview = new MediaStream([this.#camera]);
    }
    return this.#preview;
  }

  /** The own sound. The same stream while the microphone is the same. */
  sound(): MediaStream | undefined {
    if (this.#microphone === null) {
      this.#sound = undefined;
    } else if (this.#sound?.getAudioTracks()[0] !== this.#microphone) {
      this.#sound = new MediaStream([this.#microphone]);
    }
    return this.#sound;
  }

  /** Unmutes or mutes. Opens the microphone when there is none yet; throws `DeviceError`. */
  async setMicrophone(on: boolean): Promise<void> {
    if (on && this.#microphone?.readyState !== "live") {
      await this.replaceMicrophone(this.#microphoneId);
    }
    this.#microphoneOn = on;
    if (this.#microphone !== null) {
      this.#microphone.enabled = on;
    }
  }

  /** Opens or closes the camera; throws `DeviceError`. */
  async setCamera(on: boolean): Promise<void> {
    if (on && !this.cameraOn) {
      await this.replaceCamera(this.#cameraId);
    } else if (!on) {
      this.#camera?.stop();
      this.#camera = null;
    }
  }

  /** Changes the microphone, muted or not as before; throws `DeviceError`. */
  async replaceMicrophone(deviceId: string | undefined): Promise<void> {
    const track = await openMicrophone(deviceId, this.#noiseSuppression);
    track.enabled = this.#microphoneOn;
    this.#microphone?.stop();
    this.#microphone = track;
    this.#watch("microphone", track);
    this.#microphoneId = deviceId;
  }

  /** Changes the camera and turns it on; throws `DeviceError`. */
  async replaceCamera(deviceId: string | undefined): Promise<void> {
    const camera = await openCamera(deviceId);
    const track = await this.#effect(camera).catch((error: unknown) => {
      camera.stop();
      // The one from before shows what is not to be seen any more.
      this.#camera?.stop();
      this.#camera = null;
      throw new DeviceError("camera", "effect", { cause: error });
    });
    this.#camera?.stop();
    this.#camera = track;
    this.#cameraId = deviceId;
    this.#watch("camera", track);
  }

  /** Takes noise out of the microphone, or leaves it in, at once and from now on; throws `DeviceError`. */
  async setNoiseSuppression(on: boolean): Promise<void> {
    this.#noiseSuppression = on;
    const microphone = this.#microphone;
    if (microphone?.readyState === "live" && !(await suppressNoise(microphone, on))) {
      // Chromium opens a device that is open as it was opened before.
      microphone.stop();
      await this.replaceMicrophone(this.#microphoneId);
    }
  }

  /** Chooses the camera to open next. */
  chooseCamera(deviceId: string): void {
    this.#cameraId = deviceId;
  }

  /** Turns a source off; a shared screen goes as a whole. */
  async silence(source: LocalSource): Promise<void> {
    switch (source) {
      case "microphone":
        return this.setMicrophone(false);
      case "camera":
        return this.setCamera(false);
      case "screen_video":
      case "screen_audio":
        return this.share.stop();
    }
  }

  close(): void {
    this.#sound = undefined;
    this.share.stop();
    this.#microphone?.stop();
    this.#camera?.stop();
    this.#microphone = null;
    this.#camera = null;
    this.#preview = undefined;
  }

  #watch(source: "microphone" | "camera", track: MediaStreamTrack | null): void {
    // Not by `stop`: that ends a track without a word.
    track?.addEventListener("ended", () => {
      if (this.track(source) === track) {
        this.onEnded(source);
      }
    });
  }
}
