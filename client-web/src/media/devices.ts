// Microphones, cameras and screens: opened, listed, and refused with a reason a person understands.

/** Why a device could not be opened; "cancelled": the person chose no screen; "effect": its pictures could not be changed as wished. */
export type DeviceProblem = "denied" | "cancelled" | "missing" | "busy" | "unsuitable" | "unsupported" | "effect";

/** A device could not be opened. */
export class DeviceError extends Error {
  override readonly name = "DeviceError";

  constructor(
    readonly kind: "microphone" | "camera" | "screen",
    readonly problem: DeviceProblem,
    options?: ErrorOptions,
  ) {
    super(`${kind}: ${problem}`, options);
  }
}

const PROBLEMS: ReadonlyMap<string, DeviceProblem> = new Map([
  ["NotAllowedError", "denied"],
  ["SecurityError", "denied"],
  ["NotFoundError", "missing"],
  ["NotReadableError", "busy"],
  ["AbortError", "busy"],
  ["OverconstrainedError", "unsuitable"],
]);

/** How a microphone is asked for: fans and keyboards taken out of a voice, or everything left in, as for music. */
export function soundConstraints(noiseSuppression: boolean): MediaTrackConstraints {
  return { echoCancellation: true, noiseSuppression, autoGainControl: true };
}

/** Opens a microphone, the default one without an id. Throws `DeviceError`. */
export function openMicrophone(deviceId?: string, noiseSuppression = true): Promise<MediaStreamTrack> {
  return open("microphone", { audio: { ...soundConstraints(noiseSuppression), ...exactly(deviceId) } });
}

/** The browser lets a page choose whether noise is taken out. */
export function canSuppressNoise(): boolean {
  return navigator.mediaDevices?.getSupportedConstraints().noiseSuppression === true;
}

/** Takes noise out of an open microphone, or leaves it in; false where the microphone must be opened anew for that. */
export async function suppressNoise(track: MediaStreamTrack, on: boolean): Promise<boolean> {
  try {
    await track.applyConstraints({ ...track.getConstraints(), noiseSuppression: on });
  } catch {
    // What the track does now says whether it was taken.
  }
  return track.getSettings().noiseSuppression === on;
}

/** Opens a camera, the default one without an id. Throws `DeviceError`. */
export function openCamera(deviceId?: string): Promise<MediaStreamTrack> {
  return open("camera", {
    video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 }, ...exactly(deviceId) },
  });
}

/** What browsers know of `getDisplayMedia`, and the libraries do not yet name. */
interface ScreenOptions extends DisplayMediaStreamOptions {
  readonly selfBrowserSurface: "exclude";
  readonly surfaceSwitching: "include";
  readonly systemAudio: "exclude";
}

/** The browser can share a screen; phones cannot. */
export function canShareScreen(): boolean {
  return navigator.mediaDevices?.getDisplayMedia !== undefined;
}

/** Lets the person choose a screen, a window or a tab. Must run in a click; throws `DeviceError`. */
export async function openScreen(withSound: boolean): Promise<MediaStream> {
  if (!canShareScreen()) {
    throw new DeviceError("screen", "unsupported");
  }
  const options: ScreenOptions = {
    video: { frameRate: { max: 30 } },
    // Music and films, not a voice in a room.
    audio: withSound && { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    // The meeting in the meeting has no end, and the sound of the whole machine has the others' voices in it.
    selfBrowserSurface: "exclude",
    surfaceSwitching: "include",
    systemAudio: "exclude",
  };
  try {
    return await navigator.mediaDevices.getDisplayMedia(options);
  } catch (error) {
    throw new DeviceError("screen", screenProblem(error), { cause: error });
  }
}

/** Whoever closes the picker is refused like somebody whose system forbids it; only Chromium's words tell them apart. */
function screenProblem(error: unknown): DeviceProblem {
  if (!(error instanceof Error) || error.name !== "NotAllowedError") {
    return PROBLEMS.get(error instanceof Error ? error.name : "") ?? "unsuitable";
  }
  return error.message.includes("system") ? "denied" : "cancelled";
}

/** The devices of one kind; their labels are empty until a device was allowed. */
export async function listDevices(kind: "audioinput" | "videoinput"): Promise<readonly MediaDeviceInfo[]> {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((device) => device.kind === kind && device.deviceId !== "");
}

/** Calls `handler` when devices come or go, until the returned function is called. */
export function onDevicesChanged(handler: () => void): () => void {
  navigator.mediaDevices.addEventListener("devicechange", handler);
  return () => navigator.mediaDevices.removeEventListener("devicechange", handler);
}

async function open(kind: DeviceError["kind"], constraints: MediaStreamConstraints): Promise<MediaStreamTrack> {
  if (navigator.mediaDevices === undefined) {
    throw new DeviceError(kind, "unsupported");
  }
  try {
    const stream = await navigator.mediaDevices.getUserMedia(constraints);
    const track = stream.getTracks()[0];
    if (track === undefined) {
      throw new DeviceError(kind, "missing");
    }
    return track;
  } catch (error) {
    if (error instanceof DeviceError) {
      throw error;
    }
    const name = error instanceof Error ? error.name : "";
    throw new DeviceError(kind, PROBLEMS.get(name) ?? "unsuitable", { cause: error });
  }
}

function exactly(deviceId: string | undefined): { deviceId?: ConstrainDOMString } {
  return deviceId === undefined || deviceId === "" ? {} : { deviceId: { exact: deviceId } };
}
