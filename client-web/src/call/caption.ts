// Captions of one's own speech for the others: messages of one size at one pace, so that their times tell nothing.
import { cleanLine } from "./message-parts.ts";

/** What somebody's device understood of them. */
export interface Caption {
  /** Empty when nothing was said. */
  readonly text: string;
  /** The text does not change any more; the next one is another phrase. */
  readonly final: boolean;
}

/** Most of a caption, in UTF-16 units. */
export const MAX_CAPTION = 200;
/** Every payload has so many bytes: who sees ciphertext sees no pauses and no long sentences. */
export const CAPTION_BYTES = 704;
/** One message so often while captions are on, whether anything was said or not, in milliseconds. */
export const CAPTION_EVERY_MS = 1_000;
/** More of one sender within `WINDOW_MS` are dropped. */
const MOST_IN_WINDOW = 20;
const WINDOW_MS = 10_000;

/** The payload of a caption; a text that has no room is cut. */
export function encodeCaption({ text, final }: Caption): string {
  const payload = JSON.stringify({ type: "caption", text, final });
  const bytes = new TextEncoder().encode(payload).length;
  if (bytes > CAPTION_BYTES) {
    return encodeCaption({ text: text.slice(0, Math.floor(text.length / 2)), final });
  }
  // White space after a value is no part of it (RFC 8259, 2).
  return payload + " ".repeat(CAPTION_BYTES - bytes);
}

/** The caption in the fields of a message; `undefined` when they are none. */
export function readCaption({ text, final }: Readonly<Record<string, unknown>>): Caption | undefined {
  if (typeof text !== "string" || text.length > MAX_CAPTION || typeof final !== "boolean") {
    return undefined;
  }
  return { text: cleanLine(text, MAX_CAPTION) ?? "", final };
}

/** Sends what was said at the steady pace, from its making until `close`. */
export class OwnCaptions {
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #send: (payload: string) => void;
  #finished = "";
  #interim = "";

  constructor(send: (payload: string) => void) {
    this.#send = send;
    this.#timer = setInterval(() => this.#tick(), CAPTION_EVERY_MS);
  }

  /** Takes what was understood: a phrase that may still change, or one that is complete. */
  add({ text, final }: Caption): void {
    if (final) {
      this.#finished = `${this.#finished} ${text}`.trim();
      this.#interim = "";
    } else {
      this.#interim = text;
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    if (this.#finished === "") {
      // The end of a phrase that goes on is what is new.
      this.#send(encodeCaption({ text: this.#interim.slice(-MAX_CAPTION), final: false }));
      return;
    }
    this.#send(encodeCaption({ text: this.#finished.slice(0, MAX_CAPTION), final: true }));
    this.#finished = this.#finished.slice(MAX_CAPTION);
  }
}

/** Lets no sender send more than anybody reads. */
export class CaptionGate {
  readonly #arrivals = new Map<string, readonly number[]>();

  /** Whether one more of this sender is taken, at `now` in milliseconds. */
  allows(from: string, now: number): boolean {
    const recent = (this.#arrivals.get(from) ?? []).filter((at) => now - at < WINDOW_MS);
    const allowed = recent.length < MOST_IN_WINDOW;
    this.#arrivals.set(from, allowed ? [...recent, now] : recent);
    return allowed;
  }

  /** Forgets who is gone. */
  keepOnly(present: ReadonlySet<string>): void {
    for (const from of this.#arrivals.keys()) {
      if (!present.has(from)) {
        this.#arrivals.delete(from);
      }
    }
  }
}
