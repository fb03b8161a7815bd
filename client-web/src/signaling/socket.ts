// The connection to the signaling service: says Hello, notices a dead connection and comes back.
import { Emitter } from "../base/emitter.ts";
import { CodecError, decodeServer, encodeClient } from "../wire/codec.ts";
import {
  type ClientMessage,
  type ErrorMessage,
  type Hello,
  PROTOCOL_VERSION,
  type ServerMessage,
  SUBPROTOCOL,
} from "../wire/types.ts";
import { delayAfterOverload, delayBefore, patience } from "./backoff.ts";
import { type Connect, reachable, type Transport, webSocketTransport } from "./transport.ts";

const PING_INTERVAL_MS = 5_000;
/** A connection that stays silent this long after a Ping is dead. */
const PONG_PATIENCE_MS = 3_000;
/** The same while there is reason to believe that it is dead. */
const HURRIED_PATIENCE_MS = 600;
/** When the server does not say after how long it may be asked again. */
const OVERLOADED_RETRY_MS = 5_000;

/** Where the connection stands; messages can be sent while it is "open" only. */
export type SocketState = "connecting" | "open" | "lost" | "stopped";

/** Refusals after which another attempt would be refused again. */
const FINAL_CODES: ReadonlySet<ErrorMessage["code"]> = new Set<ErrorMessage["code"]>([
  "unsupported_version",
  "room_not_found",
  "room_full",
  "client_id_taken",
  "session_replaced",
  "removed",
  "banned",
  "denied",
  "room_locked",
  "ended",
  "room_burnt",
  "link_expired",
  "link_used_up",
  "not_allowed",
]);

export interface SocketOptions {
  /** The server's origin, http or https. */
  readonly server: URL;
  /** What Hello says, asked anew for every connection. */
  readonly hello: () => Promise<Omit<Hello, "version">>;
  readonly connect?: Connect;
  /** Whether the server answers at all: asked before a repeated attempt. */
  readonly probe?: (patienceMs: number) => Promise<boolean>;
  /** In [0, 1), for jitter. */
  readonly random?: () => number;
}

/** One message with its text, for those who take it unparsed. */
export interface Received {
  readonly message: ServerMessage;
  readonly text: string;
}

export type SocketEvents = {
  state: SocketState;
  message: Received;
  /** The server refused for good: the socket stopped. */
  refused: ErrorMessage;
  /** The server has no room for anybody who is not in a call yet; the socket asks again by itself. */
  overloaded: ErrorMessage;
};

/**
 * Keeps one connection open until stopped. It never queues: what cannot be sent now is void, because the session's
 * state after the next Hello decides what is worth sending.
 */
export class SignalingSocket {
  readonly #events = new Emitter<SocketEvents>();
  readonly #options: Required<SocketOptions>;
  readonly #url: string;
  #state: SocketState = "lost";
  #transport: Transport | undefined;
  /** Counts connections, so that a late promise or timer of an old one finds that it is over. */
  #generation = 0;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pingTimer: ReturnType<typeof setTimeout> | undefined;
  #pingId = 0;
  /** When the last Ping left, and when its connection is dead unless something comes. */
  #pinged: { readonly at: number; readonly due: number } | undefined;
  #lastReceived = 0;
  #retryAfterMs = 0;
  /** How often in a row the server was overloaded. */
  #overloads = 0;

  constructor(options: SocketOptions) {
    const livez = new URL("/livez", options.server).href;
    this.#options = {
      connect: webSocketTransport,
      probe: (patienceMs) => reachable(livez, patienceMs),
      random: Math.random,
      ...options,
    };
    const url = new URL("/ws", options.server);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.#url = url.href;
  }

  on<Name extends keyof SocketEvents>(event: Name, handler: (value: SocketEvents[Name]) => void): () => void {
    return this.#events.on(event, handler);
  }

  /** Connects, and connects again until `stop`. */
  start(): void {
    if (this.#state === "lost" && this.#generation === 0) {
      this.#schedule();
    }
  }

  /** Tries at once, and a connection has to show at once that it lives: call it when the network may have changed. */
  hurry(): void {
    if (this.#state === "open") {
      this.#ping(HURRIED_PATIENCE_MS);
    } else if (this.#state !== "stopped" && this.#generation > 0) {
      this.#drop();
      this.#attempt = 0;
      this.#schedule();
    }
  }

  /** Sends a message now; `false` when there is no open session to send it in. */
  send(message: ClientMessage): boolean {
    return this.sendText(encodeClient(message));
  }

  /** Sends the text of a client message now; `false` when there is no open session to send it in. */
  sendText(text: string): boolean {
    if (this.#state !== "open" || this.#transport === undefined) {
      return false;
    }
    this.#transport.send(text);
    return true;
  }

  /** Says goodbye and ends for good. */
  stop(): void {
    this.send({ type: "bye" });
    this.#drop();
    this.#become("stopped");
  }

  get state(): SocketState {
    return this.#state;
  }

  #schedule(): void {
    this.#generation += 1;
    const generation = this.#generation;
    const delay = Math.max(delayBefore(this.#attempt, this.#options.random()), this.#retryAfterMs);
    this.#retryAfterMs = 0;
    this.#become("connecting");
    this.#timer = setTimeout(() => void this.#open(generation), delay);
  }

  async #open(generation: number): Promise<void> {
    const attempt = this.#attempt;
    this.#attempt += 1;
    // Browsers delay WebSockets to a server that refused some; a plain request finds out at no such price.
    if (attempt > 0 && !(await this.#options.probe(patience(attempt)))) {
      this.#retry(generation);
      return;
    }
    if (generation !== this.#generation) {
      return;
    }
    this.#timer = setTimeout(() => this.#retry(generation), patience(attempt));
    this.#transport = this.#options.connect(this.#url, SUBPROTOCOL, {
      opened: () => void this.#hello(generation),
      received: (text) => this.#receive(generation, text),
      closed: () => this.#retry(generation),
    });
  }

  async #hello(generation: number): Promise<void> {
    let hello: Omit<Hello, "version">;
    try {
      hello = await this.#options.hello();
    } catch {
      this.#retry(generation);
      return;
    }
    if (generation === this.#generation) {
      this.#transport?.send(encodeClient({ type: "hello", version: PROTOCOL_VERSION, ...hello }));
    }
  }

  #receive(generation: number, text: string): void {
    if (generation !== this.#generation) {
      return;
    }
    this.#lastReceived = Date.now();
    let message: ServerMessage;
    try {
      message = decodeServer(text);
    } catch (error) {
      if (!(error instanceof CodecError)) {
        throw error;
      }
      console.warn("dropped a frame of the server:", error.message);
      return;
    }
    if (message.type === "error" && message.fatal) {
      this.#fail(generation, message);
      return;
    }
    if (message.type === "state" && this.#state !== "open") {
      clearTimeout(this.#timer);
      this.#attempt = 0;
      this.#overloads = 0;
      this.#become("open");
      this.#pingTimer = setTimeout(() => this.#ping(), PING_INTERVAL_MS);
    }
    this.#events.emit("message", { message, text });
  }

  #fail(generation: number, error: ErrorMessage): void {
    if (FINAL_CODES.has(error.code)) {
      this.#drop();
      this.#become("stopped");
      this.#events.emit("refused", error);
      return;
    }
    this.#retryAfterMs = error.retry_after_ms ?? 0;
    if (error.code === "overloaded") {
      this.#overloads += 1;
      const retryAfterMs = error.retry_after_ms ?? OVERLOADED_RETRY_MS;
      this.#retryAfterMs = delayAfterOverload(this.#overloads, retryAfterMs, this.#options.random());
    }
    this.#retry(generation);
    if (error.code === "overloaded") {
      this.#events.emit("overloaded", error);
    }
  }

  #ping(patienceMs = PONG_PATIENCE_MS): void {
    clearTimeout(this.#pingTimer);
    const generation = this.#generation;
    const now = Date.now();
    const before = this.#pinged;
    // While one is unanswered, another does not begin the wait anew: reasons to hurry come one after the other.
    const waits = before !== undefined && this.#lastReceived < before.at;
    const pinged = { at: waits ? before.at : now, due: Math.min(now + patienceMs, waits ? before.due : Infinity) };
    this.#pinged = pinged;
    this.#pingId = (this.#pingId + 1) % 0x1_0000_0000;
    this.send({ type: "ping", id: this.#pingId });
    this.#pingTimer = setTimeout(() => {
      if (this.#lastReceived < pinged.at) {
        this.#retry(generation);
        return;
      }
      this.#pingTimer = setTimeout(() => this.#ping(), PING_INTERVAL_MS - patienceMs);
    }, pinged.due - now);
  }

  /** Gives the current connection up and schedules the next, unless somebody already did. */
  #retry(generation: number): void {
    if (generation !== this.#generation || this.#state === "stopped") {
      return;
    }
    this.#drop();
    this.#become("lost");
    this.#schedule();
  }

  #drop(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#pingTimer);
    this.#pinged = undefined;
    this.#generation += 1;
    this.#transport?.close();
    this.#transport = undefined;
  }

  #become(state: SocketState): void {
    if (this.#state !== state) {
      this.#state = state;
      this.#events.emit("state", state);
    }
  }
}
