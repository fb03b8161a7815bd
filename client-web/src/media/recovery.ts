// Notices that a connection is dead, and brings it back: by ICE restarts first, by giving it up when they do not help.

/** Nothing arrived for this long: signaling, which a restart needs, should be made sure of. */
const SILENCE_MS = 500;
/** Nothing arrived for this long on a connection on which sound arrived all the time. */
const STALL_MS = 1_000;
/** The same, just after the network changed. */
const SUSPICIOUS_STALL_MS = 400;
const SUSPICION_MS = 5_000;
/** Arrivals in a row before their end means anything. */
const LIVELY_ARRIVALS = 5;
/** A pause between two looks, say of a sleeping computer, after which the past says nothing. */
const BLIND_MS = 2_500;
/** An ICE restart that was answered has this long to show an effect before the next. */
const RESTART_MS = 2_500;
/**
 * The same for the first ones: libwebrtc may know of a new network only seconds after the old one went, and a restart
 * before that finds no way, also not later.
 */
const EARLY_RESTART_MS = 1_000;
const EARLY_RESTARTS = 2;
/** The same once the browser has found the new network, which a restart before that may use at once or never. */
const NEW_PATH_MS = 200;
/** So long after the first answered restart the connection is given up. */
const GIVE_UP_MS = 8_000;

/** What a recovery does. */
export interface RecoveryActions {
  /** Nothing arrives; perhaps a restart is needed soon. */
  suspect(): void;
  /** Starts ICE anew with the next offer, and makes one. */
  restartIce(): void;
  /** Nothing helped. */
  giveUp(): void;
}

/** Watches one connection. */
export class Recovery {
  #bytes = 0;
  #arrivals = 0;
  #arrivedAt = 0;
  #lookedAt = 0;
  #suspiciousUntil = Number.NEGATIVE_INFINITY;
  #lost = false;
  #suspected = false;
  /** Whether the server answered the last restart. */
  #answered = false;
  /** Answered restarts since it is lost. */
  #restarts = 0;
  #giveUpTimer: ReturnType<typeof setTimeout> | undefined;
  #restartTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly actions: RecoveryActions) {}

  /** Whether the connection is being brought back. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Takes how many bytes arrived so far, some times a second while something should arrive. */
  look(bytes: number): void {
    const now = performance.now();
    if (now - this.#lookedAt > BLIND_MS) {
      this.#arrivals = 0;
    }
    this.#lookedAt = now;
    if (bytes > this.#bytes) {
      this.#arrivals += 1;
      this.#arrivedAt = now;
      this.#suspected = false;
      this.handleAlive();
    } else if (this.#arrivals >= LIVELY_ARRIVALS) {
      this.#miss(now - this.#arrivedAt, now);
    }
    // Less than before: the browser has forgotten a path and what came on it.
    this.#bytes = bytes;
  }

  /** The connection is dead. */
  handleLost(): void {
    if (!this.#lost) {
      this.#lost = true;
      this.#arrivals = 0;
      this.#restart();
    }
  }

  /** Something arrived, or ICE says that it is connected. */
  handleAlive(): void {
    if (this.#lost) {
      this.close();
      this.#lost = false;
    }
  }

  /** The device has another network, or one again. */
  handleNetworkChange(): void {
    this.#suspiciousUntil = performance.now() + SUSPICION_MS;
    if (this.#lost) {
      this.#restart();
    }
  }

  /** The browser has another network to send on. */
  handleNewPath(): void {
    if (this.#lost && this.#answered) {
      this.#restartAfter(NEW_PATH_MS);
    }
  }

  /** The server answered an offer. */
  handleAnswered(): void {
    if (this.#lost && !this.#answered) {
      this.#answered = true;
      this.#restarts += 1;
      this.#giveUpTimer ??= setTimeout(() => this.actions.giveUp(), GIVE_UP_MS);
      // Before the answer there is nothing that could have worked: without signaling it waits.
      this.#restartAfter(this.#restarts <= EARLY_RESTARTS ? EARLY_RESTART_MS : RESTART_MS);
    }
  }

  close(): void {
    clearTimeout(this.#giveUpTimer);
    clearTimeout(this.#restartTimer);
    this.#giveUpTimer = undefined;
    this.#restarts = 0;
  }

  /** Nothing arrived for `silence` milliseconds. */
  #miss(silence: number, now: number): void {
    if (silence >= this.#patience(now)) {
      this.handleLost();
    } else if (silence >= SILENCE_MS && !this.#suspected) {
      this.#suspected = true;
      this.actions.suspect();
    }
  }

  #restartAfter(ms: number): void {
    clearTimeout(this.#restartTimer);
    this.#restartTimer = setTimeout(() => this.#restart(), ms);
  }

  #restart(): void {
    clearTimeout(this.#restartTimer);
    this.#answered = false;
    this.actions.restartIce();
  }

  #patience(now: number): number {
    return now < this.#suspiciousUntil ? SUSPICIOUS_STALL_MS : STALL_MS;
  }
}

/** Bytes that arrived on a connection, of whatever kind. */
export function bytesReceived(report: ReadonlyMap<string, RTCStats>): number {
  let transports: number | undefined;
  let paths = 0;
  for (const stats of report.values()) {
    const { type, bytesReceived: bytes = 0 } = stats as RTCStats & { readonly bytesReceived?: number };
    if (type === "transport") {
      transports = (transports ?? 0) + bytes;
    } else if (type === "candidate-pair") {
      paths += bytes;
    }
  }
  // Firefox has no statistics of the transport.
  return transports ?? paths;
}
