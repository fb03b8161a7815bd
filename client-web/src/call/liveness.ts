// Who has proven lately that they are there and have the group's present keys: a member that is held apart from the others
// looks as if it were silent.

/** What a member says at a steady pace, whatever else it does. */
export interface Proof {
  /** The epoch that it has. */
  readonly epoch: number;
  /** When it said so by its own clock, in milliseconds since 1970. */
  readonly at: number;
}

/** Between two proofs of a member of a small group. */
const PACE_MS = 30_000;
/** In large groups everybody receives about so many in a second. */
const MOST_PER_SECOND = 1;
/** So many proofs in a row that did not come are worth a warning. */
const MISSED = 3;
/** A commit may be on its way while a member speaks. */
const EPOCHS_BEHIND = 1;

/** How often a member of a group of so many proves that it is there. */
export function paceOf(members: number): number {
  return Math.max(PACE_MS, (members / MOST_PER_SECOND) * 1_000);
}

/** The payload of an application message with a proof. */
export function encodeProof({ epoch, at }: Proof): string {
  return JSON.stringify({ type: "alive", epoch, at });
}

/** The proof in the fields of a message; `undefined` when they are none. */
export function readProof({ epoch, at }: Readonly<Record<string, unknown>>): Proof | undefined {
  return Number.isSafeInteger(epoch) && Number.isSafeInteger(at) && Number(epoch) >= 0 && Number(at) >= 0
    ? { epoch: Number(epoch), at: Number(at) }
    : undefined;
}

interface Known {
  /** By the own clock, when the last thing was said that counts, as if it had come as fast as the fastest. */
  provenAt: number;
  /** Smallest difference of the own clock to theirs seen so far: what comes with a larger one was held up. */
  offset: number | undefined;
}

/** Keeps what each of the others has proven. Times are milliseconds since 1970 by the own clock. */
export class Liveness {
  readonly #known = new Map<string, Known>();

  /** Who is in the group now, oneself left out. Whoever is new has time to prove it. */
  setMembers(others: ReadonlySet<string>, now: number): void {
    for (const clientId of this.#known.keys()) {
      if (!others.has(clientId)) {
        this.#known.delete(clientId);
      }
    }
    for (const clientId of others) {
      if (!this.#known.has(clientId)) {
        this.#known.set(clientId, { provenAt: now, offset: undefined });
      }
    }
  }

  /** This participant was away itself: that it heard nobody says nothing about them. */
  restart(now: number): void {
    for (const known of this.#known.values()) {
      known.provenAt = now;
    }
  }

  /** A member said that it is there; signed by its leaf, under the keys of the group. */
  handle(from: string, { epoch, at }: Proof, ownEpoch: number, now: number): void {
    const known = this.#known.get(from);
    if (known === undefined || epoch < ownEpoch - EPOCHS_BEHIND) {
      return;
    }
    known.offset = Math.min(known.offset ?? Number.POSITIVE_INFINITY, now - at);
    known.provenAt = Math.max(known.provenAt, Math.min(now, at + known.offset));
  }

  /** Who has not been heard for so long that others should know. */
  silent(now: number): ReadonlySet<string> {
    const longest = MISSED * paceOf(this.#known.size + 1);
    return new Set([...this.#known].filter(([, { provenAt }]) => now - provenAt > longest).map(([id]) => id));
  }
}
