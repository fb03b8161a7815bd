// What the client remembers on this device: the name, the chosen devices, the language, the look and the keys. Nothing about meetings.

const KEYS = {
  name: "conclave.name",
  camera: "conclave.camera",
  microphone: "conclave.microphone",
  speaker: "conclave.speaker",
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
