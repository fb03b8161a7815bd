// Writes down what is said, on this device and nowhere else: a browser that would send it away is not asked.

import type { Caption } from "../../index.ts";

/** Why a browser cannot write down speech by itself. */
export type SpeechProblem = "no_recognition" | "only_elsewhere" | "no_language";

/** Whether it can; "downloadable" once it has loaded what it needs for the language. */
export type SpeechReadiness = SpeechProblem | "available" | "downloadable";

/** The Web Speech API with recognition on the device, as far as it is used; the libraries do not know it yet. */
interface Recognition {
  processLocally: boolean;
  continuous: boolean;
  interimResults: boolean;
  lang: string;
  onresult: ((event: RecognitionEvent) => void) | null;
  onerror: ((event: { readonly error: string }) => void) | null;
  onend: (() => void) | null;
  start(track: MediaStreamTrack): void;
  abort(): void;
}
interface RecognitionEvent {
  readonly resultIndex: number;
  readonly results: ArrayLike<ArrayLike<{ readonly transcript: string }> & { readonly isFinal: boolean }>;
}
interface Wish {
  readonly langs: readonly string[];
  readonly processLocally: true;
}
export interface RecognitionClass {
  new (): Recognition;
  readonly prototype: Recognition;
  available?(wish: Wish): Promise<"available" | "downloadable" | "downloading" | "unavailable">;
  install?(wish: Wish): Promise<boolean>;
}

/** The browser's class, if it has one. */
export function recognitionClass(): RecognitionClass | undefined {
  const scope = globalThis as Partial<Record<"SpeechRecognition" | "webkitSpeechRecognition", RecognitionClass>>;
  return scope.SpeechRecognition ?? scope.webkitSpeechRecognition;
}

/** Whether this browser writes down a language on the device. */
export async function readinessOf(api: RecognitionClass | undefined, language: string): Promise<SpeechReadiness> {
  if (api === undefined) {
    return "no_recognition";
  }
  // Without both, setting the property would change nothing, and the sound would go to the browser's maker.
  if (!("processLocally" in api.prototype) || api.available === undefined) {
    return "only_elsewhere";
  }
  switch (await api.available({ langs: [language], processLocally: true }).catch(() => "unavailable")) {
    case "available":
      return "available";
    case "downloadable":
    case "downloading":
      return "downloadable";
    default:
      return "no_language";
  }
}

/** Loads what the browser needs for a language; false when it cannot. */
export async function install(api: RecognitionClass, language: string): Promise<boolean> {
  return (await api.install?.({ langs: [language], processLocally: true }).catch(() => false)) ?? false;
}

/** Errors after which trying again leads nowhere. */
const FATAL: ReadonlySet<string> = new Set(["not-allowed", "service-not-allowed", "language-not-supported"]);

/** Writes down one track, until `close`. Recognition that ends in a silence begins anew. */
export class Speech {
  readonly #recognition: Recognition;
  #closed = false;

  constructor(
    api: RecognitionClass,
    track: MediaStreamTrack,
    language: string,
    onCaption: (caption: Caption) => void,
    onFailed: () => void,
  ) {
    const recognition = new api();
    this.#recognition = recognition;
    recognition.processLocally = true;
    recognition.continuous = true;
    recognition.interimResults = true;
    recognition.lang = language;
    recognition.onresult = ({ resultIndex, results }) => {
      for (const result of Array.from(results).slice(resultIndex)) {
        onCaption({ text: (result[0]?.transcript ?? "").trim(), final: result.isFinal });
      }
    };
    recognition.onerror = ({ error }) => {
      if (FATAL.has(error) && !this.#closed) {
        this.close();
        onFailed();
      }
    };
    recognition.onend = () => {
      if (!this.#closed && track.readyState === "live") {
        recognition.start(track);
      }
    };
    recognition.start(track);
  }

  close(): void {
    this.#closed = true;
    this.#recognition.abort();
  }
}
