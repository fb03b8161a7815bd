// What people tell each other beside their media, inside the encryption: muted, camera off, screen shared, hand up,
// the call recorded.

/** One person's status. */
export interface Status {
  readonly microphone: boolean;
  readonly camera: boolean;
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
export function encodeStatus({ microphone, camera, screen, recording, hand }: Status): string {
  return JSON.stringify({
    type: "status",
    microphone,
    camera,
    ...(screen === true && { screen }),
    ...(recording === true && { recording }),
    ...(hand !== undefined && { hand }),
  });
}

/** The status in the fields of a message; `undefined` when they are none. */
export function readStatus({
  microphone,
  camera,
  screen,
  recording,
  hand,
}: Readonly<Record<string, unknown>>): Status | undefined {
  if (typeof microphone !== "boolean" || typeof camera !== "boolean" || !isFlag(screen) || !isFlag(recording)) {
    return undefined;
  }
  const devices = { microphone, camera, ...(screen === true && { screen }), ...(recording === true && { recording }) };
  if (hand === undefined) {
    return devices;
  }
  if (typeof hand !== "number" || !Number.isInteger(hand) || hand < 1 || hand > LAST_PLACE) {
    return undefined;
  }
  return { ...devices, hand };
}

function isFlag(value: unknown): boolean {
  return value === undefined || typeof value === "boolean";
}
