// The keys of the call: which key does what, and when a key is only typing.

/** What a single key does. */
export type Action =
  | "microphone"
  | "camera"
  | "share"
  | "hand"
  | "chat"
  | "participants"
  | "layout"
  | "fullScreen"
  | "help";

/** The key of each action, as `KeyboardEvent.key` in lower case. */
export const KEYS: Readonly<Record<Action, string>> = {
  microphone: "m",
  camera: "v",
  share: "s",
  hand: "h",
  chat: "c",
  participants: "p",
  layout: "g",
  fullScreen: "f",
  help: "?",
};

/** A key press, as far as it matters here. */
export interface KeyPress {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly repeat: boolean;
}

/** What has the focus: something that is typed into, something that the space bar works, or neither. */
export type Focus = "text" | "control" | "none";

/** What a press does: an action, talking for as long as the key is held, or nothing. */
export function actionOf(press: KeyPress, focus: Focus): Action | "talk" | undefined {
  if (focus === "text" || press.ctrlKey || press.metaKey || press.altKey || press.repeat) {
    return undefined;
  }
  if (press.key === " ") {
    return focus === "none" ? "talk" : undefined;
  }
  const key = press.key.toLowerCase();
  return (Object.keys(KEYS) as Action[]).find((action) => KEYS[action] === key);
}

/** How a key is written beside an action. */
export function keyName(action: Action): string {
  return KEYS[action].toUpperCase();
}

/** What the focused element takes keys for. */
export function focusOf(element: Element | null): Focus {
  if (element?.closest("input:not([type=range]), textarea, select, [contenteditable]") != null) {
    return "text";
  }
  return element?.closest("button, a, input, [role=slider], dialog") == null ? "none" : "control";
}

/** Listens for the keys of the call; returns the end of it. */
export function listenForKeys(handlers: {
  /** Single keys are wanted at all. */
  readonly enabled: () => boolean;
  readonly onAction: (action: Action) => void;
  readonly onTalk: (talking: boolean) => void;
}): () => void {
  let talking = false;
  const stopTalking = () => {
    if (talking) {
      talking = false;
      handlers.onTalk(false);
    }
  };
  const down = (event: KeyboardEvent) => {
    if (!handlers.enabled() || event.defaultPrevented) {
      return;
    }
    const action = actionOf(event, focusOf(document.activeElement));
    if (action === undefined) {
      return;
    }
    event.preventDefault();
    if (action !== "talk") {
      handlers.onAction(action);
    } else if (!talking) {
      talking = true;
      handlers.onTalk(true);
    }
  };
  const up = (event: KeyboardEvent) => {
    if (event.key === " ") {
      stopTalking();
    }
  };
  addEventListener("keydown", down);
  addEventListener("keyup", up);
  // A key that goes up in another window is not seen here.
  addEventListener("blur", stopTalking);
  return () => {
    removeEventListener("keydown", down);
    removeEventListener("keyup", up);
    removeEventListener("blur", stopTalking);
    stopTalking();
  };
}
