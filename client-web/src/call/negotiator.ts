// Pairs offers with their answers over the signaling socket.
import { NoAnswer, OfferRefused } from "../media/peer.ts";
import type { SignalingSocket } from "../signaling/socket.ts";
import type { OfferId, Section, ServerMessage } from "../wire/types.ts";

const PATIENCE_MS = 8_000;

interface Pending {
  readonly offerId: OfferId;
  readonly answered: (sdp: string) => void;
  readonly failed: (error: Error) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** One offer at a time; the newest one replaces an older one that nobody waits for any more. */
export class Negotiator {
  #nextId = 1;
  #pending: Pending | undefined;

  constructor(private readonly socket: SignalingSocket) {}

  offer(sdp: string, sections: Section[]): Promise<string> {
    this.abandon("replaced by a newer offer");
    const offerId = this.#nextId;
    this.#nextId += 1;
    return new Promise((answered, failed) => {
      if (!this.socket.send({ type: "offer", offer_id: offerId, sdp, sections })) {
        failed(new NoAnswer("no signaling session"));
        return;
      }
      const timer = setTimeout(() => this.abandon("no answer in time"), PATIENCE_MS);
      this.#pending = { offerId, answered, failed, timer };
    });
  }

  /** Takes an answer or a refusal. */
  handle(message: Extract<ServerMessage, { type: "answer" | "offer_rejected" }>): void {
    const pending = this.#pending;
    if (pending?.offerId !== message.offer_id) {
      return;
    }
    this.#forget();
    if (message.type === "answer") {
      pending.answered(message.sdp);
    } else {
      pending.failed(new OfferRefused(message.code));
    }
  }

  /** Nobody will answer the pending offer. */
  abandon(why: string): void {
    const pending = this.#pending;
    this.#forget();
    pending?.failed(new NoAnswer(why));
  }

  #forget(): void {
    clearTimeout(this.#pending?.timer);
    this.#pending = undefined;
  }
}
