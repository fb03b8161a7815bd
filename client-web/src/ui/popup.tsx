// A button with a small card that it opens; Escape and a click elsewhere close it, and focus goes back to the button.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Icon, type IconName } from "./icon.tsx";

interface Properties {
  readonly icon: IconName;
  /** The name of the button and of the card. */
  readonly label: string;
  readonly class: string;
  readonly iconSize?: number;
  /** Something on the button beside its icon. */
  readonly mark?: ComponentChildren;
  /** What the card holds; `close` closes it. */
  readonly children: (close: () => void) => ComponentChildren;
}

/** Space between button, card and the edge of the window, in CSS pixels. */
const GAP = 8;

export function Popup({ icon, label, class: look, iconSize = 22, mark, children }: Properties) {
  const open = useSignal(false);
  /** A press on the button closes the card before the click that would open it again. */
  const wasOpen = useRef(false);
  const button = useRef<HTMLButtonElement>(null);
  return (
    <>
      <button
        ref={button}
        type="button"
        class={open.value ? `${look} open` : look}
        aria-label={label}
        aria-haspopup="dialog"
        aria-expanded={open.value}
        data-tip={label}
        onPointerDown={() => {
          wasOpen.current = open.value;
        }}
        onClick={() => {
          open.value = !wasOpen.current;
          wasOpen.current = false;
        }}
      >
        <Icon name={icon} size={iconSize} />
        {mark}
      </button>
      {open.value && (
        <Card button={button.current} label={label} onClose={() => (open.value = false)}>
          {children}
        </Card>
      )}
    </>
  );
}

interface CardProperties {
  readonly button: HTMLButtonElement | null;
  readonly label: string;
  readonly onClose: () => void;
  readonly children: Properties["children"];
}

function Card({ button, label, onClose, children }: CardProperties) {
  const card = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = card.current;
    if (element === null || button === null) {
      return;
    }
    element.showPopover();
    place(element, button.getBoundingClientRect());
    element.querySelector<HTMLElement>("button, input, select")?.focus();
  }, [button]);
  const close = () => card.current?.hidePopover();
  return (
    <div
      ref={card}
      class="menu"
      popover="auto"
      role="dialog"
      aria-label={label}
      onToggle={(event) => {
        if (event.newState === "closed") {
          onClose();
        }
      }}
    >
      {children(close)}
    </div>
  );
}

/** Above the button where there is room, else below it, and never over the edge. */
function place(card: HTMLElement, { left, right, top, bottom }: DOMRect): void {
  const { width, height } = card.getBoundingClientRect();
  const x = Math.min(innerWidth - width - GAP, Math.max(GAP, (left + right - width) / 2));
  const above = top - height - GAP;
  const y = above >= GAP ? above : Math.min(innerHeight - height - GAP, bottom + GAP);
  card.style.left = `${Math.max(GAP, x)}px`;
  card.style.top = `${Math.max(GAP, y)}px`;
}

interface ItemProperties {
  readonly icon: IconName;
  readonly label: string;
  /** The item is a choice that is made now. */
  readonly pressed?: boolean;
  readonly keys?: string | undefined;
  readonly onClick: () => void;
}

/** One line of a card. */
export function PopupItem({ icon, label, pressed, keys, onClick }: ItemProperties) {
  return (
    <button type="button" class="menu-item" aria-pressed={pressed} aria-keyshortcuts={keys} onClick={onClick}>
      <Icon name={icon} size={18} />
      <span>{label}</span>
      {keys !== undefined && (
        // biome-ignore lint/a11y/noAriaHiddenOnFocusable: it takes no focus; aria-keyshortcuts says it.
        <kbd translate={false} aria-hidden="true">
          {keys}
        </kbd>
      )}
    </button>
  );
}
