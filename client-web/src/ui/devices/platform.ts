// Which system and browser this is, as far as help differs between them; nothing depends on it but words.

/** Operating systems whose settings are found in different places. */
export type System = "windows" | "macos" | "ios" | "android" | "linux";
/** Browsers whose permissions are found in different places. */
export type BrowserName = "chrome" | "edge" | "firefox" | "safari";

export interface Platform {
  readonly system: System;
  readonly browser: BrowserName;
  /** The browser's major version, where it tells it. */
  readonly version: string;
}

/** Reads it from what the browser calls itself. An iPad calls itself a Mac, but has a touch screen. */
export function platformOf(userAgent: string, touchPoints: number): Platform {
  return { system: systemOf(userAgent, touchPoints), ...browserOf(userAgent) };
}

function systemOf(userAgent: string, touchPoints: number): System {
  if (/iPhone|iPad|iPod/.test(userAgent) || (userAgent.includes("Macintosh") && touchPoints > 1)) {
    return "ios";
  }
  if (userAgent.includes("Android")) {
    return "android";
  }
  if (userAgent.includes("Windows")) {
    return "windows";
  }
  return userAgent.includes("Macintosh") ? "macos" : "linux";
}

function browserOf(userAgent: string): Pick<Platform, "browser" | "version"> {
  const version = (name: string) => new RegExp(`${name}/(\\d+)`).exec(userAgent)?.[1] ?? "";
  // The later ones call themselves by the names of the earlier ones too.
  for (const [name, browser] of [
    ["Edg", "edge"],
    ["EdgA", "edge"],
    ["EdgiOS", "edge"],
    ["Firefox", "firefox"],
    ["FxiOS", "firefox"],
    ["Chrome", "chrome"],
    ["CriOS", "chrome"],
    ["Version", "safari"],
  ] as const) {
    if (version(name) !== "") {
      return { browser, version: version(name) };
    }
  }
  return { browser: "chrome", version: "" };
}
