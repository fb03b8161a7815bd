// One published source: nothing real leaves before the worker confirmed that it encrypts.
import type { Codec, Source } from "../wire/types.ts";
import { ALL_NEEDED, adaptEncodings, neededInCallOf, updateNeeded } from "./layers.ts";

/** The smallest size alone. */
const LEAST_NEEDED = neededInCallOf(Number.POSITIVE_INFINITY);

/** Sends one source over one transceiver. The tracks given to it stay their giver's; the probes are its own. */
export class Publisher {
  #real: MediaStreamTrack | null = null;
  #probe: MediaStreamTrack | undefined;
  #confirmed = false;
  #codec: Codec | undefined;
  #needed = ALL_NEEDED;
  /** Whether the server has said what is needed. */
  #told = false;
  /** The configurations so far: one at a time, for each invalidates the parameters that another has read. */
  #configured = Promise.resolve();

  constructor(
    readonly source: Source,
    readonly transceiver: RTCRtpTransceiver,
    readonly senderId: number,
    probe: MediaStreamTrack,
  ) {
    this.#probe = probe;
  }

  get confirmed(): boolean {
    return this.#confirmed;
  }

  /** Sends `track` from now on, or nothing. Before the confirmation it sends black or silence in its place. */
  async carry(track: MediaStreamTrack | null): Promise<void> {
    const before = this.#real;
    this.#real = track;
    if (this.#confirmed) {
      await this.transceiver.sender.replaceTrack(track);
    } else if (before !== null || track === null) {
      await this.#replaceProbe(track === null ? undefined : probeOf(track));
    }
  }

  /** The worker confirmed its first ciphertext of this sender. */
  async confirm(): Promise<void> {
    if (!this.#confirmed) {
      this.#confirmed = true;
      await this.#replaceProbe(undefined);
    }
  }

  /** The codec that was negotiated. */
  negotiated(codec: Codec): Promise<void> {
    this.#codec = codec;
    return this.configure();
  }

  /** Sends only those sizes of the picture from now on, smallest first; others as before. */
  need(needed: readonly boolean[]): Promise<void> {
    this.#told = true;
    this.#needed = updateNeeded(this.#needed, needed);
    return this.configure();
  }

  /** How many are in the call: what is needed until the server has said it. */
  async expect(participants: number): Promise<void> {
    if (!this.#told) {
      this.#needed = neededInCallOf(participants);
      await this.configure();
    }
  }

  /** Makes the encodings what the present track, codec and needs ask for. */
  configure(): Promise<void> {
    this.#configured = this.#configured.then(() => this.#configure());
    return this.#configured;
  }

  close(): void {
    this.#probe?.stop();
    this.#probe = undefined;
  }

  async #configure(): Promise<void> {
    const { sender } = this.transceiver;
    const parameters = sender.getParameters();
    const { width = 0, height = 0 } = sender.track?.getSettings() ?? {};
    const changed = adaptEncodings(parameters.encodings, {
      source: this.source,
      codec: this.#codec,
      width,
      height,
      // A probe that nobody needs must be sent all the same, or its encryption is never confirmed.
      needed: this.#confirmed || this.#needed.includes(true) ? this.#needed : LEAST_NEEDED,
    });
    if (!changed) {
      return;
    }
    try {
      await sender.setParameters(parameters);
    } catch {
      // Negotiation changed the parameters meanwhile; the next need or negotiation sets them again.
    }
  }

  async #replaceProbe(probe: MediaStreamTrack | undefined): Promise<void> {
    const before = this.#probe;
    this.#probe = probe;
    await this.transceiver.sender.replaceTrack(this.#confirmed ? this.#real : (probe ?? null));
    before?.stop();
  }
}

/** Black or silence in the shape of `track`. */
export function probeOf(track: MediaStreamTrack): MediaStreamTrack {
  const probe = track.clone();
  probe.enabled = false;
  return probe;
}
