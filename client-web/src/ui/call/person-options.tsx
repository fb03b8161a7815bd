// What one can do about a person: for oneself pin, volume, mute; as a host what they may do.

import { useId } from "preact/hooks";
import type { Participant } from "../../index.ts";
import { Popup, PopupItem } from "../popup.tsx";
import { text } from "../text.ts";
import type { CallModel } from "./model.ts";
import type { SourceGroup } from "./moderation.ts";
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
          <ModeratorItems person={person} model={model} close={close} />
        </>
      )}
    </Popup>
  );
}

/** What a host or co-host can do about the person. */
function ModeratorItems({ person, model, close }: Omit<Properties, "class"> & { readonly close: () => void }) {
  const { moderation } = model;
  if (!moderation.mayModerate(person)) {
    return null;
  }
  const item = (act: () => void) => () => {
    close();
    act();
  };
  const { menu, ban } = text.moderation;
  const stopItem = (group: SourceGroup) => {
    const stopped = moderation.isStopped(person, group);
    return person.role === "member" && moderation.allows(group) ? (
      <PopupItem
        icon={stopped ? group : `${group}Off`}
        label={stopped ? menu.allow[group] : menu.stop[group]}
        onClick={item(() => moderation.setStopped(person, group, !stopped))}
      />
    ) : null;
  };
  return (
    <>
      <hr />
      {stopItem("microphone")}
      {stopItem("camera")}
      {stopItem("screen")}
      {person.hand !== undefined && (
        <PopupItem icon="hand" label={menu.lowerHand} onClick={item(() => moderation.lowerHand(person))} />
      )}
      {moderation.isHost &&
        (["co_host", "member", "viewer"] as const)
          .filter((role) => role !== person.role)
          .map((role) => (
            <PopupItem
              key={role}
              icon={role === "viewer" ? "eye" : role === "co_host" ? "key" : "people"}
              label={menu.makeRole[role]}
              onClick={item(() => moderation.setRole(person, role))}
            />
          ))}
      <PopupItem
        icon="removePerson"
        label={text.participants.confirm}
        onClick={item(() => {
          moderation.asked.value = { kind: "remove", person };
        })}
      />
      <PopupItem
        icon="removePerson"
        label={ban}
        onClick={item(() => {
          moderation.asked.value = { kind: "ban", person };
        })}
      />
    </>
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
