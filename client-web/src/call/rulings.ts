// What the hosts decided, and what follows from it for this participant.
import type { Emitter } from "../base/emitter.ts";
import type { Decision, Moderation } from "../e2ee/messages.ts";
import type { CallEvents, CallOptions } from "./call-events.ts";
import type { Conversation } from "./conversation.ts";
import type { OwnSources } from "./own-sources.ts";
import { ALL_SOURCES, OPEN_TERMS } from "./participants.ts";

/** Until the group says otherwise. */
const NOTHING_DECIDED: Moderation = {
  role: "member",
  permitted: ALL_SOURCES,
  sources: ALL_SOURCES,
  locked: false,
  lobby: false,
  recording: true,
  ...OPEN_TERMS,
};

/** Who follows the rulings. */
export interface Ruled {
  readonly conversation: Conversation;
  readonly sources: OwnSources;
  decide(decision: Decision): Promise<void>;
}

export class Rulings {
  #moderation = NOTHING_DECIDED;
  #linkSigned = false;

  constructor(
    private readonly options: CallOptions,
    private readonly events: Emitter<CallEvents>,
  ) {}

  get moderation(): Moderation {
    return this.#moderation;
  }

  /** The group's rulings are these now. */
  handle(moderation: Moderation, ruled: Ruled): void {
    this.#moderation = moderation;
    this.events.emit("moderation", moderation);
    const { lifetime, burn } = moderation;
    ruled.conversation.setRule({ burn, ...(lifetime !== null && { lifetime }) });
    this.#signLink(moderation, ruled);
    ruled.sources.handlePermissions();
  }

  /** What the link says of itself, a host signs as soon as it can, so that the others hold to it. */
  #signLink({ role, link }: Moderation, ruled: Ruled): void {
    const { expires, maxUses, hostSeed } = this.options;
    const isSigned = link.expires !== null || link.max_uses !== null;
    if (role !== "host" || hostSeed === undefined || isSigned || this.#linkSigned) {
      return;
    }
    if (expires !== undefined || maxUses !== undefined) {
      this.#linkSigned = true;
      const terms = { expires: expires ?? null, max_uses: maxUses ?? null };
      ruled.decide({ decide: "link", link: terms }).catch((error: Error) => this.events.emit("error", error));
    }
  }
}
