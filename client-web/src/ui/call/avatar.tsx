// A person without a picture: initials on a colour of their own.

import { initials, tone } from "../names";
import type { Person } from "../port";

export function Avatar({ person }: { readonly person: Person }) {
  return (
    <span class="avatar" data-tone={tone(person.clientId)} aria-hidden="true">
      {initials(person.name)}
    </span>
  );
}
