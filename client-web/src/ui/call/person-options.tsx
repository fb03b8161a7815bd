// What one can do about a person for oneself: pin, volume, mute.

import { useId } from "preact/hooks";
import type { Participant } from "../../index.ts";
import { Popup, PopupItem } from "../popup.tsx";
import { text } from "../text.ts";
import type { CallModel } from "./model.ts";
import { nameOf } from "./name.ts";

interface Properties {
  readonly person: Participant;
  readonly model: CallModel;
  readonly class: string;
}

export function PersonOptions({ person, model, class: look }: Properties) {
  const { clientId, isSelf } = person;
  const { view } = model;
  const pinned = view.pinned.value === clientId;
  return (
    <Popup icon="more" iconSize={18} class={look} label={text.view.options(nameOf(person))}>
      {(close) => (
        <>
          <PopupItem
            icon="pin"
            label={pinned ? text.view.unpin : text.view.pin}
            onClick={() => {
              close();
              model.pin(person, !pinned);
            }}
          />
          {isSelf ? (
            <PopupItem
              icon="eye"
              label={text.view.hideSelf}
              onClick={() => {
                close();
                view.selfShown.value = false;
              }}
            />
          ) : (
            <LoudnessControls person={person} model={model} />
          )}
        </>
      )}
    </Popup>
  );
}

function LoudnessControls({ person, model }: Omit<Properties, "class">) {
  const id = useId();
  const { view } = model;
  const { volume, muted } = view.loudnessOf(person.clientId);
  return (
    <>
      <div class="menu-slider">
        <label for={id}>{text.view.volume}</label>
        <input
          id={id}
          type="range"
          min="0"
          max="100"
          step="5"
          value={Math.round(volume * 100)}
          onInput={(event) => view.setLoudness(person.clientId, { volume: event.currentTarget.valueAsNumber / 100 })}
        />
      </div>
      <PopupItem
        icon={muted ? "speaker" : "speakerOff"}
        label={muted ? text.view.unmuteForMe : text.view.muteForMe}
        onClick={() => view.setLoudness(person.clientId, { muted: !muted })}
      />
    </>
  );
}
