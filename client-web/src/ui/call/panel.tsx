// The frame of a panel: beside the call on a wide screen, over it on a narrow one.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Icon } from "../icon.tsx";
import { text } from "../text.ts";
import type { PanelName } from "./model.ts";

/** The panel's element, for the buttons that control it. */
export const PANEL_ID = "panel";

interface Properties {
  readonly name: PanelName;
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

export function Panel({ name, title, onClose, children }: Properties) {
  const heading = useRef<HTMLHeadingElement>(null);
  const headingId = useId();
  useEffect(() => heading.current?.focus(), []);
  useEffect(() => {
    const listener = (event: KeyboardEvent) => {
      // A dialog or a card on top of the panel closes first.
      const onTop = document.querySelector("dialog[open], :popover-open");
      if (event.key === "Escape" && !event.defaultPrevented && onTop === null) {
        onClose();
      }
    };
    addEventListener("keydown", listener);
    return () => removeEventListener("keydown", listener);
  }, [onClose]);
  return (
    <aside id={PANEL_ID} class="panel" data-panel={name} aria-labelledby={headingId}>
      <header class="panel-header">
        <h2 ref={heading} id={headingId} tabIndex={-1}>
          {title}
        </h2>
        <button type="button" class="icon-button" aria-label={text.controls.close} onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard. */}
      <section class="panel-body" tabIndex={0} aria-labelledby={headingId}>
        {children}
      </section>
    </aside>
  );
}
