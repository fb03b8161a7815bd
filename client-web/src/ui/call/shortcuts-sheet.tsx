// The list of keyboard shortcuts.

import { useEffect, useId, useRef } from "preact/hooks";
import { text } from "../text.ts";
import { SHORTCUTS } from "../toggle.tsx";
import { type Action, KEYS, keyName } from "./shortcuts.ts";

export function ShortcutsSheet({ onClose }: { readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby={title} onClose={onClose}>
      <h2 id={title}>{text.shortcuts.title}</h2>
      <dl class="shortcuts">
        {(Object.keys(KEYS) as Action[]).map((action) => (
          <div key={action}>
            <dt>{text.shortcuts[action]}</dt>
            <dd>
              {(action === "microphone" || action === "camera") && (
                <>
                  <kbd>{text.shortcuts.control}</kbd>
                  <kbd translate={false}>{SHORTCUTS[action]}</kbd> {text.shortcuts.or}{" "}
                </>
              )}
              <kbd translate={false}>{keyName(action)}</kbd>
            </dd>
          </div>
        ))}
        <div>
          <dt>{text.shortcuts.talk}</dt>
          <dd>
            <kbd>{text.shortcuts.space}</kbd>
          </dd>
        </div>
      </dl>
      <p class="muted">{text.shortcuts.note}</p>
      <form method="dialog" class="card-actions">
        <button type="submit" class="button">
          {text.controls.close}
        </button>
      </form>
    </dialog>
  );
}
