// Recording as signals: never without everybody being told first, and over at the latest when the call is.

import { effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Participant } from "../../index.ts";
import type { CallPort } from "../port.ts";
import { Recorder, type RecorderTrouble, recordingFormat } from "../record/recorder.ts";
import { MEMORY_LIMIT, type OpenedStore, openStore } from "../record/store.ts";
import { text } from "../text.ts";
import { sizeOf } from "./size.ts";

/** What recording needs of the browser; tests put something else in its place. */
export interface RecordingTools {
  format(): ReturnType<typeof recordingFormat>;
  open(name: string): Promise<OpenedStore | undefined>;
  record(
    mime: string,
    store: OpenedStore["store"],
    onTrouble: (trouble: RecorderTrouble) => void,
  ): Pick<Recorder, "setPeople" | "stop">;
}

const BROWSER: RecordingTools = {
  format: recordingFormat,
  open: openStore,
  record: (mime, store, onTrouble) => new Recorder(mime, store, onTrouble),
};

export class RecordingModel {
  readonly #call: Pick<CallPort, "setRecording">;
  readonly #people: ReadonlySignal<readonly Participant[]>;
  readonly #allowed: ReadonlySignal<boolean>;
  readonly #announce: (message: string, tone?: "info" | "problem") => void;
  readonly #tools: RecordingTools;
  readonly #state = signal<"off" | "starting" | "on">("off");
  #finish: (() => Promise<void>) | undefined;
  #closed = false;

  constructor(
    call: Pick<CallPort, "setRecording">,
    people: ReadonlySignal<readonly Participant[]>,
    allowed: ReadonlySignal<boolean>,
    announce: (message: string, tone?: "info" | "problem") => void,
    tools = BROWSER,
  ) {
    this.#call = call;
    this.#people = people;
    this.#allowed = allowed;
    this.#announce = announce;
    this.#tools = tools;
  }

  /** "starting": the person is asked where to save it. */
  get state(): ReadonlySignal<"off" | "starting" | "on"> {
    return this.#state;
  }

  /** Starts or ends the own recording. Must run in a click. */
  toggle(): Promise<void> {
    return this.#state.value === "on" ? this.stop() : this.#start();
  }

  /** Ends the own recording, if there is one, and saves it. */
  async stop(): Promise<void> {
    const finish = this.#finish;
    this.#finish = undefined;
    await finish?.();
  }

  /** The call is over. */
  close(): void {
    this.#closed = true;
    void this.stop();
  }

  async #start(): Promise<void> {
    if (this.#state.value !== "off") {
      return;
    }
    if (!this.#allowed.value) {
      return this.#announce(text.recording.notAllowed, "problem");
    }
    const format = this.#tools.format();
    if (format === undefined) {
      return this.#announce(text.recording.unsupported, "problem");
    }
    this.#state.value = "starting";
    const opened = await this.#tools.open(`${fileName(new Date())}.${format.extension}`);
    if (opened === undefined || this.#closed) {
      this.#state.value = "off";
      await opened?.store.close();
      return;
    }
    // The hosts may have decided otherwise while the person chose a file.
    if (!this.#allowed.value) {
      this.#state.value = "off";
      await opened.store.close();
      return this.#announce(text.recording.notAllowed, "problem");
    }
    // Told before the first frame is kept. Where nobody can be told nothing is recorded.
    if (!this.#call.setRecording(true)) {
      this.#state.value = "off";
      await opened.store.close();
      return this.#announce(text.recording.notConnected, "problem");
    }
    const recorder = this.#tools.record(format.mime, opened.store, (trouble) => {
      this.#announce(text.recording[trouble], "problem");
      if (trouble !== "silent") {
        void this.stop();
      }
    });
    const unfollow = effect(() => recorder.setPeople(this.#people.value));
    const unwatch = effect(() => {
      if (!this.#allowed.value) {
        queueMicrotask(() => void this.stop());
      }
    });
    this.#finish = async () => {
      unfollow();
      unwatch();
      try {
        await recorder.stop();
        this.#announce(this.#allowed.value ? text.recording.saved : text.recording.ended);
      } catch {
        this.#announce(text.recording.failed, "problem");
      }
      this.#state.value = "off";
      this.#call.setRecording(false);
    };
    this.#state.value = "on";
    if (opened.inMemory) {
      this.#announce(text.recording.inMemory(sizeOf(MEMORY_LIMIT)));
    }
  }
}

/** For example "conclave-2026-11-22-1805", by the clock on the wall. */
export function fileName(now: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return `conclave-${day}-${two(now.getHours())}${two(now.getMinutes())}`;
}
