// Until when and for how many guests the link of a meeting is good: asked before the meeting and by its host during it.

import { useId } from "preact/hooks";
import { text } from "../text.ts";
import { durationOf } from "./ending-words.ts";
import type { CallModel } from "./model.ts";

/** How long a link may last, in seconds. */
const LIFETIMES = [3_600, 86_400, 604_800, 2_592_000] as const;
/** Numbers of guests to pick from. */
const GUESTS = [1, 2, 5, 10, 25, 100] as const;

export function LinkTermsView({ model }: { readonly model: CallModel }) {
  const { moderation } = model;
  const { link, used } = moderation.decided.value;
  return (
    <section>
      <h3>{text.link.title}</h3>
      <ExpiryChoice
        until={link.expires ?? undefined}
        onPick={(expires) => moderation.setLink({ expires: expires ?? null })}
      />
      <GuestsChoice
        most={link.max_uses ?? undefined}
        onPick={(most) => moderation.setLink({ max_uses: most ?? null })}
      />
      <p class="muted">{text.link.used(used)}</p>
    </section>
  );
}

interface ExpiryProperties {
  /** Seconds since 1970. */
  readonly until: number | undefined;
  readonly onPick: (until: number | undefined) => void;
}

export function ExpiryChoice({ until, onPick }: ExpiryProperties) {
  const id = useId();
  return (
    <>
      <label for={id}>{text.link.ends}</label>
      <select
        id={id}
        value={until === undefined ? "" : "set"}
        onChange={({ currentTarget }) => {
          const seconds = Number.parseInt(currentTarget.value, 10);
          onPick(Number.isNaN(seconds) ? undefined : Math.floor(Date.now() / 1_000) + seconds);
        }}
      >
        <option value="">{text.link.never}</option>
        {until !== undefined && <option value="set">{text.link.until(momentOf(until))}</option>}
        {LIFETIMES.map((seconds) => (
          <option key={seconds} value={String(seconds)}>
            {text.link.during(durationOf(seconds))}
          </option>
        ))}
      </select>
    </>
  );
}

interface GuestsProperties {
  readonly most: number | undefined;
  readonly onPick: (most: number | undefined) => void;
}

export function GuestsChoice({ most, onPick }: GuestsProperties) {
  const id = useId();
  const shown = most === undefined || GUESTS.some((number) => number === most) ? GUESTS : [...GUESTS, most];
  return (
    <>
      <label for={id}>{text.link.guests}</label>
      <select
        id={id}
        value={most === undefined ? "" : String(most)}
        onChange={({ currentTarget: { value } }) => onPick(value === "" ? undefined : Number.parseInt(value, 10))}
      >
        <option value="">{text.link.anyNumber}</option>
        {shown.map((number) => (
          <option key={number} value={String(number)} translate={false}>
            {number}
          </option>
        ))}
      </select>
    </>
  );
}

/** A moment in the shown language, for the eyes of somebody who chose it. */
function momentOf(unix: number): string {
  return new Intl.DateTimeFormat(text.locale, { dateStyle: "medium", timeStyle: "short" }).format(unix * 1_000);
}
