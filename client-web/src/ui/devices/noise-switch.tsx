// The switch for noise suppression, before the call and in it; where the browser has none, it says so.

import { useId } from "preact/hooks";
import { canSuppressNoise } from "../../index.ts";
import { text } from "../text.ts";
import { chooseNoise, suppressesNoise } from "./noise.ts";

/** `onChange` does it to a microphone that is open already. */
export function NoiseSwitch({ onChange }: { readonly onChange: () => void }) {
  const detail = useId();
  const possible = canSuppressNoise();
  return (
    <label class="check">
      <input
        type="checkbox"
        disabled={!possible}
        checked={possible && suppressesNoise.value}
        aria-describedby={detail}
        onChange={(event) => {
          chooseNoise(event.currentTarget.checked);
          onChange();
        }}
      />
      <span>
        {text.noise.label}
        <small id={detail}>{possible ? text.noise.detail : text.noise.notHere}</small>
      </span>
    </label>
  );
}
