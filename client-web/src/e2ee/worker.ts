// The crypto worker: owns the session and every key, and runs every frame through it.
import { decodeBase64Url } from "../base/bytes.ts";
import { DEVICE_ALGORITHM } from "./device.ts";
import { type CoreSession, Driver } from "./driver.ts";
import { Counters, type Frame, ownBuffer } from "./frame.ts";
import type { FromWorker, ToWorker, TransformOptions } from "./messages.ts";
import { ReceiverTransform } from "./receiver.ts";
import { SenderTransform } from "./sender.ts";
import init, { format_code, Session } from "./wasm/conclave_web.js";

/** The few things of a dedicated worker's scope that are used here. */
interface Transformer {
  readonly readable: ReadableStream<Frame>;
  readonly writable: WritableStream<Frame>;
  readonly options: TransformOptions;
  sendKeyFrameRequest?(): Promise<void>;
  generateKeyFrame?(): Promise<unknown>;
}
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  onrtctransform: ((event: { readonly transformer: Transformer }) => void) | null;
  postMessage(message: FromWorker): void;
}
type SendOptions = Extract<TransformOptions, { side: "send" }>;
type ReceiveOptions = Extract<TransformOptions, { side: "receive" }>;
const scope = self as unknown as WorkerScope;

const COUNTERS_INTERVAL_MS = 2_000;
const TREE_PATIENCE_MS = 5_000;

const counters = new Counters();
const senders = new Map<number, SenderTransform>();
const receivers = new Map<number, ReceiverTransform>();
let driver: Driver | undefined;
/** Inputs that came while the module was loading or a device's key was signing, in order. */
let early: ToWorker[] | undefined = [];

const post = (message: FromWorker) => scope.postMessage(message);
const now = () => performance.now();
const session = () => driver?.session;

scope.onmessage = ({ data }) => take(data);

function take(input: ToWorker): void {
  if (early !== undefined) {
    early.push(input);
    if (input.type === "open") {
      load(input.wasm);
    }
  } else {
    handle(input);
  }
}

/** Goes on with what had to wait; one of the inputs may make the rest wait again. */
function takeEarly(): void {
  const inputs = early ?? [];
  early = undefined;
  for (const input of inputs) {
    take(input);
  }
}

scope.onrtctransform = ({ transformer }) => {
  const { options } = transformer;
  const stream = options.side === "send" ? sending(options) : receiving(options, transformer);
  transformer.readable
    .pipeThrough(stream)
    .pipeTo(transformer.writable)
    .catch(() => {
      // The sender or receiver is gone, and its frames with it.
    })
    .finally(() => (options.side === "send" ? senders.delete(options.sender) : receivers.delete(options.receiver)));
};

function load(wasm: string): void {
  init({ module_or_path: wasm }).then(
    () => {
      post({ type: "ready" });
      takeEarly();
    },
    (error: unknown) => broken(error),
  );
}

function handle(message: ToWorker): void {
  try {
    dispatch(message);
  } catch (error) {
    // A fault of the core itself: its state cannot be trusted any more, so nothing may be encrypted with it.
    broken(error);
  }
}

function dispatch(message: ToWorker): void {
  switch (message.type) {
    case "open":
      return open(message);
    case "message":
      return driver?.handleMessage(message.text);
    case "connection_lost":
      return driver?.handleConnectionLost();
    case "hello":
      return post({ type: "hello", request: message.request, hello: driver?.hello() ?? {} });
    case "send_app":
      return driver?.sendApp(message.payload);
    case "decide": {
      const error = driver === undefined ? "not a member of the group" : driver.decide(message.decision);
      return post({ type: "decide", request: message.request, error });
    }
    case "sender_codec": {
      const sender = senders.get(message.sender);
      if (sender !== undefined) {
        sender.codec = message.codec;
      } else {
        codecs.set(message.sender, message.codec);
      }
      return;
    }
    case "receiver_gone":
      gone.add(message.receiver);
      receivers.get(message.receiver)?.close();
      receivers.delete(message.receiver);
      return;
    default:
      message satisfies never;
  }
}

/** What was told about transforms that have not begun yet. */
const codecs = new Map<number, SenderTransform["codec"]>();
const gone = new Set<number>();

function open(options: Extract<ToWorker, { type: "open" }>): void {
  const { room, secret, clientId, name, host, hostSeed, lobby, device } = options;
  const core = new Session(room, secret, clientId, name, host, hostSeed, lobby);
  if (device !== undefined) {
    early = [];
    setDevice(core, device)
      .catch((error: unknown) => {
        // The others do not know this device again, and are told so; what is encrypted does not depend on it.
        console.warn("the device's key could not sign:", error);
      })
      .then(takeEarly);
  }
  driver = driverOf(core, options);
}

/** Has the device's key sign for this session: its secret half gives signatures only, and those in its own time. */
async function setDevice(core: Session, { privateKey, publicKey }: CryptoKeyPair): Promise<void> {
  const signature = await crypto.subtle.sign(DEVICE_ALGORITHM, privateKey, ownBuffer(core.device_statement()));
  const raw = await crypto.subtle.exportKey("raw", publicKey);
  core.set_device(new Uint8Array(raw), new Uint8Array(signature));
}

function driverOf(core: CoreSession, options: Extract<ToWorker, { type: "open" }>): Driver {
  return new Driver(core, {
    now,
    unix: () => Date.now() / 1_000,
    post,
    keysChanged: () => {
      for (const receiver of receivers.values()) {
        receiver.handleKeysChanged();
      }
    },
    fetchTree: async (treeHash) => {
      try {
        const url = new URL(`/t/${treeHash}`, options.server);
        const response = await fetch(url, { signal: AbortSignal.timeout(TREE_PATIENCE_MS) });
        return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined;
      } catch {
        return undefined;
      }
    },
    formatCode: format_code,
    decodePayload: (payload) => new TextDecoder().decode(decodeBase64Url(payload)),
  });
}

function sending(options: SendOptions): TransformStream<Frame, Frame> {
  const sender = new SenderTransform(options.source, session, counters, () => {
    post({ type: "first_encrypted", sender: options.sender });
  });
  sender.codec = codecs.get(options.sender);
  senders.set(options.sender, sender);
  return guardedStream((frame, sink) => sender.handle(frame, sink));
}

function receiving(options: ReceiveOptions, transformer: Transformer): TransformStream<Frame, Frame> {
  const id = options.receiver;
  const receiver = new ReceiverTransform(options.target, session, counters, now, {
    running: (target) => post({ type: "receiver_running", receiver: id, trackId: target.trackId }),
    firstDecrypted: (target) => post({ type: "first_decrypted", receiver: id, trackId: target.trackId }),
    state: (target, state, reason) =>
      post({ type: "receiver_state", receiver: id, trackId: target.trackId, state, reason }),
    keyFrameWanted: () => {
      transformer.sendKeyFrameRequest?.().catch(() => {
        // Not connected yet, or gone: the next frame asks again.
      });
    },
  });
  if (gone.has(id)) {
    receiver.close();
  } else {
    receivers.set(id, receiver);
  }
  return guardedStream((frame, sink) => receiver.handle(frame, sink));
}

/** A stream that delivers what `handle` enqueues and nothing else. */
function guardedStream(handleFrame: (frame: Frame, sink: { enqueue(frame: Frame): void }) => void) {
  return new TransformStream<Frame, Frame>({
    transform: (frame, controller) => {
      try {
        handleFrame(frame, controller);
      } catch (error) {
        broken(error);
      }
    },
  });
}

function broken(error: unknown): void {
  // Without a driver every frame is dropped.
  driver = undefined;
  console.error("the crypto worker cannot go on", error);
  post({ type: "broken", reason: error instanceof Error ? error.message : String(error) });
}

let lastCounters = "";
setInterval(() => {
  const snapshot = counters.snapshot();
  const text = JSON.stringify(snapshot);
  if (text !== lastCounters) {
    lastCounters = text;
    post({ type: "counters", counters: snapshot });
  }
}, COUNTERS_INTERVAL_MS);
