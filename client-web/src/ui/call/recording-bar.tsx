// Says all the time who records the call, and ends the own recording.

import { Icon } from "../icon.tsx";
import { text } from "../text.ts";
import type { CallModel } from "./model.ts";
import { nameOf } from "./name.ts";

/** The element stays, so that its changes are read aloud. */
export function RecordingBar({ model }: { readonly model: CallModel }) {
  const recorders = model.people.value.filter((person) => person.recording && !person.isSelf);
  const [first] = recorders;
  const own = model.self?.recording === true;
  return (
    <div class="banner" role="status" data-kind="recording">
      {(own || first !== undefined) && (
        <>
          <Icon name="record" />
          <p>
            {own && text.recording.own}{" "}
            {first !== undefined &&
              (recorders.length === 1 ? text.recording.other(nameOf(first)) : text.recording.many(recorders.length))}
          </p>
          {own && (
            <button type="button" class="button small" onClick={() => void model.recording.stop()}>
              {text.recording.stop}
            </button>
          )}
        </>
      )}
    </div>
  );
}
