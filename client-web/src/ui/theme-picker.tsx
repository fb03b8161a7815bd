// Picks the look of the client; it is remembered.

import { useId } from "preact/hooks";
import { Icon } from "./icon.tsx";
import { text } from "./text.ts";
import { pickedTheme, pickTheme, THEMES } from "./theme.ts";

export function ThemePicker() {
  const id = useId();
  return (
    <div class="picker">
      <label class="picker-label" for={id}>
        <Icon name="theme" size={18} />
        <span>{text.settings.theme}</span>
      </label>
      <select
        id={id}
        value={pickedTheme.value}
        onChange={(event) => pickTheme(THEMES[event.currentTarget.selectedIndex] ?? "system")}
      >
        {THEMES.map((theme) => (
          <option key={theme} value={theme}>
            {text.settings.themes[theme]}
          </option>
        ))}
      </select>
    </div>
  );
}
