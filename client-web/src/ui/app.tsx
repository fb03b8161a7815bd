// The client as a whole: which screen is shown, and how one leads to the next.

import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { type EndReason, type Feature, type MeetingLink, recallDevice } from "../index.ts";
import { CallModel } from "./call/model.ts";
import { CallScreen } from "./call/screen.tsx";
import { recallHostSeed, rememberHostSeed } from "./devices/memory.ts";
import { EndedScreen } from "./ended.tsx";
import { type HostOptions, LandingScreen } from "./landing.tsx";
import type { SdkPort } from "./port.ts";
import { PrejoinScreen, type Readiness } from "./prejoin.tsx";
import { text } from "./text.ts";
import { UnsupportedScreen } from "./unsupported.tsx";

/** The screens of the client. */
export type Screen =
  | { readonly kind: "unsupported"; readonly missing: readonly Feature[] }
  | { readonly kind: "landing"; readonly incomplete: boolean }
  | { readonly kind: "prejoin"; readonly link: MeetingLink }
  | { readonly kind: "call"; readonly model: CallModel }
  | { readonly kind: "ended"; readonly link: MeetingLink; readonly reason: EndReason };

/** Owns the present screen and the address bar. */
class Navigation {
  readonly screen;
  readonly #sdk: SdkPort;
  readonly #passcodes = new Map<string, string>();

  constructor(sdk: SdkPort) {
    this.#sdk = sdk;
    this.screen = signal<Screen>(this.#screenOf(location.href));
  }

  /** Follows the address bar, when the person edits it or goes back. */
  followAddress(): void {
    const { value } = this.screen;
    if (value.kind === "call" && value.model.link.href === location.href) {
      return;
    }
    this.#leaveCall();
    this.screen.value = this.#screenOf(location.href);
  }

  /** Goes to a meeting's preparation. */
  open(link: MeetingLink): void {
    if (location.href !== link.href) {
      history.pushState(null, "", link.href);
    }
    this.screen.value = { kind: "prejoin", link };
  }

  /** Goes into the call with what the person has prepared. */
  async enter(link: MeetingLink, ready: Readiness): Promise<void> {
    const { room, secret, host, lobby } = link;
    const { name, microphone, camera, passcode } = ready;
    if (passcode !== undefined) {
      // Whoever comes back need not type it again, as long as the page is open.
      this.#passcodes.set(room, passcode);
    }
    const hostSeed = host === undefined ? undefined : recallHostSeed(room);
    const { value } = this.screen;
    const device = await recallDevice();
    if (this.screen.value !== value) {
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
      passcode,
      device,
      name,
      microphone,
      camera,
    });
    const model = new CallModel(call, link, ready);
    this.screen.value = { kind: "call", model };
    void model.join();
  }

  /** Makes a meeting that is this person's. */
  async create({ lobby, passcode }: HostOptions): Promise<MeetingLink> {
    const { link, hostSeed } = await this.#sdk.createMeeting({ lobby, passcode: passcode !== undefined });
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
    model.close();
    this.screen.value = { kind: "ended", link: model.link, reason };
  }

  home(): void {
    history.pushState(null, "", "/");
    this.screen.value = this.#screenOf(location.href);
  }

  #leaveCall(): void {
    const { value } = this.screen;
    if (value.kind === "call") {
      value.model.leave();
      value.model.close();
    }
  }

  #screenOf(href: string): Screen {
    const missing = this.#sdk.missingFeatures();
    if (missing.length > 0) {
      return { kind: "unsupported", missing };
    }
    const link = this.#sdk.parseLink(href);
    if (link !== undefined) {
      return { kind: "prejoin", link };
    }
    return { kind: "landing", incomplete: new URL(href).pathname.startsWith("/r/") };
  }
}

/** The client. */
export function App({ sdk }: { readonly sdk: SdkPort }) {
  const [navigation] = useState(() => new Navigation(sdk));
  useEffect(() => {
    const follow = () => navigation.followAddress();
    addEventListener("popstate", follow);
    addEventListener("hashchange", follow);
    return () => {
      removeEventListener("popstate", follow);
      removeEventListener("hashchange", follow);
    };
  }, [navigation]);

  const screen = navigation.screen.value;
  const title = titleOf(screen);
  useEffect(() => {
    document.title = title;
  }, [title]);

  switch (screen.kind) {
    case "unsupported":
      return <UnsupportedScreen missing={screen.missing} />;
    case "landing":
      return (
        <LandingScreen
          incomplete={screen.incomplete}
          onCreate={(options) => navigation.create(options)}
          onParse={(href) => sdk.parseLink(href)}
          onOpen={(link) => navigation.open(link)}
        />
      );
    case "prejoin":
      return (
        <PrejoinScreen
          key={screen.link.href}
          passcode={screen.link.passcode ? navigation.passcodeOf(screen.link) : undefined}
          onHome={() => navigation.home()}
          onJoin={(ready) => void navigation.enter(screen.link, ready)}
        />
      );
    case "call":
      return <CallScreen model={screen.model} onEnd={(reason) => navigation.end(screen.model, reason)} />;
    case "ended":
      return (
        <EndedScreen
          reason={screen.reason}
          onAgain={() => navigation.open(screen.link)}
          onHome={() => navigation.home()}
        />
      );
  }
}

function titleOf(screen: Screen): string {
  switch (screen.kind) {
    case "prejoin":
      return `${text.prejoin.title} · ${text.product}`;
    case "call":
      return `${text.titles.call} · ${text.product}`;
    case "ended":
      return `${text.ended.title[screen.reason]} · ${text.product}`;
    case "landing":
    case "unsupported":
      return text.product;
  }
}
