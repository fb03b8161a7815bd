// Stands over the call while one's own screen is shared: what the others see is never out of mind.

import { useId } from "preact/hooks";
import type { ShareContent } from "../../index.ts";
import { Icon } from "../icon.tsx";
import { text } from "../text.ts";
import type { CallModel } from "./model.ts";

const CONTENTS: readonly ShareContent[] = ["text", "motion"];

export function ShareBar({ model }: { readonly model: CallModel }) {
  const id = useId();
  if (model.self?.share === undefined) {
    return null;
  }
  const { sharing } = model;
  return (
    <section class="share-bar" aria-label={text.share.selfStarted}>
      <Icon name="screen" />
      <p>{text.share.selfStarted}</p>
      <label class="visually-hidden" for={id}>
        {text.share.content}
      </label>
      <select
        id={id}
        value={sharing.content.value}
        onChange={(event) => sharing.setContent(CONTENTS[event.currentTarget.selectedIndex] ?? "text")}
      >
        {CONTENTS.map((content) => (
          <option key={content} value={content}>
            {text.share.contents[content]}
          </option>
        ))}
      </select>
      <button type="button" class="button small" onClick={() => void sharing.stop()}>
        {text.share.stop}
      </button>
    </section>
  );
}
