// The round buttons for microphone and camera, before and in the call.

import type { DeviceKind } from "./devices/problem.ts";
import { Icon } from "./icon.tsx";
import { text } from "./text.ts";

interface Properties {
  readonly kind: DeviceKind;
  readonly on: boolean;
  /** The device does not work; a mark says so. */
  readonly problem?: boolean;
  readonly onToggle: () => void;
}

/** The key that, with Ctrl, works the button. */
export const SHORTCUTS: Record<DeviceKind, string> = { microphone: "D", camera: "E" };

export function ToggleButton({ kind, on, problem = false, onToggle }: Properties) {
  const names =
    kind === "microphone"
      ? { on: text.controls.mute, off: text.controls.unmute }
      : { on: text.controls.cameraOff, off: text.controls.cameraOn };
  const name = on ? names.on : names.off;
  return (
    <button
      type="button"
      class={on ? "round" : "round off"}
      aria-label={name}
      aria-keyshortcuts={`Control+${SHORTCUTS[kind]}`}
      data-tip={text.controls.withKeys(name, `${text.shortcuts.control}+${SHORTCUTS[kind]}`)}
      onClick={onToggle}
    >
      <Icon name={iconOf(kind, on)} size={22} />
      {problem && <span class="round-mark" data-count="!" />}
    </button>
  );
}

/** Works microphone and camera by keyboard; returns the end of it. */
export function listenForShortcuts(onToggle: (kind: DeviceKind) => void): () => void {
  const listener = (event: KeyboardEvent) => {
    if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey || event.repeat) {
      return;
    }
    const key = event.key.toUpperCase();
    const kind = key === SHORTCUTS.microphone ? "microphone" : key === SHORTCUTS.camera ? "camera" : undefined;
    if (kind !== undefined) {
      // Otherwise the browser makes a bookmark or goes to its search field.
      event.preventDefault();
      onToggle(kind);
    }
  };
  addEventListener("keydown", listener);
  return () => removeEventListener("keydown", listener);
}

function iconOf(kind: DeviceKind, on: boolean) {
  if (kind === "microphone") {
    return on ? "microphone" : "microphoneOff";
  }
  return on ? "camera" : "cameraOff";
}
