// Moderation as signals: what is decided, what a host may do about whom, and what is asked before it is done.

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import {
  type Decision,
  type LinkTerms,
  type LocalSource,
  type Moderation,
  moderates,
  type Participant,
  type Role,
  type Waiting,
} from "../../index.ts";
import type { CallPort } from "../port.ts";
import { text } from "../text.ts";
import { nameOf } from "./name.ts";

/** What cannot be undone and is asked about first. */
export type Asked =
  | { readonly kind: "remove"; readonly person: Participant }
  | { readonly kind: "ban"; readonly person: Participant }
  | { readonly kind: "end" }
  | { readonly kind: "burn" };

/** What members may be allowed, as the host's panel lists it. */
export type SourceGroup = "microphone" | "camera" | "screen";

type Source = Moderation["sources"][number];

const SOURCES: Readonly<Record<SourceGroup, readonly Source[]>> = {
  microphone: ["microphone"],
  camera: ["camera"],
  screen: ["screen_video", "screen_audio"],
};

const GROUPS = Object.keys(SOURCES) as SourceGroup[];

export class ModerationModel {
  readonly #call: CallPort;
  readonly #announce: (message: string, tone?: "info" | "problem") => void;
  readonly #panelOpen: () => boolean;
  readonly #decided: ReturnType<typeof signal<Moderation>>;
  readonly #unsubscribe: readonly (() => void)[];

  readonly #waiting: ReturnType<typeof signal<readonly Waiting[]>>;

  /** Whether this participant may record. */
  readonly mayRecord: ReadonlySignal<boolean>;

  /** What is being asked. The menus write it. */
  readonly asked = signal<Asked | undefined>(undefined);

  constructor(
    call: CallPort,
    announce: (message: string, tone?: "info" | "problem") => void,
    panelOpen: () => boolean,
  ) {
    this.#call = call;
    this.#panelOpen = panelOpen;
    this.#announce = announce;
    this.#decided = signal(call.moderation);
    this.mayRecord = computed(() => this.decided.value.recording || this.moderates);
    this.#waiting = signal(call.waiting);
    this.#unsubscribe = [
      call.on("waiting", (waiting) => this.#readWaiting(waiting)),
      call.on("moderation", (now) => this.#read(now)),
      call.on("silenced", (sources) => this.#saySilenced(sources)),
      call.on("hand-lowered", (name) => announce(text.moderation.handLowered(name))),
    ];
  }

  get decided(): ReadonlySignal<Moderation> {
    return this.#decided as ReadonlySignal<Moderation>;
  }

  /** Whether this participant is a host or co-host. */
  get moderates(): boolean {
    return moderates(this.decided.value.role);
  }

  get isHost(): boolean {
    return this.decided.value.role === "host";
  }

  /** Whether this participant may do something about somebody. */
  mayModerate(person: Participant): boolean {
    return this.moderates && !person.isSelf && person.role !== "host" && (this.isHost || person.role !== "co_host");
  }

  /** Whether members may publish it. */
  allows(group: SourceGroup): boolean {
    const { sources } = this.decided.value;
    return SOURCES[group].every((source) => sources.includes(source));
  }

  setAllowed(group: SourceGroup, allowed: boolean): void {
    const others = this.decided.value.sources.filter((source) => !SOURCES[group].includes(source));
    void this.#decide({ decide: "sources", sources: allowed ? [...others, ...SOURCES[group]] : others });
  }

  /** Whether the hosts let somebody publish it. */
  isStopped(person: Participant, group: SourceGroup): boolean {
    return !SOURCES[group].every((source) => person.permitted.includes(source));
  }

  /** Stops what somebody publishes, or allows it again. */
  setStopped(person: Participant, group: SourceGroup, stopped: boolean): void {
    const { sources } = this.decided.value;
    const before = sources.filter((source) => !person.permitted.includes(source));
    const others = before.filter((source) => !SOURCES[group].includes(source));
    const next = stopped ? [...others, ...SOURCES[group]] : others;
    void this.#decide({ decide: "stop", client_id: person.clientId, stopped: next });
  }

  setRole(person: Participant, role: Role): void {
    void this.#decide({ decide: "role", client_id: person.clientId, role });
  }

  /** Who waits to be let in. */
  get waiting(): readonly Waiting[] {
    return this.moderates ? (this.#waiting.value ?? []) : [];
  }

  admit(waiting: readonly Waiting[]): void {
    for (const { client_id } of waiting) {
      void this.#decide({ decide: "admit", client_id });
    }
  }

  deny(person: Waiting): void {
    void this.#decide({ decide: "deny", client_id: person.client_id });
  }

  setLobby(lobby: boolean): void {
    void this.#decide({ decide: "lobby", lobby });
  }

  setLocked(locked: boolean): void {
    void this.#decide({ decide: "lock", locked });
  }

  setRecording(recording: boolean): void {
    void this.#decide({ decide: "recording", recording });
  }

  /** Changes until when and for how many people the link is good. */
  setLink(change: Partial<LinkTerms>): void {
    void this.#decide({ decide: "link", link: { ...this.decided.value.link, ...change } });
  }

  lowerHand(person: Participant): void {
    this.#call.lowerHands(person.clientId);
  }

  lowerAllHands(): void {
    this.#call.lowerHands();
  }

  /** Does what was asked about, or not. */
  answer(confirmed: boolean): void {
    const asked = this.asked.value;
    this.asked.value = undefined;
    if (!confirmed || asked === undefined) {
      return;
    }
    switch (asked.kind) {
      case "remove":
      case "ban":
        return void this.#remove(asked.person, asked.kind === "ban");
      case "end":
      case "burn":
        return void this.#decide({ decide: asked.kind });
    }
  }

  close(): void {
    for (const stop of this.#unsubscribe) {
      stop();
    }
  }

  async #remove(person: Participant, ban: boolean): Promise<void> {
    try {
      await this.#call.decide({ decide: "remove", client_id: person.clientId, ban });
    } catch {
      this.#announce(text.participants.removeFailed(nameOf(person)), "problem");
    }
  }

  async #decide(decision: Decision): Promise<void> {
    try {
      await this.#call.decide(decision);
    } catch {
      this.#announce(text.moderation.failed, "problem");
    }
  }

  #read(now: Moderation): void {
    const before = this.decided.value;
    this.#decided.value = now;
    const news = [
      before.role !== now.role ? text.moderation.becameRole(text.moderation.roles[now.role]) : undefined,
      before.locked !== now.locked ? (now.locked ? text.moderation.nowLocked : text.moderation.nowUnlocked) : undefined,
      ...GROUPS.map((group) =>
        SOURCES[group].some((source) => !before.permitted.includes(source)) &&
        SOURCES[group].every((source) => now.permitted.includes(source))
          ? text.moderation.allowedAgain[group]
          : undefined,
      ),
    ].filter((part) => part !== undefined);
    // On joining, one's own role as host is no news.
    if (news.length > 0 && this.#call.state === "in-call" && !(before.role === "member" && now.role === "host")) {
      this.#announce(news.join(". "));
    }
  }

  #readWaiting(now: readonly Waiting[]): void {
    const before = new Set(this.#waiting.value?.map((person) => person.client_id));
    this.#waiting.value = now;
    const news = now.filter((person) => !before.has(person.client_id));
    const [first] = news;
    // While no panel is open the banner says it.
    if (first !== undefined && this.#panelOpen()) {
      this.#announce(news.length === 1 ? text.lobby.knocks(waitingName(first)) : text.lobby.knockMany(news.length));
    }
  }

  #saySilenced(sources: readonly LocalSource[]): void {
    const groups = GROUPS.filter((group) => SOURCES[group].some((source) => sources.includes(source)));
    this.#announce(groups.map((group) => text.moderation.silenced[group]).join(". "));
  }
}

/** What to call somebody who waits. */
export function waitingName(person: Waiting): string {
  return person.display_name ?? text.call.unknown;
}
