// Who is in the call, how secure each one is, and the host's way to remove somebody.

import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Participant } from "../../index.ts";
import { Icon } from "../icon.tsx";
import { text } from "../text.ts";
import { Avatar } from "./avatar.tsx";
import type { CallModel } from "./model.ts";
import { nameOf } from "./name.ts";
import { PersonOptions } from "./person-options.tsx";
import { handQueue } from "./talk.ts";

export function ParticipantsPanel({ model }: { readonly model: CallModel }) {
  const removing = useSignal<Participant | undefined>(undefined);
  const people = model.people.value;
  const hands = handQueue(people);
  const mayRemove = model.self?.isHost ?? false;
  const asked = removing.value;
  return (
    <>
      {hands.length > 0 && (
        <section class="hands">
          <h3>{text.hands.queue}</h3>
          <ol>
            {hands.map((person) => (
              <li key={person.clientId}>
                <Icon name="hand" size={16} />
                <span translate={false} dir="auto">
                  {person.isSelf ? text.call.nameOfSelf(nameOf(person)) : nameOf(person)}
                </span>
              </li>
            ))}
          </ol>
        </section>
      )}
      <ul class="people">
        {people.map((person) => (
          <li key={person.clientId} class="person">
            <Avatar person={person} />
            <div class="person-words">
              <p class="person-name">
                <span translate={false} dir="auto">
                  {person.isSelf ? text.call.nameOfSelf(nameOf(person)) : nameOf(person)}
                </span>
                {person.isHost && <span class="tag">{text.call.host}</span>}
              </p>
              <p class="person-crypto" data-kind={person.crypto.state}>
                <Icon name={person.crypto.state === "secure" ? "shield" : "shieldWarning"} size={14} />
                <span>{text.crypto.spoken[person.crypto.state](text.crypto.reason[person.crypto.reason])}</span>
              </p>
            </div>
            {!person.microphone.on && (
              <span class="person-muted" role="img" aria-label={text.call.muted}>
                <Icon name="microphoneOff" size={18} />
              </span>
            )}
            {!person.isSelf && <PersonOptions person={person} model={model} class="icon-button" />}
            {mayRemove && !person.isSelf && (
              <button
                type="button"
                class="icon-button danger"
                aria-label={text.participants.remove(nameOf(person))}
                onClick={() => {
                  removing.value = person;
                }}
              >
                <Icon name="removePerson" size={18} />
              </button>
            )}
          </li>
        ))}
      </ul>
      <p class="muted">{text.participants.everyone}</p>
      {asked !== undefined && (
        <ConfirmRemoval
          person={asked}
          onClose={(confirmed) => {
            removing.value = undefined;
            if (confirmed) {
              void model.remove(asked);
            }
          }}
        />
      )}
    </>
  );
}

interface ConfirmProperties {
  readonly person: Participant;
  readonly onClose: (confirmed: boolean) => void;
}

function ConfirmRemoval({ person, onClose }: ConfirmProperties) {
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
        <h2 id={ids.title}>{text.participants.confirmTitle(nameOf(person))}</h2>
        <p id={ids.body}>{text.participants.confirmBody}</p>
        <div class="card-actions">
          <button type="submit" class="button" value="cancel">
            {text.participants.cancel}
          </button>
          <button type="submit" class="button destructive" value="confirm">
            {text.participants.confirm}
          </button>
        </div>
      </form>
    </dialog>
  );
}
