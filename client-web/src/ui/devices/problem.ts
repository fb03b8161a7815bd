// Turns what getUserMedia throws into what a person can do about it.

import type { DeviceProblem } from "../text.ts";

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
