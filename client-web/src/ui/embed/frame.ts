// A meeting in another site's frame: does what the page around it asks for, and tells it what happens.

import { effect } from "@preact/signals";
import type {
  Command,
  CommandProblem,
  EmbedEvents,
  EmbedParticipant,
  JoinOptions,
  MutedSource,
} from "../../embed/protocol.ts";
import type { MeetingLink, Participant } from "../../index.ts";
import type { CallModel } from "../call/model.ts";
import { nameOf } from "../call/name.ts";
import { Capture, startBoth } from "../devices/capture.ts";
import { recall } from "../devices/memory.ts";
import type { Navigation } from "../navigation.ts";

/** Tells the page around something. */
export type Tell = <Name extends keyof EmbedEvents>(event: Name, detail: EmbedEvents[Name]) => void;

/** How long joining waits for devices that are just starting, in milliseconds. */
const DEVICE_PATIENCE_MS = 4_000;

/** Who is at the frame's controls beside the person. */
export class EmbedFrame {
  readonly #navigation: Navigation;
  readonly #parseLink: (href: string) => MeetingLink | undefined;
  readonly #tell: Tell;
  /** What was told last, by event, so that nothing is told twice. */
  readonly #told = new Map<string, string>();

  constructor(navigation: Navigation, parseLink: (href: string) => MeetingLink | undefined, tell: Tell) {
    this.#navigation = navigation;
    this.#parseLink = parseLink;
    this.#tell = tell;
  }

  /** Tells everything that happens from now on, until the returned function is called. */
  watch(): () => void {
    return effect(() => {
      const screen = this.#navigation.screen.value;
      if (screen.kind !== "call") {
        this.#news("state", { state: screen.kind });
        if (screen.kind === "ended") {
          this.#news("ended", { reason: screen.reason });
        }
        return;
      }
      this.#told.delete("ended");
      const { model } = screen;
      const people = model.people.value;
      const self = people.find((person) => person.isSelf);
      this.#news("state", { state: model.state.value });
      this.#news("participants", { participants: people.map(describe) });
      for (const source of ["microphone", "camera"] as const) {
        this.#news("muted", { source, muted: self?.[source].on !== true }, source);
      }
      this.#news("shared", { on: self?.share !== undefined });
      this.#news("pinned", { participant: model.view.pinned.value ?? null });
    });
  }

  /** Does what the page asks for; says why not, if not. */
  async handle(command: Command): Promise<CommandProblem | null> {
    switch (command.type) {
      case "open":
        return this.#begin(command, false);
      case "join":
        return this.#begin(command, true);
      case "leave":
        return this.#inCall((model) => {
          model.leave();
          return null;
        });
      case "mute":
        return this.#inCall((model) => mute(model, command.source, command.muted));
      case "share":
        return this.#inCall((model) => share(model, command.on));
      case "pin":
        return this.#inCall((model) => pin(model, command.participant));
    }
  }

  async #begin(options: JoinOptions, atOnce: boolean): Promise<CommandProblem | null> {
    const { value: screen } = this.#navigation.screen;
    const shown = screen.kind === "prejoin" || screen.kind === "ended" ? screen.link : undefined;
    const link = options.link === undefined ? shown : this.#parseLink(options.link);
    if (link === undefined || screen.kind === "unsupported") {
      return link === undefined ? "bad-link" : "failed";
    }
    if (screen.kind === "call" && screen.model.link.room === link.room) {
      return null;
    }
    const { name, muted = false, cameraOff = false } = options;
    const passcode = link.passcode ? (options.passcode ?? this.#navigation.passcodeOf(link)) : undefined;
    if (!atOnce || name === undefined || name.trim() === "" || passcode === "") {
      this.#navigation.open(link, { name, muted, cameraOff });
      return null;
    }
    const devices = await openDevices(muted, cameraOff);
    await this.#navigation.enter(link, { ...devices, name: name.trim(), passcode, speakerId: recall("speaker") });
    return null;
  }

  #inCall(act: (model: CallModel) => CommandProblem | null | Promise<CommandProblem | null>) {
    const { value: screen } = this.#navigation.screen;
    return screen.kind === "call" ? act(screen.model) : "not-in-call";
  }

  #news<Name extends keyof EmbedEvents>(event: Name, detail: EmbedEvents[Name], part = ""): void {
    const words = JSON.stringify(detail);
    if (this.#told.get(event + part) !== words) {
      this.#told.set(event + part, words);
      this.#tell(event, detail);
    }
  }
}

async function openDevices(muted: boolean, cameraOff: boolean) {
  const source = navigator.mediaDevices;
  const camera = new Capture("camera", source);
  const microphone = new Capture("microphone", source);
  if (!muted && !cameraOff) {
    void startBoth(source, camera, microphone);
  } else if (!muted) {
    void microphone.start();
  } else if (!cameraOff) {
    void camera.start();
  }
  await Promise.all([camera.settled(DEVICE_PATIENCE_MS), microphone.settled(DEVICE_PATIENCE_MS)]);
  return {
    cameraId: camera.deviceId.value,
    microphoneId: microphone.deviceId.value,
    camera: camera.release(),
    microphone: microphone.release(),
  };
}

async function mute(model: CallModel, source: MutedSource, muted: boolean): Promise<CommandProblem | null> {
  if (model.self?.[source].on === muted) {
    await model.toggle(source);
  }
  if (model.self?.[source].on !== muted) {
    return null;
  }
  return model.moderation.decided.value.permitted.includes(source) ? "failed" : "not-permitted";
}

async function share(model: CallModel, on: boolean): Promise<CommandProblem | null> {
  if (on && !model.moderation.decided.value.permitted.includes("screen_video")) {
    return "not-permitted";
  }
  const clicked = navigator.userActivation?.isActive ?? true;
  await (on ? model.sharing.start() : model.sharing.stop());
  if ((model.self?.share !== undefined) === on) {
    return null;
  }
  return clicked ? "failed" : "needs-click";
}

function pin(model: CallModel, participant: string | null): CommandProblem | null {
  const wanted = participant ?? model.view.pinned.value;
  const person = model.people.value.find(({ clientId }) => clientId === wanted);
  if (person !== undefined) {
    model.pin(person, participant !== null);
  }
  return person === undefined && participant !== null ? "no-such-participant" : null;
}

function describe(person: Participant): EmbedParticipant {
  const { clientId, isSelf, microphone, camera, share, speaking, hand, crypto } = person;
  return {
    id: clientId,
    name: nameOf(person),
    self: isSelf,
    microphone: microphone.on,
    camera: camera.on,
    sharing: share !== undefined,
    speaking,
    hand: hand !== undefined,
    secure: crypto.state === "secure",
  };
}
