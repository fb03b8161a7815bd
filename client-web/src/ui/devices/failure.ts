// What is said in the call when a device does not open: what is wrong, where that is known, and what to do about it.
import { DeviceError } from "../../index.ts";
import { text } from "../text.ts";
import type { DeviceKind } from "./problem.ts";

export function failureWords(kind: DeviceKind, error: unknown): string {
  const problem = error instanceof DeviceError ? error.problem : undefined;
  switch (problem) {
    case "denied":
    case "busy":
    case "missing": {
      const { title, help } = text.device[kind][problem];
      return `${title}. ${help}`;
    }
    case "effect": {
      const { title, help } = text.background.failed;
      return `${title}. ${help}`;
    }
    default:
      return kind === "camera" ? text.call.cameraFailed : text.call.microphoneFailed;
  }
}
