// Puts the call among the media controls of the system: headset buttons and lock screens mute it and hang up.

import { effect } from "@preact/signals";
import type { CallModel } from "./model.ts";

/** What browsers have of the conferencing actions of Media Session, and the libraries do not yet name. */
interface CallSession {
  setActionHandler(action: string, handler: (() => void) | null): void;
  setMicrophoneActive?(active: boolean): void;
  setCameraActive?(active: boolean): void;
}

/** Offers the controls until the returned function is called. */
export function offerControls(model: CallModel): () => void {
  const session = navigator.mediaSession as CallSession | undefined;
  if (session === undefined) {
    return () => undefined;
  }
  const actions: readonly (readonly [string, () => void])[] = [
    ["togglemicrophone", () => void model.toggle("microphone")],
    ["togglecamera", () => void model.toggle("camera")],
    ["hangup", () => model.leave()],
  ];
  const handle = (action: string, handler: (() => void) | null) => {
    try {
      session.setActionHandler(action, handler);
    } catch {
      // A browser throws at actions that it does not know.
    }
  };
  for (const [action, handler] of actions) {
    handle(action, handler);
  }
  const stop = effect(() => {
    session.setMicrophoneActive?.(model.self?.microphone.on ?? false);
    session.setCameraActive?.(model.self?.camera.on ?? false);
  });
  return () => {
    stop();
    for (const [action] of actions) {
      handle(action, null);
    }
  };
}
