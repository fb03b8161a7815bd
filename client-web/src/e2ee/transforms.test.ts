import { describe, expect, it } from "vitest";
import type { Codec } from "../wire/types.ts";
import { Counters, type Frame, type FrameSession } from "./frame.ts";
import type { DropReason, ReceiveTarget, StreamState } from "./messages.ts";
import { ReceiverTransform } from "./receiver.ts";
import { SenderTransform } from "./sender.ts";

const MARK = 0xe2;

/** A session that "encrypts" by a leading mark and the epoch, for as long as it has that epoch's key. */
class FakeSession implements FrameSession {
  keys = new Set<number>();
  sending: number | undefined;
  member = "ann";
  #epoch = 0;

  encrypt(_context: number, _codec: number, frame: Uint8Array): Uint8Array {
    if (this.sending === undefined) {
      throw "no_key";
    }
    return Uint8Array.of(MARK, this.sending, ...frame);
  }

  decrypt(_now: number, _context: number, _codec: number, frame: Uint8Array): Uint8Array {
    if (frame[0] !== MARK) {
      throw "bad_header";
    }
    if (!this.keys.has(frame[1] ?? 0)) {
      throw "no_key";
    }
    this.#epoch = frame[1] ?? 0;
    return frame.slice(2);
  }

  origin_leaf = () => 3;
  origin_epoch = () => this.#epoch;
  origin_member = () => this.member;
}

function frame(bytes: readonly number[], type?: "key" | "delta", mimeType?: string): Frame {
  return {
    data: Uint8Array.from(bytes).buffer,
    ...(type !== undefined && { type }),
    getMetadata: () => ({ mimeType }),
  };
}

const sealed = (epoch: number, body: number, type?: "key" | "delta") => frame([MARK, epoch, body], type);
const bytesOf = ({ data }: Frame) => [...new Uint8Array(data)];

function sink() {
  const frames: Frame[] = [];
  return { frames, enqueue: (value: Frame) => void frames.push(value) };
}

describe("a sender's transform", () => {
  function sender(session: FakeSession | undefined, codec: Codec | undefined = "vp9") {
    const counters = new Counters();
    let confirmed = 0;
    const transform = new SenderTransform(
      "camera",
      () => session,
      counters,
      () => {
        confirmed += 1;
      },
    );
    transform.codec = codec;
    return { transform, counters, confirmed: () => confirmed };
  }

  it("sends nothing without a session, a codec or a key, and confirms nothing", () => {
    const keyed = new FakeSession();
    keyed.sending = 1;
    for (const [session, codec] of [
      [undefined, "vp9"],
      [new FakeSession(), "vp9"],
    ] as const) {
      const { transform, counters, confirmed } = sender(session, codec);
      const out = sink();
      transform.handle(frame([1, 2, 3], "key"), out);
      expect(out.frames).toEqual([]);
      expect(counters.snapshot().sendDrops).toEqual({ no_key: 1 });
      expect(confirmed()).toBe(0);
    }
    const { transform } = sender(keyed);
    transform.codec = undefined;
    const out = sink();
    transform.handle(frame([1]), out);
    expect(out.frames).toEqual([]);
  });

  it("confirms its first ciphertext once", () => {
    const session = new FakeSession();
    session.sending = 5;
    const { transform, confirmed } = sender(session);
    const out = sink();
    transform.handle(frame([1, 2], "key"), out);
    transform.handle(frame([3, 4], "delta"), out);
    expect(out.frames.map(bytesOf)).toEqual([
      [MARK, 5, 1, 2],
      [MARK, 5, 3, 4],
    ]);
    expect(confirmed()).toBe(1);
  });

  it("drops empty frames and frames of a codec that was not negotiated", () => {
    const session = new FakeSession();
    session.sending = 5;
    const { transform, counters } = sender(session);
    const out = sink();
    transform.handle(frame([]), out);
    transform.handle(frame([1], "key", "video/AV1"), out);
    transform.handle(frame([1], "key", "video/VP9"), out);
    expect(out.frames).toHaveLength(1);
    expect(counters.snapshot().sendDrops).toEqual({ no_key: 1, codec_unprotectable: 1 });
  });

  it("lets a fault of the core out, so that the worker stops", () => {
    const session = new FakeSession();
    session.encrypt = () => {
      throw new WebAssembly.RuntimeError("unreachable");
    };
    const out = sink();
    expect(() => sender(session).transform.handle(frame([1]), out)).toThrow(WebAssembly.RuntimeError);
    expect(out.frames).toEqual([]);
  });
});

describe("a receiver's transform", () => {
  const target: ReceiveTarget = { trackId: 9, clientId: "ann", source: "camera", codec: "vp9" };

  function receiver(session: FakeSession | undefined) {
    const counters = new Counters();
    const clock = { now: 0 };
    const running: number[] = [];
    const opened: number[] = [];
    const states: [StreamState, DropReason | null][] = [];
    let keyFramesWanted = 0;
    const transform = new ReceiverTransform(
      target,
      () => session,
      counters,
      () => clock.now,
      {
        running: ({ trackId }) => void running.push(trackId),
        firstDecrypted: ({ trackId }) => void opened.push(trackId),
        state: (_, state, reason) => void states.push([state, reason]),
        keyFrameWanted: () => {
          keyFramesWanted += 1;
        },
      },
    );
    return { transform, counters, clock, running, opened, states, keyFramesWanted: () => keyFramesWanted };
  }

  it("opens frames in order and says so once", () => {
    const session = new FakeSession();
    session.keys.add(1);
    const { transform, opened, states } = receiver(session);
    const out = sink();
    transform.handle(sealed(1, 10, "key"), out);
    transform.handle(sealed(1, 11, "delta"), out);
    expect(out.frames.map(bytesOf)).toEqual([[10], [11]]);
    expect(opened).toEqual([9]);
    expect(states).toEqual([["secure", null]]);
  });

  it("never passes a plaintext frame, but says that it runs", () => {
    const session = new FakeSession();
    session.keys.add(1);
    const { transform, counters, running, opened } = receiver(session);
    const out = sink();
    transform.handle(frame([1, 2, 3], "key"), out);
    expect(out.frames).toEqual([]);
    expect(running).toEqual([9]);
    expect(opened).toEqual([]);
    expect(counters.snapshot().receiveDrops).toEqual({ bad_header: 1 });
  });

  it("drops a frame of somebody else than the track's owner", () => {
    const session = new FakeSession();
    session.keys.add(1);
    session.member = "eve";
    const { transform, counters, opened } = receiver(session);
    const out = sink();
    transform.handle(sealed(1, 10, "key"), out);
    expect(out.frames).toEqual([]);
    expect(opened).toEqual([]);
    expect(counters.snapshot().receiveDrops).toEqual({ wrong_leaf: 1 });
  });

  it("keeps frames whose key is on its way and delivers them in order", () => {
    const session = new FakeSession();
    const { transform, clock, opened } = receiver(session);
    const out = sink();
    transform.handle(sealed(2, 10, "key"), out);
    transform.handle(sealed(2, 11, "delta"), out);
    clock.now = 900;
    session.keys.add(2);
    transform.handleKeysChanged();
    expect(out.frames.map(bytesOf)).toEqual([[10], [11]]);
    expect(opened).toEqual([9]);
  });

  it("keeps at most 64 frames and none longer than a second", () => {
    const session = new FakeSession();
    const { transform, clock, counters } = receiver(session);
    const out = sink();
    for (let body = 0; body < 70; body += 1) {
      transform.handle(sealed(2, body, "delta"), out);
    }
    expect(counters.snapshot().receiveDrops).toEqual({ unknown_kid_expired: 6 });
    clock.now = 1_001;
    session.keys.add(2);
    transform.handleKeysChanged();
    expect(out.frames).toEqual([]);
    expect(counters.snapshot().receiveDrops).toEqual({ unknown_kid_expired: 70 });
  });

  it("never delivers a frame after one that was sent later", () => {
    const session = new FakeSession();
    session.keys.add(3);
    const { transform } = receiver(session);
    const out = sink();
    transform.handle(sealed(2, 10, "key"), out);
    transform.handle(sealed(3, 11, "key"), out);
    session.keys.add(2);
    transform.handleKeysChanged();
    expect(out.frames.map(bytesOf)).toEqual([[11]]);
  });

  it("asks for a key frame when it can open frames but none to begin with, once a second", () => {
    const session = new FakeSession();
    session.keys.add(1);
    const { transform, clock, keyFramesWanted } = receiver(session);
    const out = sink();
    for (let body = 0; body < 30; body += 1) {
      transform.handle(sealed(1, body, "delta"), out);
      clock.now += 50;
    }
    expect(keyFramesWanted()).toBe(2);
    transform.handle(sealed(1, 99, "key"), out);
    clock.now += 900;
    transform.handle(sealed(1, 100, "delta"), out);
    expect(keyFramesWanted()).toBe(2);
  });

  it("asks for a key frame after a gap", () => {
    const session = new FakeSession();
    session.keys.add(1);
    const { transform, clock, keyFramesWanted } = receiver(session);
    const out = sink();
    transform.handle(sealed(1, 1, "key"), out);
    clock.now += 3_000;
    transform.handle(sealed(1, 2, "delta"), out);
    expect(keyFramesWanted()).toBe(1);
    expect(out.frames).toHaveLength(2);
  });

  it("fails after a second and a half of bad frames and heals with the first good one", () => {
    const session = new FakeSession();
    session.keys.add(1);
    const { transform, clock, states } = receiver(session);
    const out = sink();
    transform.handle(sealed(1, 1, "key"), out);
    for (let count = 0; count < 40; count += 1) {
      transform.handle(frame([0, 0]), out);
      clock.now += 50;
    }
    expect(states).toEqual([
      ["secure", null],
      ["failed", "bad_header"],
    ]);
    transform.handle(sealed(1, 2, "key"), out);
    expect(states.at(-1)).toEqual(["secure", null]);
  });

  it("waits with a reason when the key stays away", () => {
    const session = new FakeSession();
    session.keys.add(1);
    const { transform, clock, states } = receiver(session);
    const out = sink();
    transform.handle(sealed(1, 1, "key"), out);
    for (let count = 0; count < 50; count += 1) {
      transform.handle(sealed(2, 1, "delta"), out);
      clock.now += 50;
    }
    expect(states.at(-1)).toEqual(["waiting", "no_key"]);
  });

  it("decrypts nothing once it is closed, not even what waited", () => {
    const session = new FakeSession();
    const { transform, opened, counters } = receiver(session);
    const out = sink();
    transform.handle(sealed(1, 1, "key"), out);
    transform.close();
    session.keys.add(1);
    transform.handleKeysChanged();
    transform.handle(sealed(1, 2, "key"), out);
    expect(out.frames).toEqual([]);
    expect(opened).toEqual([]);
    expect(counters.snapshot().receiveDrops).toEqual({ transform_not_running: 1 });
  });
});
