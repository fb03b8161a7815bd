// What a host or co-host decides for everybody.

import { Checkbox } from "../checkbox.tsx";
import { Icon } from "../icon.tsx";
import { text } from "../text.ts";
import { LinkTermsView } from "./link-terms.tsx";
import type { CallModel } from "./model.ts";
import type { SourceGroup } from "./moderation.ts";

const GROUPS: readonly SourceGroup[] = ["microphone", "camera", "screen"];

export function HostPanel({ model }: { readonly model: CallModel }) {
  const { moderation } = model;
  const hands = model.people.value.some((person) => person.hand !== undefined);
  return (
    <>
      <section>
        <h3>{text.moderation.everybody}</h3>
        {GROUPS.map((group) => (
          <Check
            key={group}
            label={text.moderation.allow[group]}
            checked={moderation.allows(group)}
            onChange={(allowed) => moderation.setAllowed(group, allowed)}
          />
        ))}
        <p class="muted">{text.moderation.enforced}</p>
        <Check
          label={text.moderation.recording}
          detail={text.moderation.recordingDetail}
          checked={moderation.decided.value.recording}
          onChange={(recording) => moderation.setRecording(recording)}
        />
        <button type="button" class="button" disabled={!hands} onClick={() => moderation.lowerAllHands()}>
          <Icon name="hand" size={18} />
          <span>{text.moderation.lowerAllHands}</span>
        </button>
      </section>
      <section>
        <h3>{text.moderation.door}</h3>
        <Check
          label={text.lobby.lobby}
          detail={text.lobby.lobbyDetail}
          checked={moderation.decided.value.lobby}
          onChange={(lobby) => moderation.setLobby(lobby)}
        />
        <Check
          label={text.moderation.lock}
          detail={text.moderation.lockDetail}
          checked={moderation.decided.value.locked}
          onChange={(locked) => moderation.setLocked(locked)}
        />
      </section>
      {moderation.isHost && <LinkTermsView model={model} />}
      {moderation.isHost && (
        <section>
          <h3>{text.moderation.end}</h3>
          <button
            type="button"
            class="button destructive"
            onClick={() => {
              moderation.asked.value = { kind: "end" };
            }}
          >
            <Icon name="hangUp" size={18} />
            <span>{text.moderation.endForAll}</span>
          </button>
          <button
            type="button"
            class="button destructive"
            onClick={() => {
              moderation.asked.value = { kind: "burn" };
            }}
          >
            <Icon name="removePerson" size={18} />
            <span>{text.burn.burn}</span>
          </button>
        </section>
      )}
    </>
  );
}

interface CheckProperties {
  readonly label: string;
  readonly detail?: string;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}

function Check({ onChange, ...properties }: CheckProperties) {
  return (
    <Checkbox
      {...properties}
      onChange={(wanted, box) => {
        // It shows what stands: the order takes a moment to come back.
        box.checked = properties.checked;
        onChange(wanted);
      }}
    />
  );
}
