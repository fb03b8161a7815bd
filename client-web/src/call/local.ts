// The own microphone and camera: the one owner of their tracks.
import { openCamera, openMicrophone } from "../media/devices.ts";
import type { Source } from "../wire/types.ts";

/** Sources a participant publishes. */
export type LocalSource = Extract<Source, "microphone" | "camera">;

/** Holds the tracks. A muted microphone stays open and sends silence; a camera that is off is closed. */
export class LocalMedia {
  #microphone: MediaStreamTrack | null;
  #camera: MediaStreamTrack | null;
  #microphoneOn: boolean;
  #microphoneId: string | undefined;
  #cameraId: string | undefined;
  #preview: MediaStream | undefined;

  constructor(microphone: MediaStreamTrack | undefined, camera: MediaStreamTrack | undefined) {
    this.#microphone = microphone ?? null;
    this.#camera = camera ?? null;
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
    return source === "microphone" ? this.#microphone : this.#camera;
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
    const track = await openMicrophone(deviceId);
    track.enabled = this.#microphoneOn;
    this.#microphone?.stop();
    this.#microphone = track;
    this.#microphoneId = deviceId;
  }

  /** Changes the camera and turns it on; throws `DeviceError`. */
  async replaceCamera(deviceId: string | undefined): Promise<void> {
    const track = await openCamera(deviceId);
    this.#camera?.stop();
    this.#camera = track;
    this.#cameraId = deviceId;
  }

  /** Chooses the camera to open next. */
  chooseCamera(deviceId: string): void {
    this.#cameraId = deviceId;
  }

  close(): void {
    this.#microphone?.stop();
    this.#camera?.stop();
    this.#microphone = null;
    this.#camera = null;
    this.#preview = undefined;
  }
}
