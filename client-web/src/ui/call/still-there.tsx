// Asks somebody who has long been alone whether they are still there, and leaves for them when nobody answers.

import { useSignal } from "@preact/signals";
import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks";
import { text } from "../text.ts";
import type { CallModel } from "./model.ts";

/** How long one may be alone before the question comes, in milliseconds. */
const ALONE_MS = 10 * 60_000;
/** How long the question waits for its answer, in seconds. */
const ANSWER_SECONDS = 120;

export function StillThere({ model }: { readonly model: CallModel }) {
  const asking = useSignal(false);
  const alone = model.state.value === "in-call" && !model.people.value.some((person) => !person.isSelf);
  const asked = asking.value;
  // In the same step in which an answer takes the question away: the time alone begins anew at once, also in a page
  // that is not shown.
  useLayoutEffect(() => {
    if (!alone) {
      asking.value = false;
      return;
    }
    if (asked) {
      return;
    }
    const timer = setTimeout(() => (asking.value = true), ALONE_MS);
    return () => clearTimeout(timer);
  }, [alone, asked, asking]);
  return alone && asked ? <Question onStay={() => (asking.value = false)} onLeave={() => model.leave()} /> : null;
}

function Question({ onStay, onLeave }: { readonly onStay: () => void; readonly onLeave: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const left = useSignal(ANSWER_SECONDS);
  const ids = { title: useId(), body: useId() };
  useEffect(() => dialog.current?.showModal(), []);
  // A layout effect ends with its component; another goes on until the next picture, which a hidden page never paints.
  useLayoutEffect(() => {
    const begin = performance.now();
    const timer = setInterval(() => {
      // A hidden page's timers are late; the time is not.
      left.value = Math.max(0, ANSWER_SECONDS - Math.floor((performance.now() - begin) / 1_000));
      if (left.value === 0) {
        onLeave();
      }
    }, 1_000);
    return () => clearInterval(timer);
  }, [left]);
  const seconds = left.value;
  const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby={ids.title} aria-describedby={ids.body} onClose={onStay}>
      <h2 id={ids.title}>{text.stillThere.title}</h2>
      <p id={ids.body}>{text.stillThere.body(time)}</p>
      <div class="card-actions">
        <button type="button" class="button" onClick={onLeave}>
          {text.controls.leave}
        </button>
        {/* Not by closing the dialog: its event comes late, and the time alone must begin anew before the question is gone. */}
        <button type="button" class="button primary" onClick={onStay}>
          {text.stillThere.stay}
        </button>
      </div>
    </dialog>
  );
}
