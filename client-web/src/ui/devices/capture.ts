// Owns one local device before the call: starts it, stops it, swaps it and gives its track away on joining.

import { batch, type ReadonlySignal, signal } from "@preact/signals";
import { soundConstraints, suppressNoise } from "../../index.ts";
import { behind } from "./background.ts";
import { recall, remember } from "./memory.ts";
import { suppressesNoise } from "./noise.ts";
import type { DeviceKind, DeviceProblem } from "./problem.ts";
import { problemOf } from "./problem.ts";

/** Whether a device delivers. */
export type CaptureState =
  | { readonly kind: "off" }
  | { readonly kind: "starting" }
  | { readonly kind: "on"; readonly track: MediaStreamTrack }
  | { readonly kind: "problem"; readonly problem: DeviceProblem };

/** The owner of a camera's or a microphone's track until `release`. */
export class Capture {
  readonly #state = signal<CaptureState>({ kind: "off" });
  readonly #deviceId = signal("");
  readonly #kind: DeviceKind;
  readonly #source: MediaDevices | undefined;
  /** Rises with every start and stop, so that a late answer of the browser is recognised and its track stopped. */
  #attempt = 0;

  constructor(kind: DeviceKind, source: MediaDevices | undefined) {
    this.#kind = kind;
    this.#source = source;
    this.#deviceId.value = recall(kind);
  }

  get state(): ReadonlySignal<CaptureState> {
    return this.#state;
  }

  /** The picked device, or the one in use; "" for the system's default. */
  get deviceId(): ReadonlySignal<string> {
    return this.#deviceId;
  }

  /** Marks the device as starting without asking for it: a common request for both devices is under way. */
  expect(): number {
    this.#attempt += 1;
    this.#state.value = { kind: "starting" };
    return this.#attempt;
  }

  /** Takes a track from a common request; stops it when the person has meanwhile turned the device off. */
  async adopt(attempt: number, device: MediaStreamTrack): Promise<void> {
    const track = await this.#shown(attempt, device);
    if (track === undefined || attempt !== this.#attempt) {
      track?.stop();
      return;
    }
    track.addEventListener("ended", () => {
      // Unplugged, or taken back by the browser. The default device may well be there.
      if (attempt === this.#attempt) {
        void this.start("");
      }
    });
    batch(() => {
      this.#state.value = { kind: "on", track };
      this.#deviceId.value = realDevice(track.getSettings().deviceId) ?? this.#deviceId.value;
    });
  }

  /** Starts the device; problems end up in `state`. */
  async start(deviceId: string = this.#deviceId.value): Promise<void> {
    this.#stopTrack();
    const attempt = this.expect();
    if (this.#source === undefined) {
      this.#state.value = { kind: "problem", problem: "insecure" };
      return;
    }
    try {
      const constraints = this.constraints(deviceId);
      const stream = await this.#source.getUserMedia(
        this.#kind === "camera" ? { video: constraints } : { audio: constraints },
      );
      const track = stream.getTracks()[0];
      if (track !== undefined) {
        await this.adopt(attempt, track);
      }
    } catch (error) {
      if (attempt === this.#attempt) {
        this.#state.value = { kind: "problem", problem: problemOf(error) };
      }
    }
  }

  /** Picks a device for now and for the next meeting, and switches to it when the device is on. */
  async pick(deviceId: string): Promise<void> {
    remember(this.#kind, deviceId);
    this.#deviceId.value = deviceId;
    if (this.#state.value.kind !== "off") {
      await this.start(deviceId);
    }
  }

  /** Does to an open microphone what was chosen about noise. */
  async followNoise(): Promise<void> {
    const state = this.#state.value;
    if (state.kind === "on" && !(await suppressNoise(state.track, suppressesNoise.peek()))) {
      await this.start();
    }
  }

  /** Does to an open camera what was chosen about the background. */
  async followBackground(): Promise<void> {
    if (this.#state.value.kind !== "off") {
      await this.start();
    }
  }

  /** Turns the device off; its light goes out. */
  stop(): void {
    this.#attempt += 1;
    this.#stopTrack();
    this.#state.value = { kind: "off" };
  }

  /** Resolves once the device has started or failed, or after `patienceMs`: a permission question may stay unanswered. */
  settled(patienceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => finish(), patienceMs);
      const stop = this.#state.subscribe(({ kind }) => {
        if (kind !== "starting") {
          finish();
        }
      });
      function finish(): void {
        clearTimeout(timer);
        resolve();
        // The first call may come from inside `subscribe`, before there is anything to stop.
        queueMicrotask(() => stop());
      }
    });
  }

  /** Gives the track away, running; from here on the receiver owns and stops it. */
  release(): MediaStreamTrack | undefined {
    const state = this.#state.value;
    this.#attempt += 1;
    this.#state.value = { kind: "off" };
    return state.kind === "on" ? state.track : undefined;
  }

  /** What to ask the browser for. */
  constraints(deviceId: string = this.#deviceId.value): MediaTrackConstraints {
    // `ideal`, not `exact`: a remembered device that is gone must not keep a person out.
    const device = deviceId === "" ? {} : { deviceId: { ideal: deviceId } };
    return this.#kind === "camera"
      ? { ...device, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } }
      : { ...device, ...soundConstraints(suppressesNoise.peek()) };
  }

  /** A camera as it may be seen; a problem, and nothing, when the background is to be blurred and cannot be. */
  async #shown(attempt: number, device: MediaStreamTrack): Promise<MediaStreamTrack | undefined> {
    if (this.#kind === "microphone") {
      return device;
    }
    try {
      return await behind(device);
    } catch {
      if (attempt === this.#attempt) {
        this.#state.value = { kind: "problem", problem: "unblurred" };
      }
      return undefined;
    }
  }

  #stopTrack(): void {
    const state = this.#state.value;
    if (state.kind === "on") {
      state.track.stop();
    }
  }
}

/** Chromium calls the system's choices "default" and "communications"; here they are "". */
function realDevice(id: string | undefined): string | undefined {
  return id === "default" || id === "communications" ? "" : id;
}

/** Starts both devices with one question to the person; each gets its own problem when that fails. */
export async function startBoth(source: MediaDevices | undefined, camera: Capture, microphone: Capture): Promise<void> {
  const cameraAttempt = camera.expect();
  const microphoneAttempt = microphone.expect();
  if (source !== undefined) {
    try {
      const stream = await source.getUserMedia({ video: camera.constraints(), audio: microphone.constraints() });
      await Promise.all(
        stream
          .getTracks()
          .map((track) =>
            track.kind === "video" ? camera.adopt(cameraAttempt, track) : microphone.adopt(microphoneAttempt, track),
          ),
      );
      return;
    } catch {
      // One of the two is missing or blocked: ask one by one, so that the other one works.
    }
  }
  const stillWanted = [camera, microphone].filter((capture) => capture.state.value.kind === "starting");
  for (const capture of stillWanted) {
    await capture.start();
  }
}
