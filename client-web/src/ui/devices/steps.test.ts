import { describe, expect, it } from "vitest";
import type { Platform } from "./platform.ts";
import { platformName, stepsFor } from "./steps.ts";

const platform = (system: Platform["system"], browser: Platform["browser"]): Platform => ({
  system,
  browser,
  version: "",
});

describe("the steps for a device", () => {
  it("name the browser's place and the system's for one that is blocked", () => {
    const [browser, system, ...rest] = stepsFor("denied", platform("macos", "firefox"));
    expect(browser).toContain("crossed out");
    expect(system).toMatch(/System Settings.*Firefox/);
    expect(rest).toEqual([]);
    expect(stepsFor("denied", platform("windows", "edge"))[0]).toBe(stepsFor("denied", platform("linux", "chrome"))[0]);
    expect(stepsFor("denied", platform("ios", "chrome"))[0]).not.toBe(stepsFor("denied", platform("ios", "chrome"))[1]);
  });

  it("differ between systems for one that is busy or not found", () => {
    for (const problem of ["busy", "missing"] as const) {
      expect(stepsFor(problem, platform("windows", "chrome"))).not.toEqual(
        stepsFor(problem, platform("linux", "chrome")),
      );
    }
  });

  it("are none where the message says it all", () => {
    expect(stepsFor("insecure", platform("linux", "chrome"))).toEqual([]);
  });

  it("say where they are for", () => {
    expect(platformName(platform("macos", "safari"))).toBe("On macOS with Safari:");
  });
});
