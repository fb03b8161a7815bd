// A list of devices of one kind to pick from.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Icon, type IconName } from "../icon.tsx";
import { text } from "../text.ts";
import type { Device } from "./device-list.ts";

interface Properties {
  readonly icon: IconName;
  readonly label: string;
  readonly devices: readonly Device[];
  /** The picked device's id, "" for the system's default. */
  readonly value: string;
  /** The system has a default for this kind that a person can go back to. */
  readonly hasDefault?: boolean;
  readonly onPick: (id: string) => void;
  /** Something beside the list. */
  readonly children?: ComponentChildren;
}

export function DevicePicker({ icon, label, devices, value, hasDefault = false, onPick, children }: Properties) {
  const id = useId();
  const known = devices.some((device) => device.id === value);
  return (
    <div class="picker">
      <label class="picker-label" for={id}>
        <Icon name={icon} size={18} />
        <span>{label}</span>
      </label>
      <div class="picker-row">
        <select
          id={id}
          value={known ? value : ""}
          disabled={devices.length === 0}
          onChange={(event) => onPick(event.currentTarget.value)}
        >
          {(hasDefault || !known) && (
            <option value="">{devices.length === 0 ? text.prejoin.noDevice : text.prejoin.defaultDevice}</option>
          )}
          {devices.map((device, index) => (
            <option key={device.id} value={device.id} translate={device.label === ""}>
              {device.label || text.prejoin.unnamedDevice(label, index + 1)}
            </option>
          ))}
        </select>
        {children}
      </div>
    </div>
  );
}
