// Who is in the call, how secure each one is, and the host's way to remove somebody.

import { Icon } from "../icon.tsx";
import { text } from "../text.ts";
import { Avatar } from "./avatar.tsx";
import { Lobby } from "./lobby.tsx";
import type { CallModel } from "./model.ts";
import { nameOf } from "./name.ts";
import { PersonOptions } from "./person-options.tsx";
import { handQueue } from "./talk.ts";

export function ParticipantsPanel({ model }: { readonly model: CallModel }) {
  const people = model.people.value;
  const hands = handQueue(people);
  return (
    <>
      <Lobby model={model} />
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
                {person.recording && <span class="tag bad">{text.recording.mark}</span>}
                {model.trust.of(person) === "verified" && <span class="tag good">{text.trust.verified}</span>}
                {model.trust.of(person) === "changed" && <span class="tag bad">{text.trust.changedMark}</span>}
                {person.role !== "member" && <span class="tag">{text.moderation.roles[person.role]}</span>}
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
            {model.moderation.mayModerate(person) && (
              <button
                type="button"
                class="icon-button danger"
                aria-label={text.participants.remove(nameOf(person))}
                onClick={() => {
                  model.moderation.asked.value = { kind: "remove", person };
                }}
              >
                <Icon name="removePerson" size={18} />
              </button>
            )}
          </li>
        ))}
      </ul>
      <p class="muted">{text.participants.everyone}</p>
    </>
  );
}
