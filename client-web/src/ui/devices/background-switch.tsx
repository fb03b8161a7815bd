// The switch for the blurred background, before the call and in it; where the browser cannot, it says so.

import { useId } from "preact/hooks";
import { text } from "../text.ts";
import { blursBackground, blursSlowly, canBlurBackground, chooseBackground } from "./background.ts";

/** `onChange` does it to a camera that is open already. */
export function BackgroundSwitch({ onChange }: { readonly onChange: () => void }) {
  const detail = useId();
  const possible = canBlurBackground();
  const { label, detail: what, notHere, slow } = text.background;
  return (
    <label class="check">
      <input
        type="checkbox"
        disabled={!possible}
        checked={possible && blursBackground.value}
        aria-describedby={detail}
        onChange={(event) => {
          chooseBackground(event.currentTarget.checked);
          onChange();
        }}
      />
      <span>
        {label}
        <small id={detail} role="status">
          {possible ? (blursBackground.value && blursSlowly.value ? slow : what) : notHere}
        </small>
      </span>
    </label>
  );
}
