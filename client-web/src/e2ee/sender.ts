// One sender's frames: encrypted, in order, or dropped. There is no third way.
import type { Codec, Source } from "../wire/types.ts";
import { type Counters, type Frame, type FrameSession, type FrameSink, ownBuffer } from "./frame.ts";
import { CODECS, CONTEXTS, dropReason } from "./messages.ts";

/** Encrypts the frames of one sender. */
export class SenderTransform {
  codec: Codec | undefined;
  #confirmed = false;

  constructor(
    readonly source: Source,
    private readonly session: () => FrameSession | undefined,
    private readonly counters: Counters,
    private readonly onFirstEncrypted: () => void,
  ) {}

  handle(frame: Frame, sink: FrameSink): void {
    const session = this.session();
    if (session === undefined || this.codec === undefined || frame.data.byteLength === 0) {
      this.counters.sendDrop("no_key");
      return;
    }
    if (!carries(frame, this.codec)) {
      this.counters.sendDrop("codec_unprotectable");
      return;
    }
    try {
      frame.data = ownBuffer(session.encrypt(CONTEXTS[this.source], CODECS[this.codec], new Uint8Array(frame.data)));
    } catch (thrown) {
      this.counters.sendDrop(dropReason(thrown));
      return;
    }
    sink.enqueue(frame);
    this.counters.encrypted();
    if (!this.#confirmed) {
      this.#confirmed = true;
      this.onFirstEncrypted();
    }
  }
}

/** Whether the encoder used the codec that was negotiated, as far as the browser tells. */
function carries(frame: Frame, codec: Codec): boolean {
  if (frame.type === "delta") {
    return true;
  }
  const mimeType = frame.getMetadata().mimeType;
  return mimeType === undefined || mimeType === "" || mimeType.toLowerCase().endsWith(`/${codec}`);
}
