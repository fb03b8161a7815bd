// <conclave-meeting>: a whole meeting in an empty page, in a frame of the server that it is held on.
import {
  type Command,
  type CommandProblem,
  type EmbedEvents,
  type EmbedParticipant,
  frameAddress,
  type JoinOptions,
  type MutedSource,
  PROTOCOL,
  readFromFrame,
  type ToFrame,
} from "./protocol.ts";

export type { CommandProblem, EmbedEvents, EmbedParticipant, JoinOptions, MutedSource };

/** A command was not done. */
export class EmbedError extends Error {
  override readonly name = "EmbedError";

  constructor(readonly problem: CommandProblem | "not-connected") {
    super(problem);
  }
}

/** What the frame may use of what the page may use. */
const ALLOWED = [
  "camera",
  "microphone",
  "display-capture",
  "fullscreen",
  "picture-in-picture",
  "screen-wake-lock",
  "speaker-selection",
  "autoplay",
  "clipboard-write",
].join("; ");

const STYLE =
  ":host{display:block;min-height:30rem}:host([hidden]){display:none}iframe{display:block;width:100%;height:100%;min-height:inherit;border:0}";

interface Waiting {
  resolve(): void;
  reject(error: EmbedError): void;
}

/**
 * A meeting. Attributes: `link` (the whole link), or `room` (what follows `/r/` in it) and `server`; `name`, `passcode`, `muted`,
 * `camera-off`, `autojoin`. Events are those of `EmbedEvents`, with their detail.
 */
export class ConclaveMeeting extends HTMLElement {
  #frame: HTMLIFrameElement | undefined;
  #server: URL | undefined;
  #nextId = 1;
  #isReady = false;
  readonly #waiting = new Map<number, Waiting>();
  /** Sent once the frame listens. */
  #early: (readonly [message: ToFrame, delegate: string | undefined])[] = [];
  readonly #onMessage = (event: MessageEvent) => this.#handle(event);

  connectedCallback(): void {
    const link = this.#link();
    this.#server = this.#serverOf(link);
    if (this.#server === undefined) {
      throw new EmbedError("bad-link");
    }
    addEventListener("message", this.#onMessage);
    const frame = document.createElement("iframe");
    frame.allow = ALLOWED;
    frame.title = this.getAttribute("frame-title") ?? "Conclave";
    // The link is told in a message, so that the frame's address has no secret in it at all.
    frame.src = frameAddress(this.#server, { origins: [location.origin], begin: {} });
    const style = new CSSStyleSheet();
    style.replaceSync(STYLE);
    const shadow = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [style];
    shadow.replaceChildren(frame);
    this.#frame = frame;
    if (link !== undefined) {
      const type = this.hasAttribute("autojoin") ? "join" : "open";
      this.#send({ type, ...this.#begin(link) }).catch((error: unknown) => reportError(error));
    }
  }

  disconnectedCallback(): void {
    removeEventListener("message", this.#onMessage);
    this.shadowRoot?.replaceChildren();
    this.#frame = undefined;
    this.#isReady = false;
    this.#early = [];
    for (const { reject } of this.#waiting.values()) {
      reject(new EmbedError("not-connected"));
    }
    this.#waiting.clear();
  }

  /** Goes into the meeting; what is not said is taken from the attributes. Throws `EmbedError`. */
  join(options: JoinOptions = {}): Promise<void> {
    return this.#send({ type: "join", ...this.#begin(this.#link()), ...options });
  }

  /** Leaves the call. Throws `EmbedError`. */
  leave(): Promise<void> {
    return this.#send({ type: "leave" });
  }

  /** Turns the microphone or camera off, or on again. Throws `EmbedError`. */
  mute(muted = true, source: MutedSource = "microphone"): Promise<void> {
    return this.#send({ type: "mute", source, muted });
  }

  /**
   * Shares the screen, or ends that. Browsers that do not hand a click on to a frame (all but Chromium) refuse it with
   * "needs-click": there the person uses the button in the meeting. Throws `EmbedError`.
   */
  share(on = true): Promise<void> {
    return this.#send({ type: "share", on }, on ? "display-capture" : undefined);
  }

  /** Shows a participant large, or with `null` nobody. Throws `EmbedError`. */
  pin(participant: string | null): Promise<void> {
    return this.#send({ type: "pin", participant });
  }

  #link(): string | undefined {
    const link = this.getAttribute("link");
    const room = this.getAttribute("room");
    if (link !== null || room === null) {
      return link ?? undefined;
    }
    const server = this.#serverOf(undefined);
    return server === undefined ? undefined : new URL(`/r/${room}`, server).href;
  }

  /** The server named, or that of the link, or the one that this script came from. */
  #serverOf(link: string | undefined): URL | undefined {
    const address = this.getAttribute("server") ?? link ?? import.meta.url;
    const url = URL.parse(address, location.href);
    return url?.protocol === "https:" || url?.protocol === "http:" ? new URL(url.origin) : undefined;
  }

  #begin(link: string | undefined): JoinOptions {
    const name = this.getAttribute("name");
    const passcode = this.getAttribute("passcode");
    return {
      ...(link !== undefined && { link }),
      ...(name !== null && { name }),
      ...(passcode !== null && { passcode }),
      muted: this.hasAttribute("muted"),
      cameraOff: this.hasAttribute("camera-off"),
    };
  }

  #send(command: Command, delegate?: string): Promise<void> {
    if (this.#frame === undefined) {
      return Promise.reject(new EmbedError("not-connected"));
    }
    const id = this.#nextId;
    this.#nextId += 1;
    const message: ToFrame = { conclave: PROTOCOL, id, command };
    const answer = new Promise<void>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    if (this.#isReady) {
      this.#post(message, delegate);
    } else {
      this.#early.push([message, delegate]);
    }
    return answer;
  }

  #post(message: ToFrame, delegate: string | undefined): void {
    const targetOrigin = this.#server?.origin;
    const frame = this.#frame?.contentWindow;
    if (targetOrigin === undefined || !frame) {
      return;
    }
    try {
      frame.postMessage(message, { targetOrigin, ...(delegate !== undefined && { delegate }) });
    } catch {
      // Without a click there is nothing to hand on; the frame says what is missing.
      frame.postMessage(message, { targetOrigin });
    }
  }

  #handle({ source, origin, data }: MessageEvent): void {
    if (source === null || source !== this.#frame?.contentWindow || origin !== this.#server?.origin) {
      return;
    }
    const message = readFromFrame(data);
    if (message === undefined) {
      return;
    }
    if ("answer" in message) {
      const waiting = this.#waiting.get(message.answer);
      this.#waiting.delete(message.answer);
      if (message.problem === null) {
        waiting?.resolve();
      } else {
        waiting?.reject(new EmbedError(message.problem));
      }
      return;
    }
    if (message.event === "ready") {
      this.#isReady = true;
      for (const [early, delegate] of this.#early.splice(0)) {
        this.#post(early, delegate);
      }
    }
    this.dispatchEvent(new CustomEvent(message.event, { detail: message.detail }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "conclave-meeting": ConclaveMeeting;
  }
}

if (customElements.get("conclave-meeting") === undefined) {
  customElements.define("conclave-meeting", ConclaveMeeting);
}
