// Turns what getUserMedia throws into what a person can do about it.

/** The two kinds of capture device. */
export type DeviceKind = "camera" | "microphone";

/** What is wrong with a device, as far as it makes a difference to the person. */
export type DeviceProblem = "denied" | "busy" | "missing" | "insecure" | "failed" | "unblurred";

/** The problem behind a failed capture. */
export function problemOf(error: unknown): DeviceProblem {
  if (!(error instanceof DOMException)) {
    return "failed";
  }
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    default:
      return "failed";
  }
}
