// What the transforms need of a frame, of a transformer and of the session; tests bring their own.
import type { DropReason, FrameCounters } from "./messages.ts";

/** An encoded frame: `RTCEncodedVideoFrame` or `RTCEncodedAudioFrame`. */
export interface Frame {
  data: ArrayBuffer;
  readonly type?: string;
  getMetadata(): { readonly mimeType?: string | undefined };
}

/** Where frames go on. */
export interface FrameSink {
  enqueue(frame: Frame): void;
}

/** The part of the session that frames need; its failures are thrown drop reasons. */
export interface FrameSession {
  encrypt(context: number, codec: number, frame: Uint8Array): Uint8Array;
  decrypt(now_ms: number, context: number, codec: number, frame: Uint8Array): Uint8Array;
  origin_leaf(): number | undefined;
  origin_epoch(): number | undefined;
  origin_member(): string | undefined;
}

/** Counts what became of frames. */
export class Counters {
  #encrypted = 0;
  #decrypted = 0;
  readonly #sendDrops: Partial<Record<DropReason, number>> = {};
  readonly #receiveDrops: Partial<Record<DropReason, number>> = {};

  encrypted(): void {
    this.#encrypted += 1;
  }

  decrypted(): void {
    this.#decrypted += 1;
  }

  sendDrop(reason: DropReason): void {
    this.#sendDrops[reason] = (this.#sendDrops[reason] ?? 0) + 1;
  }

  receiveDrop(reason: DropReason): void {
    this.#receiveDrops[reason] = (this.#receiveDrops[reason] ?? 0) + 1;
  }

  snapshot(): FrameCounters {
    return {
      encrypted: this.#encrypted,
      decrypted: this.#decrypted,
      sendDrops: { ...this.#sendDrops },
      receiveDrops: { ...this.#receiveDrops },
    };
  }
}

/** The bytes of `view` as a buffer of their own, without a copy where it already is one. */
export function ownBuffer(view: Uint8Array): ArrayBuffer {
  const { buffer, byteLength } = view;
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? buffer : view.slice().buffer;
}
