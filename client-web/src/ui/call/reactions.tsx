// The reactions: their pictures, and the button that offers them.

import { REACTIONS, type Reaction } from "../../index.ts";
import { Popup } from "../popup.tsx";
import { text } from "../text.ts";
import type { CallModel } from "./model.ts";

/** How a reaction is drawn. */
export const PICTURES: Readonly<Record<Reaction, string>> = {
  thumbs_up: "👍",
  heart: "❤️",
  laugh: "😂",
  surprise: "😮",
  applause: "👏",
  party: "🎉",
};

export function ReactionsButton({ model }: { readonly model: CallModel }) {
  return (
    <Popup icon="smile" class="round" label={text.controls.reactions}>
      {() => (
        <div class="reactions">
          {REACTIONS.map((reaction) => (
            <button
              key={reaction}
              type="button"
              class="reaction"
              aria-label={text.reactions.names[reaction]}
              title={text.reactions.names[reaction]}
              onClick={() => model.react(reaction)}
            >
              <span aria-hidden="true">{PICTURES[reaction]}</span>
            </button>
          ))}
        </div>
      )}
    </Popup>
  );
}
