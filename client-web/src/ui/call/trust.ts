// Who was verified, who only has the name of somebody who was, and whether this device is to be known again.

import { type ReadonlySignal, signal } from "@preact/signals";
import { forgetDevice, type Participant, recallDevice, rememberDevice, safetyNumber } from "../../index.ts";
import { text } from "../text.ts";
import { nameOf } from "./name.ts";
import type { Notice } from "./notice.ts";
import { recallMarks, rememberMarks, type VerifiedMark } from "./trust-memory.ts";

/**
 * What is known of who somebody is. "verified": their number was compared. "changed": somebody of that name was verified
 * with another key. "unknown": neither.
 */
export type Trust = "verified" | "changed" | "unknown";

export class TrustModel {
  readonly #announce: (message: string, tone: Notice["tone"]) => void;
  /** Compared in earlier calls, or in this one with a device that is remembered. */
  readonly #kept = signal(recallMarks());
  /** Compared in this call with a key that ends with it. */
  readonly #passing = signal<ReadonlySet<string>>(new Set());
  readonly #remembersDevice = signal<boolean | undefined>(undefined);
  readonly #numbers = new Map<string, Promise<string>>();
  #warned = new Set<string>();

  constructor(announce: (message: string, tone: Notice["tone"]) => void) {
    this.#announce = announce;
    void recallDevice().then((device) => {
      this.#remembersDevice.value = device !== undefined;
    });
  }

  /** Whether this browser keeps a key for later calls; `undefined` until it has looked. */
  get remembersDevice(): ReadonlySignal<boolean | undefined> {
    return this.#remembersDevice;
  }

  /** What is known of somebody. */
  of(person: Participant): Trust {
    const { identity, isSelf } = person;
    if (isSelf || identity === undefined) {
      return "unknown";
    }
    return trustOf(identity.key, person.name, this.#kept.value, this.#passing.value);
  }

  /** The safety number with somebody; `undefined` when one of both has shown no key. */
  numberWith(person: Participant, self: Participant | undefined): Promise<string> | undefined {
    const [theirs, own] = [person.identity?.key, self?.identity?.key];
    if (theirs === undefined || own === undefined) {
      return undefined;
    }
    const pair = `${own} ${theirs}`;
    const known = this.#numbers.get(pair) ?? safetyNumber(own, theirs);
    this.#numbers.set(pair, known);
    return known;
  }

  /** Marks somebody as verified, or takes that back. A mark for a device that is remembered stays for later calls. */
  setVerified(person: Participant, verified: boolean): void {
    const { identity, name } = person;
    if (identity === undefined) {
      return;
    }
    const { key, remembered } = identity;
    const passing = new Set(this.#passing.value);
    passing.delete(key);
    const kept = this.#kept.value.filter((mark) => mark.key !== key);
    if (verified && !(remembered && rememberMarks([...kept, { key, name }]))) {
      passing.add(key);
    } else if (verified) {
      kept.push({ key, name });
    } else {
      rememberMarks(kept);
    }
    this.#passing.value = passing;
    this.#kept.value = kept;
    this.#announce(verified ? text.trust.nowVerified(nameOf(person)) : text.trust.notVerified(nameOf(person)), "info");
  }

  /** Warns once of each one who has the name of somebody verified and another key. */
  follow(people: readonly Participant[]): void {
    const changed = people.filter((person) => this.of(person) === "changed");
    const news = changed.filter((person) => !this.#warned.has(person.clientId));
    this.#warned = new Set(changed.map((person) => person.clientId));
    for (const person of news) {
      this.#announce(text.trust.changed(nameOf(person)), "problem");
    }
  }

  /** Lets others know this device again from the next call on, or not any more. */
  async setRemembersDevice(remembers: boolean): Promise<void> {
    try {
      await (remembers ? rememberDevice() : forgetDevice());
      this.#remembersDevice.value = remembers;
    } catch {
      this.#announce(text.trust.rememberFailed, "problem");
    }
  }
}

/** What is known of a key that goes by a name. */
export function trustOf(key: string, name: string, kept: readonly VerifiedMark[], passing: ReadonlySet<string>): Trust {
  if (passing.has(key) || kept.some((mark) => mark.key === key)) {
    return "verified";
  }
  const spelled = spelling(name);
  return kept.some((mark) => spelling(mark.name) === spelled) ? "changed" : "unknown";
}

/** Names that people take for the same one. */
function spelling(name: string): string {
  return name.normalize("NFKC").trim().replaceAll(/\s+/gu, " ").toLocaleLowerCase();
}
