// Which screen is shown, and how one leads to the next.

import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { type EndReason, type Feature, isExpired, type MeetingLink, recallDevice } from "../index.ts";
import { CallModel } from "./call/model.ts";
import { behind } from "./devices/background.ts";
import { forgetHostSeed, recallHostSeed, rememberHostSeed } from "./devices/memory.ts";
import { suppressesNoise } from "./devices/noise.ts";
import type { HostOptions } from "./landing.tsx";
import type { SdkPort } from "./port.ts";
import type { Readiness, Wishes } from "./prejoin.tsx";

/** The screens of the client. */
export type Screen =
  | { readonly kind: "unsupported"; readonly missing: readonly Feature[] }
  | { readonly kind: "landing"; readonly incomplete: boolean }
  | { readonly kind: "check" }
  | { readonly kind: "prejoin"; readonly link: MeetingLink; readonly wishes?: Wishes | undefined }
  | { readonly kind: "call"; readonly model: CallModel }
  | {
      readonly kind: "ended";
      readonly link: MeetingLink;
      readonly reason: EndReason;
      readonly receipt?: string | undefined;
    };

/** The end of the start page's address where the connection test is. */
const CHECK = "#connection-test";

/** Where the client stands, as an address: the browser's own, or one that nobody sees. */
export interface Place {
  readonly href: string;
  push(href: string): void;
  /** In the place of the present address, which nobody comes back to. */
  replace(href: string): void;
}

/** The address bar. */
export const ADDRESS_BAR: Place = {
  get href() {
    return location.href;
  },
  push: (href) => history.pushState(null, "", href),
  replace: (href) => history.replaceState(null, "", href),
};

/** Owns the present screen and the address. */
export class Navigation {
  readonly #screen: Signal<Screen>;
  readonly #sdk: SdkPort;
  readonly #place: Place;
  readonly #passcodes = new Map<string, string>();

  constructor(sdk: SdkPort, place: Place = ADDRESS_BAR) {
    this.#sdk = sdk;
    this.#place = place;
    this.#screen = signal<Screen>(this.#screenOf(place.href));
  }

  get screen(): ReadonlySignal<Screen> {
    return this.#screen;
  }

  /** Follows the address bar, when the person edits it or goes back. */
  followAddress(): void {
    const { value } = this.#screen;
    if (value.kind === "call" && value.model.link.href === this.#place.href) {
      return;
    }
    this.#leaveCall();
    this.#screen.value = this.#screenOf(this.#place.href);
  }

  /** Goes to a meeting's preparation. */
  open(link: MeetingLink, wishes?: Wishes): void {
    this.#leaveCall();
    if (this.#place.href !== link.href) {
      this.#place.push(link.href);
    }
    this.#screen.value = { kind: "prejoin", link, wishes };
  }

  /** Goes into the call with what the person has prepared. */
  async enter(link: MeetingLink, ready: Readiness): Promise<void> {
    this.#leaveCall();
    const { room, secret, host, lobby, expires, maxUses } = link;
    const { name, microphone, camera, passcode } = ready;
    if (passcode !== undefined) {
      // Whoever comes back need not type it again, as long as the page is open.
      this.#passcodes.set(room, passcode);
    }
    const hostSeed = host === undefined ? undefined : recallHostSeed(room);
    const { value } = this.#screen;
    const device = await recallDevice();
    if (this.#screen.value !== value) {
      // The person went elsewhere meanwhile.
      for (const track of [microphone, camera]) {
        track?.stop();
      }
      return;
    }
    const call = this.#sdk.openCall({
      room,
      secret,
      host,
      hostSeed,
      lobby,
      expires,
      maxUses,
      passcode,
      device,
      name,
      microphone,
      camera,
      noiseSuppression: suppressesNoise.peek(),
      cameraEffect: behind,
    });
    const model = new CallModel(call, link, ready);
    this.#screen.value = { kind: "call", model };
    void model.join();
  }

  /** Makes a meeting that is this person's. */
  async create({ lobby, passcode, expires, maxUses }: HostOptions): Promise<MeetingLink> {
    const options = { lobby, passcode: passcode !== undefined, expires, maxUses };
    const { link, hostSeed } = await this.#sdk.createMeeting(options);
    rememberHostSeed(link.room, hostSeed);
    if (passcode !== undefined) {
      this.#passcodes.set(link.room, passcode);
    }
    return link;
  }

  /** The passcode that was typed before. */
  passcodeOf(link: MeetingLink): string {
    return this.#passcodes.get(link.room) ?? "";
  }

  /** Shows why the call is over. */
  end(model: CallModel, reason: EndReason): void {
    if (reason === "wrong-passcode") {
      this.#passcodes.delete(model.link.room);
    }
    if (reason === "burnt") {
      // Nothing of the room stays, also not its secret in the address.
      this.#passcodes.delete(model.link.room);
      forgetHostSeed(model.link.room);
      this.#place.replace("/");
    }
    model.close();
    this.#screen.value = { kind: "ended", link: model.link, reason, receipt: model.receipt };
  }

  home(): void {
    this.#place.push("/");
    this.#screen.value = this.#screenOf(this.#place.href);
  }

  #leaveCall(): void {
    const { value } = this.#screen;
    if (value.kind === "call") {
      value.model.leave();
      value.model.close();
    }
  }

  #screenOf(href: string): Screen {
    const missing = this.#sdk.missingFeatures();
    const isCheck = new URL(href).hash === CHECK;
    // The test says what is missing, too.
    if (missing.length > 0 && !isCheck) {
      return { kind: "unsupported", missing };
    }
    const link = this.#sdk.parseLink(href);
    if (link !== undefined && isExpired(link, Date.now()) && recallHostSeed(link.room) === undefined) {
      return { kind: "ended", link, reason: "expired" };
    }
    if (link !== undefined) {
      return { kind: "prejoin", link };
    }
    if (isCheck) {
      return { kind: "check" };
    }
    return { kind: "landing", incomplete: new URL(href).pathname.startsWith("/r/") };
  }
}
