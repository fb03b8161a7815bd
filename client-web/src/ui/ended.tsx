// The end of a call: why it is over, and the way back in.

import { useEffect, useRef } from "preact/hooks";
import type { EndReason } from "../index.ts";
import { Icon, type IconName } from "./icon.tsx";
import { PageHeader } from "./page.tsx";
import { text } from "./text.ts";

interface Properties {
  readonly reason: EndReason;
  /** Of a room that was burnt while one was there, base64url. */
  readonly receipt: string | undefined;
  readonly onAgain: () => void;
  readonly onHome: () => void;
}

/** Where there is no way back in. */
const FINAL: ReadonlySet<EndReason> = new Set<EndReason>(["room-not-found", "banned", "burnt", "expired", "used-up"]);

export function EndedScreen({ reason, receipt, onAgain, onHome }: Properties) {
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
          {receipt !== undefined && <Receipt receipt={receipt} />}
          <div class="card-actions">
            {!FINAL.has(reason) && (
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

/** What each client keeps of a burnt room: what is gone, and a number that all who were there can compare. */
function Receipt({ receipt }: { readonly receipt: string }) {
  return (
    <section class="receipt" aria-label={text.burn.receipt}>
      <h2>{text.burn.receipt}</h2>
      <ul>
        {text.burn.gone.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
      <p>{text.burn.compare}</p>
      <p class="code" data-testid="receipt" translate={false} dir="ltr">
        {receipt.replaceAll(/.{6}(?=.)/gu, "$& ")}
      </p>
    </section>
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
    case "burnt":
      return "shield";
    case "expired":
    case "used-up":
      return "link";
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
