// Who waits in the lobby, and the ways to let them in or send them away.

import { Icon } from "../icon.tsx";
import { text } from "../text.ts";
import type { CallModel } from "./model.ts";
import { waitingName } from "./moderation.ts";

/** Nothing for who may not let anybody in, and while nobody waits. */
export function Lobby({ model }: { readonly model: CallModel }) {
  const { moderation } = model;
  const { waiting } = moderation;
  if (waiting.length === 0) {
    return null;
  }
  const known = waiting.filter((person) => person.display_name !== null);
  return (
    <section class="lobby">
      <h3>{text.lobby.title(waiting.length)}</h3>
      <ul class="people">
        {waiting.map((person) => (
          <li key={person.client_id} class="person">
            <p
              id={`waiting-${person.client_id}`}
              class="person-words"
              translate={person.display_name === null ? undefined : false}
              dir="auto"
            >
              {waitingName(person)}
            </p>
            {person.display_name !== null && (
              <button
                type="button"
                id={`admit-${person.client_id}`}
                class="button primary small"
                aria-labelledby={`admit-${person.client_id} waiting-${person.client_id}`}
                onClick={() => moderation.admit([person])}
              >
                {text.lobby.admit}
              </button>
            )}
            <button
              type="button"
              class="icon-button danger"
              aria-label={text.lobby.denyOne(waitingName(person))}
              onClick={() => moderation.deny(person)}
            >
              <Icon name="close" size={18} />
            </button>
          </li>
        ))}
      </ul>
      {known.length > 1 && (
        <button type="button" class="button" onClick={() => moderation.admit(known)}>
          <Icon name="people" size={18} />
          <span>{text.lobby.admitAll}</span>
        </button>
      )}
    </section>
  );
}
