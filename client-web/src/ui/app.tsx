// The client as a whole: draws the screen of now.

import { useEffect, useRef, useState } from "preact/hooks";
import { CallScreen } from "./call/screen.tsx";
import { CheckScreen } from "./check/check-screen.tsx";
import { EndedScreen } from "./ended.tsx";
import { LandingScreen } from "./landing.tsx";
import { Navigation, type Screen } from "./navigation.ts";
import type { SdkPort } from "./port.ts";
import { PrejoinScreen } from "./prejoin.tsx";
import { text } from "./text.ts";
import { UnsupportedScreen } from "./unsupported.tsx";

interface Properties {
  readonly sdk: SdkPort;
  /** The browser's address decides when there is none. */
  readonly navigation?: Navigation;
}

/** The client. */
export function App({ sdk, navigation: given }: Properties) {
  const [navigation] = useState(() => given ?? new Navigation(sdk));
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

  const focusedFor = useRef(screen.kind);
  useEffect(() => {
    if (focusedFor.current === screen.kind) {
      return;
    }
    focusedFor.current = screen.kind;
    // What had the focus went with the screen before. A page that was never used, as in a frame, takes it from nobody.
    if (document.activeElement === document.body && document.hasFocus()) {
      document.querySelector<HTMLElement>("h1[tabindex]")?.focus({ preventScroll: true });
    }
  }, [screen.kind]);

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
    case "check":
      return <CheckScreen sdk={sdk} onHome={() => navigation.home()} />;
    case "prejoin":
      return (
        <PrejoinScreen
          key={screen.link.href}
          wishes={screen.wishes}
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
          receipt={screen.receipt}
          onAgain={() => navigation.open(screen.link)}
          onHome={() => navigation.home()}
        />
      );
  }
}

function titleOf(screen: Screen): string {
  switch (screen.kind) {
    case "check":
      return `${text.check.title} · ${text.product}`;
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
