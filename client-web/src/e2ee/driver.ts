// Drives the wasm session: messages in, outputs out, timers, trees and the call code.
import type { HostProof, Resume, Suite } from "../wire/types.ts";
import { type CodeMaterial, deriveCode } from "./code.ts";
import type { FrameSession } from "./frame.ts";
import type {
  Decision,
  FromWorker,
  Member,
  MemberChange,
  Moderation,
  SessionFailure,
  SessionHello,
  Waiting,
} from "./messages.ts";

/** The wasm session. */
export interface CoreSession extends FrameSession {
  handle_message(now_ms: number, json: string): void;
  handle_tree(now_ms: number, tree_hash: string, tree?: Uint8Array | null): void;
  handle_clock(now_ms: number, unix: number): void;
  handle_connection_lost(now_ms: number): void;
  handle_timeout(now_ms: number): void;
  poll_output(): string | undefined;
  poll_timeout(): number | undefined;
  resume(): string | undefined;
  host_proof(): string | undefined;
  roster(): string;
  epoch(): number | undefined;
  suite(): string | undefined;
  is_secured(): boolean;
  code_material(): CodeMaterial | undefined;
  send_app(payload: Uint8Array): void;
  moderation(): string;
  decide(decision: string): void;
}

/** What the session gives out, as `Output` of conclave-e2ee. */
type Output =
  | { readonly type: "send"; readonly message: unknown }
  | { readonly type: "fetch_tree"; readonly tree_hash: string }
  | { readonly type: "admitted"; readonly epoch: number }
  | { readonly type: "roster_changed" }
  | { readonly type: "keys_changed" }
  | { readonly type: "epoch_changed"; readonly epoch: number }
  | { readonly type: "app"; readonly from: string; readonly payload: string }
  | { readonly type: "secured"; readonly secured: boolean }
  | ({ readonly type: "log" } & MemberChange)
  | { readonly type: "moderation_changed" }
  | { readonly type: "knocking" }
  | { readonly type: "knocks"; readonly waiting: readonly Waiting[] }
  | { readonly type: "ended" }
  | { readonly type: "burnt"; readonly receipt: string }
  | { readonly type: "removed" }
  | { readonly type: "failed"; readonly reason: SessionFailure };

/** What the driver needs of its surroundings. */
export interface DriverPorts {
  now(): number;
  /** Seconds since 1970. */
  unix(): number;
  post(message: FromWorker): void;
  keysChanged(): void;
  fetchTree(treeHash: string): Promise<Uint8Array | undefined>;
  decodePayload(payload: string): string;
  formatCode(bytes: Uint8Array): string;
}

/** The code takes some 100 ms of another thread to derive: only the epoch that stays this long gets one. */
const CODE_DELAY_MS = 400;

/** Keeps the driving law: after every input the outputs are drained and the next timeout is set. */
export class Driver {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #codeTimer: ReturnType<typeof setTimeout> | undefined;
  #codeEpoch: number | undefined;

  constructor(
    readonly session: CoreSession,
    private readonly ports: DriverPorts,
  ) {}

  handleMessage(text: string): void {
    // Anew each time: the other clock stands still while the machine sleeps.
    this.session.handle_clock(this.ports.now(), this.ports.unix());
    this.#guarded(() => this.session.handle_message(this.ports.now(), text));
  }

  handleConnectionLost(): void {
    this.session.handle_connection_lost(this.ports.now());
    this.#drain();
  }

  sendApp(payload: string): void {
    this.#guarded(() => this.session.send_app(new TextEncoder().encode(payload)));
  }

  /** Decides something as a host; the reason when that was refused. */
  decide(decision: Decision): string | null {
    try {
      this.session.decide(JSON.stringify(decision));
      return null;
    } catch (thrown) {
      return refusal(thrown);
    } finally {
      this.#drain();
    }
  }

  /** What the session has to say in Hello. */
  hello(): SessionHello {
    const [resume, host] = [this.session.resume(), this.session.host_proof()];
    return {
      ...(resume !== undefined && { resume: JSON.parse(resume) as Resume }),
      ...(host !== undefined && { host: JSON.parse(host) as HostProof }),
    };
  }

  /** Runs a step whose refusal is a dropped message: the session goes on. */
  #guarded(step: () => void): void {
    try {
      step();
    } catch (thrown) {
      console.warn("the session dropped a message:", refusal(thrown));
    }
    this.#drain();
  }

  #drain(): void {
    for (let text = this.session.poll_output(); text !== undefined; text = this.session.poll_output()) {
      this.#handle(JSON.parse(text) as Output);
    }
    clearTimeout(this.#timer);
    const due = this.session.poll_timeout();
    if (due !== undefined) {
      this.#timer = setTimeout(() => this.#handleTimeout(), Math.max(0, due - this.ports.now()));
    }
  }

  #handleTimeout(): void {
    this.session.handle_timeout(this.ports.now());
    this.#drain();
  }

  #handle(output: Output): void {
    const { post } = this.ports;
    switch (output.type) {
      case "send":
        return post({ type: "send", text: JSON.stringify(output.message) });
      case "fetch_tree":
        return void this.#fetchTree(output.tree_hash);
      case "admitted":
        // Maybe another group, which counts its epochs anew.
        this.#codeEpoch = undefined;
        this.#deriveCodeSoon();
        this.#roster();
        return post({ type: "admitted", epoch: output.epoch });
      case "roster_changed":
        this.#deriveCodeSoon();
        return this.#roster();
      case "keys_changed":
        return this.ports.keysChanged();
      case "epoch_changed":
        post({ type: "epoch", epoch: output.epoch });
        return this.#deriveCodeSoon();
      case "app":
        return post({ type: "app", from: output.from, payload: this.ports.decodePayload(output.payload) });
      case "secured":
        return post({ type: "secured", secured: output.secured });
      case "log": {
        const { type: _, ...change } = output;
        return post({ type: "log", change });
      }
      case "moderation_changed":
        return post({ type: "moderation", moderation: JSON.parse(this.session.moderation()) as Moderation });
      case "knocking":
        return post({ type: "knocking" });
      case "knocks":
        return post({ type: "knocks", waiting: output.waiting });
      case "ended":
        return post({ type: "ended" });
      case "burnt":
        return post({ type: "burnt", receipt: output.receipt });
      case "removed":
        return post({ type: "removed" });
      case "failed":
        return post({ type: "session_failed", reason: output.reason });
      default:
        return output satisfies never;
    }
  }

  #roster(): void {
    const members = JSON.parse(this.session.roster()) as readonly Member[];
    this.ports.post({ type: "roster", members, suite: (this.session.suite() as Suite | undefined) ?? null });
  }

  async #fetchTree(treeHash: string): Promise<void> {
    const tree = await this.ports.fetchTree(treeHash);
    this.#guarded(() => this.session.handle_tree(this.ports.now(), treeHash, tree));
  }

  /** Takes the code of an epoch that has passed off the screen at once; its successor's follows. */
  #deriveCodeSoon(): void {
    const epoch = this.session.epoch();
    if (epoch !== undefined && epoch !== this.#codeEpoch) {
      this.ports.post({ type: "code", epoch, code: undefined });
    }
    clearTimeout(this.#codeTimer);
    this.#codeTimer = setTimeout(() => void this.#deriveCode(), CODE_DELAY_MS);
  }

  async #deriveCode(): Promise<void> {
    const epoch = this.session.epoch();
    if (epoch === undefined || epoch === this.#codeEpoch) {
      return;
    }
    const material = this.session.code_material();
    if (material === undefined) {
      return;
    }
    this.#codeEpoch = epoch;
    try {
      const code = await deriveCode(material, this.ports.formatCode);
      // Another epoch may have come meanwhile: its own code follows.
      if (this.#codeEpoch === epoch && this.session.epoch() === epoch) {
        this.ports.post({ type: "code", epoch, code });
      }
    } catch (error) {
      if (this.#codeEpoch === epoch) {
        this.#codeEpoch = undefined;
      }
      console.warn("the call code could not be derived:", error);
    }
  }
}

/** The sentence that the session threw; anything else is a fault of the core and goes on. */
function refusal(thrown: unknown): string {
  if (typeof thrown === "string") {
    return thrown;
  }
  throw thrown;
}
