// A short message on the stage; also what a screen reader says about the call.

import { useEffect } from "preact/hooks";
import type { CallModel } from "./model.ts";

/** How long a message stays, in milliseconds. */
const SHOWN_MS = 5_000;

export function Toast({ model }: { readonly model: CallModel }) {
  const notice = model.notice.value;
  useEffect(() => {
    if (notice === undefined) {
      return;
    }
    const timer = setTimeout(() => model.dismiss(notice.number), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [notice, model]);
  return (
    <div class="toast-place" role="status">
      {notice !== undefined && (
        <p key={notice.number} class="toast" data-tone={notice.tone}>
          {notice.message}
        </p>
      )}
    </div>
  );
}
