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
  /** Each answer begins another time alone. */
  const answers = useSignal(0);
  const alone = model.state.value === "in-call" && !model.people.value.some((person) => !person.isSelf);
  const answered = answers.value;
  // Before the next picture: an answer begins the time anew at once, also in a page that is not shown.
  useLayoutEffect(() => {
    asking.value = false;
    if (!alone) {
      return;
    }
    const timer = setTimeout(() => (asking.value = true), ALONE_MS);
    return () => clearTimeout(timer);
  }, [alone, answered, asking]);
  return alone && asking.value ? <Question onStay={() => (answers.value += 1)} onLeave={() => model.leave()} /> : null;
}

function Question({ onStay, onLeave }: { readonly onStay: () => void; readonly onLeave: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const left = useSignal(ANSWER_SECONDS);
  const ids = { title: useId(), body: useId() };
  useEffect(() => dialog.current?.showModal(), []);
  useEffect(() => {
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
      <form method="dialog" class="card-actions">
        <button type="button" class="button" onClick={onLeave}>
          {text.controls.leave}
        </button>
        <button type="submit" class="button primary">
          {text.stillThere.stay}
        </button>
      </form>
    </dialog>
  );
}
