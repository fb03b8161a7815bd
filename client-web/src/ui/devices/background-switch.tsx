// The switch for the blurred background, before the call and in it; where the browser cannot, it says so.

import { Checkbox } from "../checkbox.tsx";
import { text } from "../text.ts";
import { blursBackground, blursSlowly, canBlurBackground, chooseBackground } from "./background.ts";

/** `onChange` does it to a camera that is open already. */
export function BackgroundSwitch({ onChange }: { readonly onChange: () => void }) {
  const possible = canBlurBackground();
  const { label, detail: what, notHere, slow } = text.background;
  return (
    <Checkbox
      label={label}
      detail={possible ? (blursBackground.value && blursSlowly.value ? slow : what) : notHere}
      live
      disabled={!possible}
      checked={possible && blursBackground.value}
      onChange={(on) => {
        chooseBackground(on);
        onChange();
      }}
    />
  );
}
