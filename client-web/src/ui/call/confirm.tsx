// Asks before something is done to somebody that cannot be undone.

import { useEffect, useId, useRef } from "preact/hooks";
import { text } from "../text.ts";
import type { CallModel } from "./model.ts";
import type { Asked } from "./moderation.ts";
import { nameOf } from "./name.ts";

export function Confirm({ model }: { readonly model: CallModel }) {
  const asked = model.moderation.asked.value;
  return asked === undefined ? null : (
    <Question {...wordsOf(asked)} onClose={(confirmed) => model.moderation.answer(confirmed)} />
  );
}

interface Words {
  readonly title: string;
  readonly body: string;
  readonly confirm: string;
}

function Question({ title, body, confirm, onClose }: Words & { readonly onClose: (confirmed: boolean) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const ids = { title: useId(), body: useId() };
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby={ids.title}
      aria-describedby={ids.body}
      onClose={() => onClose(dialog.current?.returnValue === "confirm")}
    >
      <form method="dialog">
        <h2 id={ids.title}>{title}</h2>
        <p id={ids.body}>{body}</p>
        <div class="card-actions">
          <button type="submit" class="button" value="cancel">
            {text.participants.cancel}
          </button>
          <button type="submit" class="button destructive" value="confirm">
            {confirm}
          </button>
        </div>
      </form>
    </dialog>
  );
}

function wordsOf(asked: Asked): Words {
  switch (asked.kind) {
    case "remove": {
      const { confirm, confirmBody, confirmTitle } = text.participants;
      return { title: confirmTitle(nameOf(asked.person)), body: confirmBody, confirm };
    }
    case "ban": {
      const { ban, banBody, banTitle } = text.moderation;
      return { title: banTitle(nameOf(asked.person)), body: banBody, confirm: ban };
    }
    case "burn": {
      const { burn, burnBody, burnTitle } = text.burn;
      return { title: burnTitle, body: burnBody, confirm: burn };
    }
    case "end":
      return { title: text.moderation.endTitle, body: text.moderation.endBody, confirm: text.moderation.endForAll };
  }
}
