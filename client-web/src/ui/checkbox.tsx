// A checkbox: what it is about is its name, and what it does its description.

import { useId } from "preact/hooks";

interface Properties {
  readonly label: string;
  readonly detail?: string;
  /** The detail changes while it is looked at, and is then read out. */
  readonly live?: boolean;
  readonly checked: boolean;
  readonly disabled?: boolean;
  readonly onChange: (checked: boolean, box: HTMLInputElement) => void;
}

export function Checkbox({ label, detail, live = false, checked, disabled = false, onChange }: Properties) {
  const id = useId();
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={checked}
        disabled={disabled}
        aria-labelledby={`${id}-label`}
        aria-describedby={detail === undefined ? undefined : `${id}-detail`}
        onChange={({ currentTarget }) => onChange(currentTarget.checked, currentTarget)}
      />
      <span>
        <span id={`${id}-label`}>{label}</span>
        {detail !== undefined && (
          <small id={`${id}-detail`} role={live ? "status" : undefined}>
            {detail}
          </small>
        )}
      </span>
    </label>
  );
}
