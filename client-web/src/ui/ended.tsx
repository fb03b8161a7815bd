// The end of a call: why it is over, and the way back in.

import { useEffect, useRef } from "preact/hooks";
import type { EndReason } from "../index.ts";
import { Icon, type IconName } from "./icon.tsx";
import { PageHeader } from "./page.tsx";
import { text } from "./text.ts";

interface Properties {
  readonly reason: EndReason;
  readonly onAgain: () => void;
  readonly onHome: () => void;
}

export function EndedScreen({ reason, onAgain, onHome }: Properties) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <div class="page">
      <PageHeader />
      <main class="notice-page">
        <div class="card">
          <span class={`card-icon ${reason === "left" ? "" : "warn"}`}>
            <Icon name={iconOf(reason)} size={28} />
          </span>
          <h1 ref={heading} tabIndex={-1}>
            {text.ended.title[reason]}
          </h1>
          <p>{text.ended.body[reason]}</p>
          <div class="card-actions">
            {reason !== "room-not-found" && reason !== "banned" && (
              <button type="button" class="button primary" onClick={onAgain}>
                {reason === "left" || reason === "removed" ? text.ended.again : text.ended.retry}
              </button>
            )}
            <button type="button" class="button" onClick={onHome}>
              {text.ended.home}
            </button>
          </div>
        </div>
      </main>
    </div>
  );
}

function iconOf(reason: EndReason): IconName {
  switch (reason) {
    case "left":
      return "left";
    case "removed":
    case "banned":
    case "denied":
      return "removePerson";
    case "ended":
      return "left";
    case "locked":
    case "wrong-passcode":
      return "key";
    case "room-full":
      return "people";
    case "room-not-found":
    case "replaced":
    case "refused":
    case "failed":
      return "warning";
  }
}
