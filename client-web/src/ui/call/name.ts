// What a person of the call is called on the screen.

import type { Participant } from "../../index.ts";
import { text } from "../text.ts";

/** The name that a person gave. */
export function nameOf(person: Pick<Participant, "name">): string {
  return person.name === "" ? text.call.unknown : person.name;
}
