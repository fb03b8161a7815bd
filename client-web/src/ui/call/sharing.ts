// Sharing the own screen as signals, and what is said about everybody's.

import { type ReadonlySignal, signal } from "@preact/signals";
import { DeviceError, type Participant, type ShareContent } from "../../index.ts";
import type { CallPort } from "../port.ts";
import { text } from "../text.ts";
import { nameOf } from "./name.ts";

export class Sharing {
  readonly #call: CallPort;
  readonly #announce: (message: string, tone?: "info" | "problem") => void;
  readonly #content = signal<ShareContent>("text");

  constructor(call: CallPort, announce: (message: string, tone?: "info" | "problem") => void) {
    this.#call = call;
    this.#announce = announce;
  }

  /** What the own screen shows: something to read, or something that moves. */
  get content(): ReadonlySignal<ShareContent> {
    return this.#content;
  }

  setContent(content: ShareContent): void {
    this.#content.value = content;
    this.#call.setShareContent(content);
  }

  /** Asks what to share. Must run in a click or on a key. */
  async start(): Promise<void> {
    if (!this.#call.moderation.permitted.includes("screen_video")) {
      return this.#announce(text.moderation.notAllowed.screen, "problem");
    }
    try {
      await this.#call.startShare();
    } catch (error) {
      const problem = error instanceof DeviceError ? error.problem : "unsuitable";
      if (problem !== "cancelled") {
        this.#announce(problem === "denied" ? text.share.blocked : text.share.failed, "problem");
      }
    }
  }

  async stop(): Promise<void> {
    await this.#call.stopShare();
  }
}

/**
 * Who began and who ended to share between two rosters, a sentence each. `mayShare`: this participant may; where not, a
 * host ended it, and that has been said.
 */
export function sharedBetween(
  before: readonly Participant[],
  now: readonly Participant[],
  mayShare: boolean,
): readonly string[] {
  return now.flatMap((person) => {
    const old = before.find((other) => other.clientId === person.clientId);
    const [was, is] = [old?.share !== undefined, person.share !== undefined];
    if (was === is) {
      return [];
    }
    if (person.isSelf) {
      return is ? [text.share.selfStarted] : mayShare ? [text.share.selfStopped] : [];
    }
    return [(is ? text.share.started : text.share.stopped)(nameOf(person))];
  });
}
