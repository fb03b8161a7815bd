// What people tell each other beside their media, inside the encryption: muted, camera off or taken by the system,
// screen shared, hand up, the call recorded.

/** What a person has on or off. */
export type OwnDevice = "camera" | "microphone";

/** One person's status. */
export interface Status {
  readonly microphone: boolean;
  readonly camera: boolean;
  /** What is on but delivers nothing, because the system gave it to something else, as to a phone call. */
  readonly interrupted?: readonly OwnDevice[] | undefined;
  /** Shares a screen. */
  readonly screen?: boolean | undefined;
  /** Records the call. */
  readonly recording?: boolean | undefined;
  /** The place drawn in the queue of raised hands, one after the last that was up; no time, for clocks differ. */
  readonly hand?: number | undefined;
}

/** No queue is longer than this. */
export const LAST_PLACE = 1_000_000;

/** The payload of an application message with a status. */
export function encodeStatus({ microphone, camera, interrupted = [], screen, recording, hand }: Status): string {
  return JSON.stringify({
    type: "status",
    microphone,
    camera,
    ...(interrupted.length > 0 && { interrupted }),
    ...(screen === true && { screen }),
    ...(recording === true && { recording }),
    ...(hand !== undefined && { hand }),
  });
}

/** The status in the fields of a message; `undefined` when they are none. */
export function readStatus({
  microphone,
  camera,
  interrupted,
  screen,
  recording,
  hand,
}: Readonly<Record<string, unknown>>): Status | undefined {
  if (typeof microphone !== "boolean" || typeof camera !== "boolean" || !isFlag(screen) || !isFlag(recording)) {
    return undefined;
  }
  if (interrupted !== undefined && !isDevices(interrupted)) {
    return undefined;
  }
  const devices = {
    microphone,
    camera,
    ...(interrupted !== undefined && { interrupted }),
    ...(screen === true && { screen }),
    ...(recording === true && { recording }),
  };
  if (hand === undefined) {
    return devices;
  }
  if (typeof hand !== "number" || !Number.isInteger(hand) || hand < 1 || hand > LAST_PLACE) {
    return undefined;
  }
  return { ...devices, hand };
}

function isDevices(value: unknown): value is readonly OwnDevice[] {
  return Array.isArray(value) && value.length <= 2 && value.every((each) => each === "camera" || each === "microphone");
}

function isFlag(value: unknown): boolean {
  return value === undefined || typeof value === "boolean";
}
