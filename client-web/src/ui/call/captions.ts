// Captions as signals: the own speech for the others, and what the others' devices wrote down.

import { effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Caption, Participant } from "../../index.ts";
import { install, type RecognitionClass, readinessOf, recognitionClass, Speech } from "../captions/speech.ts";
import type { CallPort } from "../port.ts";
import { text } from "../text.ts";

/** What somebody said, as it is shown. */
export interface CaptionLine extends Caption {
  readonly from: string;
  /** Another number is another phrase. */
  readonly number: number;
}

/** How long a phrase stays after it came or changed, in milliseconds. */
const STAYS_MS = 8_000;
/** More phrases have no room. */
const MOST_LINES = 3;

export class CaptionsModel {
  readonly #call: Pick<CallPort, "startCaptions" | "addCaption" | "stopCaptions">;
  readonly #people: ReadonlySignal<readonly Participant[]>;
  readonly #announce: (message: string, tone?: "info" | "problem") => void;
  readonly #api: () => RecognitionClass | undefined;
  readonly #lines = signal<readonly CaptionLine[]>([]);
  readonly #own = signal<"off" | "starting" | "on">("off");
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>();
  readonly #off: () => void;
  #stop: (() => void) | undefined;
  #number = 0;

  /** The person wants to see captions. Its button writes it. */
  readonly shown = signal(false);

  constructor(
    call: Pick<CallPort, "on" | "startCaptions" | "addCaption" | "stopCaptions">,
    people: ReadonlySignal<readonly Participant[]>,
    announce: (message: string, tone?: "info" | "problem") => void,
    api = recognitionClass,
  ) {
    this.#call = call;
    this.#people = people;
    this.#announce = announce;
    this.#api = api;
    this.#off = call.on("caption", ({ from, caption }) => this.#show(from, caption));
  }

  /** Whether the own speech is written down for the others. */
  get own(): ReadonlySignal<"off" | "starting" | "on"> {
    return this.#own;
  }

  /** The latest phrases, oldest first. */
  get lines(): ReadonlySignal<readonly CaptionLine[]> {
    return this.#lines;
  }

  toggleShown(): void {
    this.shown.value = !this.shown.value;
    this.#announce(this.shown.value ? text.captions.nowShown : text.captions.notShown);
  }

  /** Writes the own speech down for the others, or not any more; says why where that cannot be. */
  async toggleOwn(): Promise<void> {
    if (this.#own.value === "off") {
      await this.#start(navigator.language);
    } else {
      this.stopOwn();
      this.#announce(text.captions.ownOff);
    }
  }

  stopOwn(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#own.value = "off";
  }

  close(): void {
    this.stopOwn();
    this.#off();
    for (const timer of this.#timers.values()) {
      clearTimeout(timer);
    }
  }

  async #start(language: string): Promise<void> {
    this.#own.value = "starting";
    const api = this.#api();
    let readiness = await readinessOf(api, language);
    if (api !== undefined && readiness === "downloadable" && this.#own.value === "starting") {
      this.#announce(text.captions.loading);
      readiness = (await install(api, language)) ? "available" : "no_language";
    }
    if (this.#own.value !== "starting") {
      // Turned off, or the call ended, meanwhile.
      return;
    }
    if (api === undefined || readiness !== "available") {
      this.#own.value = "off";
      const problem = readiness === "available" || readiness === "downloadable" ? "no_language" : readiness;
      return this.#announce(text.captions.problems[problem], "problem");
    }
    this.#call.startCaptions();
    let speech: Speech | undefined;
    let heard: MediaStreamTrack | undefined;
    // Muted there is no sound of one's own, and nothing is written down.
    const unfollow = effect(() => {
      const track = this.#people.value.find((person) => person.isSelf)?.audio?.getAudioTracks()[0];
      if (track === heard) {
        return;
      }
      heard = track;
      speech?.close();
      speech =
        track &&
        new Speech(
          api,
          track,
          language,
          (caption) => this.#call.addCaption(caption),
          () => {
            this.stopOwn();
            this.#announce(text.captions.failed, "problem");
          },
        );
    });
    this.#stop = () => {
      unfollow();
      speech?.close();
      this.#call.stopCaptions();
    };
    this.#own.value = "on";
    this.#announce(text.captions.ownOn);
  }

  #show(from: string, caption: Caption): void {
    const open = this.#lines.value.find((line) => line.from === from && !line.final);
    if (caption.text === "") {
      return;
    }
    if (open === undefined) {
      this.#number += 1;
    }
    const line = { ...caption, from, number: open?.number ?? this.#number };
    const others = this.#lines.value.filter((other) => other !== open);
    this.#lines.value = [...others, line].slice(-MOST_LINES);
    clearTimeout(this.#timers.get(line.number));
    this.#timers.set(
      line.number,
      setTimeout(() => {
        this.#timers.delete(line.number);
        this.#lines.value = this.#lines.value.filter((other) => other.number !== line.number);
      }, STAYS_MS),
    );
  }
}
