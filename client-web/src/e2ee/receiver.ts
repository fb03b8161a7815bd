// One receiver's frames: decrypted, in order and by whom the track says, or dropped. There is no third way.
import { type Counters, type Frame, type FrameSession, type FrameSink, ownBuffer } from "./frame.ts";
import { CODECS, CONTEXTS, type DropReason, dropReason, type ReceiveTarget, type StreamState } from "./messages.ts";

/** Most frames that wait for a key; beyond it the oldest is dropped. */
const MAX_WAITING = 64;
/** Longest time a frame waits for a key, in milliseconds. */
const MAX_WAIT_MS = 1_000;
/** A stream that failed for this long, with at least `MIN_FAILURES` frames, is "failed". */
const FAILED_AFTER_MS = 1_500;
const MIN_FAILURES = 20;
/** A stream without a key for this long is "waiting" again. */
const KEYLESS_AFTER_MS = 2_000;
const KEY_FRAME_INTERVAL_MS = 1_000;
/** After a gap this long the decoder has lost its references; it would take seconds to ask by itself. */
const GAP_MS = 1_000;

/** What a receiver tells. */
export interface ReceiverEvents {
  /** The first frame came, whatever becomes of it. */
  running(target: ReceiveTarget): void;
  firstDecrypted(target: ReceiveTarget): void;
  state(target: ReceiveTarget, state: StreamState, reason: DropReason | null): void;
  /** Ask the sender for a key frame. */
  keyFrameWanted(): void;
}

interface Waiting {
  readonly frame: Frame;
  readonly since: number;
}

/** Decrypts the frames of one receiver. */
export class ReceiverTransform {
  #target: ReceiveTarget | null;
  #sink: FrameSink | undefined;
  #waiting: Waiting[] = [];
  #running = false;
  #opened = false;
  #state: StreamState = "waiting";
  #reason: DropReason | null = null;
  #failures = 0;
  /** When the current run of failures began. */
  #failingSince = 0;
  #keyFrameSeen = false;
  #deliveredAt = 0;
  #keyFrameAskedAt = Number.NEGATIVE_INFINITY;
  /** The member that the authenticated KID of the last frame names, and that KID's leaf and epoch. */
  #origin: { leaf: number; epoch: number; member: string } | undefined;

  constructor(
    target: ReceiveTarget,
    private readonly session: () => FrameSession | undefined,
    private readonly counters: Counters,
    private readonly now: () => number,
    private readonly events: ReceiverEvents,
  ) {
    this.#target = target;
  }

  /** The receiver is not used any more: nothing is decrypted from now on. */
  close(): void {
    this.#target = null;
    this.#waiting = [];
  }

  handle(frame: Frame, sink: FrameSink): void {
    this.#sink = sink;
    if (!this.#running && this.#target !== null) {
      this.#running = true;
      this.events.running(this.#target);
    }
    this.#expire();
    const outcome = this.#open(frame);
    if (outcome === "no_key") {
      this.#wait(frame);
    } else if (outcome === "opened") {
      // What waits was sent before this frame; it cannot be delivered after it.
      this.#giveUp(this.#waiting.length);
      this.#deliver(frame);
    } else {
      this.#drop(outcome);
    }
  }

  /** The session has other keys: tries what waits again, in order. */
  handleKeysChanged(): void {
    this.#expire();
    const frames = this.#waiting;
    this.#waiting = [];
    for (const waiting of frames) {
      const outcome = this.#open(waiting.frame);
      if (outcome === "no_key") {
        this.#waiting.push(waiting);
      } else if (outcome === "opened") {
        this.#giveUp(this.#waiting.length);
        this.#deliver(waiting.frame);
      } else {
        this.#drop(outcome);
      }
    }
  }

  #open(frame: Frame): "opened" | DropReason {
    const session = this.session();
    const target = this.#target;
    if (target === null) {
      return "transform_not_running";
    }
    if (session === undefined) {
      return "no_key";
    }
    let plaintext: Uint8Array;
    try {
      plaintext = session.decrypt(
        this.now(),
        CONTEXTS[target.source],
        CODECS[target.codec],
        new Uint8Array(frame.data),
      );
    } catch (thrown) {
      return dropReason(thrown);
    }
    // The KID says who sent it. What the server said is a hint: a mismatch is dropped.
    if (this.#originOf(session) !== target.clientId) {
      return "wrong_leaf";
    }
    frame.data = ownBuffer(plaintext);
    return "opened";
  }

  #originOf(session: FrameSession): string | undefined {
    const leaf = session.origin_leaf();
    const epoch = session.origin_epoch();
    if (leaf === undefined || epoch === undefined) {
      return undefined;
    }
    if (this.#origin?.leaf !== leaf || this.#origin.epoch !== epoch) {
      const member = session.origin_member();
      this.#origin = member === undefined ? undefined : { leaf, epoch, member };
    }
    return this.#origin?.member;
  }

  #deliver(frame: Frame): void {
    const target = this.#target;
    if (target === null || this.#sink === undefined) {
      return;
    }
    this.#sink.enqueue(frame);
    this.counters.decrypted();
    this.#failures = 0;
    if (!this.#opened) {
      this.#opened = true;
      this.events.firstDecrypted(target);
    }
    this.#become("secure", null);
    this.#wantKeyFrame(frame);
  }

  #wantKeyFrame(frame: Frame): void {
    if (this.now() - this.#deliveredAt > GAP_MS) {
      this.#keyFrameSeen = false;
    }
    this.#deliveredAt = this.now();
    if (frame.type === undefined || frame.type === "key") {
      this.#keyFrameSeen = true;
    } else if (!this.#keyFrameSeen && this.now() - this.#keyFrameAskedAt >= KEY_FRAME_INTERVAL_MS) {
      this.#keyFrameAskedAt = this.now();
      this.events.keyFrameWanted();
    }
  }

  #wait(frame: Frame): void {
    this.#waiting.push({ frame, since: this.now() });
    if (this.#waiting.length > MAX_WAITING) {
      this.#giveUp(1);
    }
    this.#fail("no_key", 1, KEYLESS_AFTER_MS, "waiting");
  }

  #expire(): void {
    const oldest = this.now() - MAX_WAIT_MS;
    const fresh = this.#waiting.findIndex((waiting) => waiting.since >= oldest);
    this.#giveUp(fresh === -1 ? this.#waiting.length : fresh);
  }

  #giveUp(count: number): void {
    for (const _ of this.#waiting.splice(0, count)) {
      this.counters.receiveDrop("unknown_kid_expired");
      this.#keyFrameSeen = false;
    }
  }

  #drop(reason: DropReason): void {
    this.counters.receiveDrop(reason);
    this.#fail(reason, MIN_FAILURES, FAILED_AFTER_MS, "failed");
  }

  #fail(reason: DropReason, least: number, afterMs: number, state: "waiting" | "failed"): void {
    if (this.#failures === 0) {
      this.#failingSince = this.now();
    }
    this.#failures += 1;
    if (this.#failures >= least && this.now() - this.#failingSince >= afterMs) {
      this.#become(state, reason);
    }
  }

  #become(state: StreamState, reason: DropReason | null): void {
    if (this.#target !== null && (this.#state !== state || this.#reason !== reason)) {
      this.#state = state;
      this.#reason = reason;
      this.events.state(this.#target, state, reason);
    }
  }
}
