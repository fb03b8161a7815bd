// What people tell each other beside their media, inside the encryption: muted, camera off, hand up.

/** One person's status. */
export interface Status {
  readonly microphone: boolean;
  readonly camera: boolean;
  /** The place drawn in the queue of raised hands, one after the last that was up; no time, for clocks differ. */
  readonly hand?: number | undefined;
}

/** No queue is longer than this. */
export const LAST_PLACE = 1_000_000;

/** The payload of an application message with a status. */
export function encodeStatus({ microphone, camera, hand }: Status): string {
  return JSON.stringify({ type: "status", microphone, camera, ...(hand !== undefined && { hand }) });
}

/** The status in the fields of a message; `undefined` when they are none. */
export function readStatus({ microphone, camera, hand }: Readonly<Record<string, unknown>>): Status | undefined {
  if (typeof microphone !== "boolean" || typeof camera !== "boolean") {
    return undefined;
  }
  if (hand === undefined) {
    return { microphone, camera };
  }
  if (typeof hand !== "number" || !Number.isInteger(hand) || hand < 1 || hand > LAST_PLACE) {
    return undefined;
  }
  return { microphone, camera, hand };
}
