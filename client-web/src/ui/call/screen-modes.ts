// Full screen, as a value that the controls follow.

import { signal } from "@preact/signals";

/** The page covers the screen now. */
export const isFullScreen = signal(false);

globalThis.document?.addEventListener("fullscreenchange", () => {
  isFullScreen.value = document.fullscreenElement !== null;
});

/** The browser lets a page cover the screen; iPhones do not. */
export function canFullScreen(): boolean {
  return document.fullscreenEnabled;
}

export function toggleFullScreen(): void {
  const done =
    document.fullscreenElement === null ? document.documentElement.requestFullscreen() : document.exitFullscreen();
  // A refusal leaves everything as it was.
  done.catch(() => undefined);
}
