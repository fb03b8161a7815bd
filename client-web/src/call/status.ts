// What people tell each other beside their media, inside the encryption: muted, camera off.

/** One person's status. */
export interface Status {
  readonly microphone: boolean;
  readonly camera: boolean;
}

/** The payload of an application message with a status. */
export function encodeStatus(status: Status): string {
  return JSON.stringify({ type: "status", ...status });
}

/** The status in a payload; `undefined` for anything else, also of a later version. */
export function decodeStatus(payload: string): Status | undefined {
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) {
    return undefined;
  }
  const { type, microphone, camera } = value as Record<string, unknown>;
  if (type !== "status" || typeof microphone !== "boolean" || typeof camera !== "boolean") {
    return undefined;
  }
  return { microphone, camera };
}
