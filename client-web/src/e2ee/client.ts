// The page's end of the crypto worker.
import { Emitter } from "../base/emitter.ts";
import type { Codec, Source } from "../wire/types.ts";
import { trustedWorkerUrl, wasmAddress } from "./assets.ts";
import type { Decision, FromWorker, ReceiveTarget, SessionHello, ToWorker, TransformOptions } from "./messages.ts";

/** Messages of the worker that are no answers, by name. */
type Notice = Exclude<FromWorker, { type: "hello" | "decide" }>;
export type E2eeEvents = { [Type in Notice["type"]]: Extract<Notice, { type: Type }> };

/** What a session is opened with. */
export interface SessionOptions {
  readonly server: URL;
  readonly room: string;
  readonly secret: string;
  readonly clientId: string;
  readonly name: string;
  /** The room's host key, if its link names one. */
  readonly host?: string | undefined;
  /** The secret half of it. */
  readonly hostSeed?: string | undefined;
  /** Whether the link says that the room has a lobby. */
  readonly lobby: boolean;
  /** The key of this device, if it is to be known again. */
  readonly device?: CryptoKeyPair | undefined;
}

/** This participant may not decide that, or not about them. */
export class DecisionError extends Error {
  override readonly name = "DecisionError";
}

/** One crypto worker with one session. Not used again after `close`. */
export class E2eeClient {
  readonly #events = new Emitter<E2eeEvents>();
  readonly #worker: Worker;
  readonly #hellos = new Map<number, (hello: SessionHello) => void>();
  readonly #decisions = new Map<number, (error: string | null) => void>();
  #nextId = 1;

  constructor(options: SessionOptions) {
    this.#worker = new Worker(trustedWorkerUrl(), { type: "module", name: "conclave-e2ee" });
    this.#worker.onmessage = (event: MessageEvent<FromWorker>) => this.#handle(event.data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#events.emit("broken", { type: "broken", reason: event.message || "the worker could not be loaded" });
    };
    const { server, ...rest } = options;
    this.#post({ type: "open", server: server.href, wasm: wasmAddress(), ...rest });
  }

  on<Name extends keyof E2eeEvents>(event: Name, handler: (value: E2eeEvents[Name]) => void): () => void {
    return this.#events.on(event, handler);
  }

  /** Hands a server message of the MLS family to the session. */
  handleMessage(text: string): void {
    this.#post({ type: "message", text });
  }

  handleConnectionLost(): void {
    this.#post({ type: "connection_lost" });
  }

  /** What the session has to say in Hello, after everything sent before it was handled. */
  hello(): Promise<SessionHello> {
    const request = this.#id();
    return new Promise((resolve) => {
      this.#hellos.set(request, resolve);
      this.#post({ type: "hello", request });
    });
  }

  /** Sends an application message to all members; dropped while the session is no member. */
  sendApp(payload: string): void {
    this.#post({ type: "send_app", payload });
  }

  /** Decides something as a host; throws `DecisionError`. */
  async decide(decision: Decision): Promise<void> {
    const request = this.#id();
    const error = await new Promise<string | null>((resolve) => {
      this.#decisions.set(request, resolve);
      this.#post({ type: "decide", request, decision });
    });
    if (error !== null) {
      throw new DecisionError(error);
    }
  }

  /** Puts the worker before a sender's packetizer: call it in the same task that makes the sender. */
  protectSender(sender: RTCRtpSender, source: Source): number {
    const id = this.#id();
    sender.transform = this.#transform({ side: "send", sender: id, source });
    return id;
  }

  /** Says what was negotiated for a sender; before it, its frames are dropped. */
  senderCodec(id: number, codec: Codec): void {
    this.#post({ type: "sender_codec", sender: id, codec });
  }

  /** Puts the worker behind a receiver's depacketizer: call it in the `track` event. */
  protectReceiver(receiver: RTCRtpReceiver, target: ReceiveTarget): number {
    const id = this.#id();
    receiver.transform = this.#transform({ side: "receive", receiver: id, target });
    return id;
  }

  /** The receiver is not used any more: nothing of it is decrypted from now on. */
  receiverGone(id: number): void {
    this.#post({ type: "receiver_gone", receiver: id });
  }

  /** Ends the worker; its keys are gone with it. */
  close(): void {
    this.#worker.onmessage = null;
    this.#worker.onerror = null;
    this.#worker.terminate();
    for (const resolve of this.#hellos.values()) {
      resolve({});
    }
    for (const resolve of this.#decisions.values()) {
      resolve("the session is closed");
    }
  }

  #transform(options: TransformOptions): RTCRtpScriptTransform {
    return new RTCRtpScriptTransform(this.#worker, options);
  }

  #handle(message: FromWorker): void {
    switch (message.type) {
      case "hello":
        this.#hellos.get(message.request)?.(message.hello);
        this.#hellos.delete(message.request);
        return;
      case "decide":
        this.#decisions.get(message.request)?.(message.error);
        this.#decisions.delete(message.request);
        return;
      default:
        this.#events.emit(message.type, message);
    }
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #id(): number {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }
}
