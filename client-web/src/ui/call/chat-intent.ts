// What the next message of the chat is.

import type { ChatEntry } from "../../index.ts";
import { text } from "../text.ts";
import { nameOf } from "./name.ts";

/** A new message, an answer, or a change of an own one. */
export type Intent =
  | { readonly kind: "new" }
  | { readonly kind: "reply"; readonly to: ChatEntry }
  | { readonly kind: "edit"; readonly entry: ChatEntry };

/** Another key is another intent. */
export function keyOf(intent: Intent): string {
  switch (intent.kind) {
    case "new":
      return "new";
    case "reply":
      return `reply ${intent.to.id}`;
    case "edit":
      return `edit ${intent.entry.id}`;
  }
}

/** Who wrote a message, as it is called on the screen. */
export function authorOf(entry: ChatEntry): string {
  return entry.isSelf ? text.chat.you : nameOf(entry);
}
