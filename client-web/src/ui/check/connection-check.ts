// Tests what a call needs, one thing after the other: the browser, the server, the ways to it, and a call with itself.

import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Feature, PathProtocol, PathResult } from "../../index.ts";
import { countsOf, qualityOf } from "../call/quality.ts";
import type { Platform } from "../devices/platform.ts";
import type { CallPort, SdkPort } from "../port.ts";

/** One thing that is tested. */
export type Step<Found> =
  | { readonly kind: "waiting" }
  | { readonly kind: "running" }
  | { readonly kind: "done"; readonly found: Found };

/** What a call with oneself through the server was like. */
export interface Carried {
  /** Bits per second of an encrypted picture that were sent, and of those that came back. */
  readonly up: number;
  readonly down: number;
  /** Shares from 0 to 1. */
  readonly lossUp: number;
  readonly lossDown: number;
  readonly delayMs: number | undefined;
  readonly protocol: PathProtocol | undefined;
}

/** Everything that was found. No addresses, no names, no secrets. */
export interface Findings {
  readonly platform: Platform;
  readonly missing: readonly Feature[];
  /** Codecs of a call that the browser has. */
  readonly codecs: readonly string[];
  /** Milliseconds to the server's web address and back; `undefined` when it did not answer. */
  readonly server: Step<number | undefined>;
  readonly udp: Step<PathResult>;
  readonly tcp: Step<PathResult>;
  /** `undefined` when no encrypted picture came back. */
  readonly call: Step<Carried | undefined>;
}

/** What is wrong as a whole, the worst first. */
export type Verdict = "browser" | "server" | "blocked" | "no_picture" | "tcp_only" | "narrow" | "lossy" | "good";

/** How long the call with oneself is measured, after its picture has come, in milliseconds. */
const MEASURED_MS = 8_000;
/** How long the picture may take to come. */
const PICTURE_PATIENCE_MS = 30_000;
/** Less than this does not carry a picture that is worth showing large. */
const NARROW = 500_000;
const LOSSY = 0.03;
const WAITING = { kind: "waiting" } as const;
const RUNNING = { kind: "running" } as const;

/** What the test takes of the browser. */
export interface BrowserFacts {
  readonly platform: Platform;
  /** Codecs of a call that the browser has. */
  readonly codecs: readonly string[];
  /** Makes a picture for the test call. */
  readonly picture: () => MediaStreamTrack;
}

export class ConnectionCheck {
  readonly #findings: Signal<Findings>;
  #stopped = false;

  constructor(
    private readonly sdk: SdkPort,
    private readonly browser: BrowserFacts,
  ) {
    const { platform, codecs } = browser;
    const missing = sdk.missingFeatures();
    this.#findings = signal<Findings>({
      platform,
      missing,
      codecs,
      server: WAITING,
      udp: WAITING,
      tcp: WAITING,
      call: WAITING,
    });
  }

  get findings(): ReadonlySignal<Findings> {
    return this.#findings;
  }

  /** Tests everything once. */
  async run(): Promise<void> {
    this.#note({ server: RUNNING });
    const server = await this.sdk.reachServer();
    this.#note({ server: { kind: "done", found: server } });
    if (server === undefined || this.#findings.value.missing.length > 0) {
      return;
    }
    for (const protocol of ["udp", "tcp"] as const) {
      if (this.#stopped) {
        return;
      }
      this.#note({ [protocol]: RUNNING });
      this.#note({ [protocol]: { kind: "done", found: await this.#tryPath(protocol) } });
    }
    const { udp, tcp } = this.#findings.value;
    if (!this.#stopped && (isOpen(udp) || isOpen(tcp))) {
      this.#note({ call: RUNNING });
      this.#note({ call: { kind: "done", found: await this.#callOneself().catch(() => undefined) } });
    }
  }

  /** Begins nothing more. */
  stop(): void {
    this.#stopped = true;
  }

  async #tryPath(protocol: PathProtocol): Promise<PathResult> {
    try {
      const { link } = await this.sdk.createMeeting({});
      return await this.sdk.tryPath(link.room, protocol);
    } catch {
      return { open: false, why: "no_answer" };
    }
  }

  /** A room of one's own, where two participants of this page meet: one sends, one receives. */
  async #callOneself(): Promise<Carried | undefined> {
    const { link, hostSeed } = await this.sdk.createMeeting({});
    const { room, secret, host } = link;
    const sender = this.sdk.openCall({ room, secret, host, hostSeed, name: "1", camera: this.browser.picture() });
    const receiver = this.sdk.openCall({ room, secret, host, name: "2" });
    try {
      await sender.join();
      await receiver.join();
      return (await pictureCame(receiver)) ? await measure(sender, receiver) : undefined;
    } finally {
      await Promise.all([sender.leave(), receiver.leave()]);
    }
  }

  #note(found: Partial<Findings>): void {
    this.#findings.value = { ...this.#findings.value, ...found };
  }
}

/** What the findings mean; `undefined` while something is still being tested. */
export function verdictOf({ missing, server, udp, tcp, call }: Findings): Verdict | undefined {
  if (missing.length > 0) {
    return "browser";
  }
  if (server.kind === "done" && server.found === undefined) {
    return "server";
  }
  if (udp.kind !== "done" || tcp.kind !== "done") {
    return undefined;
  }
  if (!udp.found.open && !tcp.found.open) {
    return "blocked";
  }
  if (call.kind !== "done") {
    return undefined;
  }
  if (call.found === undefined) {
    return "no_picture";
  }
  if (!udp.found.open) {
    return "tcp_only";
  }
  if (Math.min(call.found.up, call.found.down) < NARROW) {
    return "narrow";
  }
  return Math.max(call.found.lossUp, call.found.lossDown) > LOSSY ? "lossy" : "good";
}

/** The findings as a file to hand to somebody who helps. */
export function reportOf(findings: Findings, at: Date): string {
  return `${JSON.stringify({ report: "conclave-connection", at: at.toISOString(), verdict: verdictOf(findings), ...findings }, null, 2)}\n`;
}

function isOpen(step: Step<PathResult>): boolean {
  return step.kind === "done" && step.found.open;
}

/** Waits until somebody else's picture was decrypted with the call's key. */
function pictureCame(call: CallPort): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (came: boolean) => {
      clearTimeout(timer);
      off();
      resolve(came);
    };
    const timer = setTimeout(() => finish(false), PICTURE_PATIENCE_MS);
    const look = () => {
      const sender = [...call.participants.values()].find((person) => !person.isSelf);
      if (sender?.video !== undefined && sender.crypto.state === "secure") {
        finish(true);
      }
    };
    const off = call.on("participants", look);
    look();
  });
}

async function measure(sender: CallPort, receiver: CallPort): Promise<Carried> {
  const look = async (call: CallPort) => {
    const stats = [...((await call.stats())?.values() ?? [])];
    return { stats, counts: countsOf(stats, performance.now()) };
  };
  const before = { up: await look(sender), down: await look(receiver) };
  await new Promise((resolve) => setTimeout(resolve, MEASURED_MS));
  const now = { up: await look(sender), down: await look(receiver) };
  const up = qualityOf(before.up.counts, now.up.counts, now.up.stats);
  const down = qualityOf(before.down.counts, now.down.counts, now.down.stats);
  return {
    up: Math.round(up.up),
    down: Math.round(down.down),
    lossUp: up.lossUp,
    lossDown: down.lossDown,
    delayMs: up.delayMs,
    protocol: up.protocol,
  };
}
