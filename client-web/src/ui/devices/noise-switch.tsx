// The switch for noise suppression, before the call and in it; where the browser has none, it says so.

import { canSuppressNoise } from "../../index.ts";
import { Checkbox } from "../checkbox.tsx";
import { text } from "../text.ts";
import { chooseNoise, suppressesNoise } from "./noise.ts";

/** `onChange` does it to a microphone that is open already. */
export function NoiseSwitch({ onChange }: { readonly onChange: () => void }) {
  const possible = canSuppressNoise();
  return (
    <Checkbox
      label={text.noise.label}
      detail={possible ? text.noise.detail : text.noise.notHere}
      disabled={!possible}
      checked={possible && suppressesNoise.value}
      onChange={(on) => {
        chooseNoise(on);
        onChange();
      }}
    />
  );
}
