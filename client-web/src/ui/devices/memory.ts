// What the client remembers on this device: the name, the chosen devices, the language, the look and the keys,
// and the host keys of the meetings that were made here. Nothing else about meetings.

const KEYS = {
  name: "conclave.name",
  camera: "conclave.camera",
  microphone: "conclave.microphone",
  speaker: "conclave.speaker",
  noiseSuppression: "conclave.noise-suppression",
  background: "conclave.background",
  language: "conclave.language",
  theme: "conclave.theme",
  singleKeys: "conclave.single-keys",
} as const;

/** Something the client remembers. */
export type Remembered = keyof typeof KEYS;

/** The remembered value; "" when there is none or the browser keeps nothing. */
export function recall(what: Remembered): string {
  try {
    return localStorage.getItem(KEYS[what]) ?? "";
  } catch {
    return "";
  }
}

/** Remembers a value where the browser allows it. */
export function remember(what: Remembered, value: string): void {
  try {
    localStorage.setItem(KEYS[what], value);
  } catch {
    // Storage is off or full; the client works without a memory.
  }
}

const HOST_SEEDS = "conclave.host-keys";
/** The oldest are forgotten when there are more. */
const MOST_HOST_SEEDS = 20;

/** Remembers the secret half of the host key of a meeting that was made here. */
export function rememberHostSeed(room: string, seed: string | undefined): void {
  if (seed === undefined) {
    return;
  }
  const others = hostSeeds().filter(([other]) => other !== room);
  try {
    localStorage.setItem(HOST_SEEDS, JSON.stringify([...others, [room, seed]].slice(-MOST_HOST_SEEDS)));
  } catch {
    // Without a memory whoever made the meeting is its host until the page is closed or loaded anew.
    forgotten.set(room, seed);
  }
}

/** The secret half of the host key, if the meeting was made here. */
export function recallHostSeed(room: string): string | undefined {
  return forgotten.get(room) ?? hostSeeds().find(([other]) => other === room)?.[1];
}

/** The meeting is gone for good. */
export function forgetHostSeed(room: string): void {
  forgotten.delete(room);
  try {
    const others = hostSeeds().filter(([other]) => other !== room);
    localStorage.setItem(HOST_SEEDS, JSON.stringify(others));
  } catch {
    // What cannot be written was not kept either.
  }
}

/** Host keys that the browser does not keep. */
const forgotten = new Map<string, string>();

function hostSeeds(): readonly (readonly [string, string])[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(HOST_SEEDS) ?? "[]");
    return Array.isArray(kept) ? kept.filter(isPair) : [];
  } catch {
    return [];
  }
}

function isPair(value: unknown): value is readonly [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === "string");
}
