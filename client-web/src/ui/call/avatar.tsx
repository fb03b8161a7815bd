// A person without a picture: initials on a colour of their own.

import type { Participant } from "../../index.ts";
import { initials, tone } from "../names.ts";

export function Avatar({ person }: { readonly person: Participant }) {
  return (
    <span class="avatar" data-tone={tone(person.clientId)} translate={false} aria-hidden="true">
      {initials(person.name)}
    </span>
  );
}
