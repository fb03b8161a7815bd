// What to do about a device, step by step, on the system and in the browser that this is.

import { text } from "../text.ts";
import type { Platform } from "./platform.ts";
import type { DeviceProblem } from "./problem.ts";

const SYSTEMS = { windows: "Windows", macos: "macOS", ios: "iOS", android: "Android", linux: "Linux" } as const;
const BROWSERS = { chrome: "Chrome", edge: "Edge", firefox: "Firefox", safari: "Safari" } as const;

/** Where these steps are for, as people know it. */
export function platformName({ system, browser }: Platform): string {
  return text.steps.on(SYSTEMS[system], BROWSERS[browser]);
}

/** The steps, first things first; none where there is nothing to do but what the message says. */
export function stepsFor(problem: DeviceProblem, { system, browser }: Platform): readonly string[] {
  const { steps } = text;
  switch (problem) {
    case "denied": {
      const place = system === "ios" || system === "android" ? system : browser === "edge" ? "chrome" : browser;
      return [steps.allow[place], steps.permit[system](BROWSERS[browser])];
    }
    case "busy":
      return [steps.close[system === "windows" ? "windows" : "other"], steps.restart];
    case "missing":
      return [steps.find[system]];
    case "insecure":
    case "failed":
    case "unblurred":
      return [];
  }
}
