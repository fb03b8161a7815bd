// The settings during the call: devices, language, look and keys.

import { useEffect, useId } from "preact/hooks";
import { Checkbox } from "../checkbox.tsx";
import { BackgroundSwitch } from "../devices/background-switch.tsx";
import type { DeviceList } from "../devices/device-list.ts";
import { remember } from "../devices/memory.ts";
import { NoiseSwitch } from "../devices/noise-switch.tsx";
import { DevicePicker } from "../devices/picker.tsx";
import { canPickSpeaker, playTestSound } from "../devices/speaker.ts";
import { Icon } from "../icon.tsx";
import { LanguagePicker } from "../language-picker.tsx";
import { text } from "../text.ts";
import { ThemePicker } from "../theme-picker.tsx";
import type { CallModel } from "./model.ts";
import { PICTURE_MODES } from "./view.ts";

interface Properties {
  readonly model: CallModel;
  readonly list: DeviceList;
}

export function SettingsPanel({ model, list }: Properties) {
  return (
    <>
      <section>
        <h3>{text.settings.devices}</h3>
        <DeviceSettings model={model} list={list} />
        <BackgroundSwitch onChange={() => void model.followBackground()} />
        <NoiseSwitch onChange={() => void model.followNoise()} />
      </section>
      <section>
        <h3>{text.settings.display}</h3>
        <div class="pickers">
          <LanguagePicker onProblem={(problem) => model.announce(problem, "problem")} />
          <ThemePicker />
          <PicturesPicker model={model} />
        </div>
      </section>
      <section>
        <h3>{text.settings.keyboard}</h3>
        <Checkbox
          label={text.settings.singleKeys}
          detail={text.settings.singleKeysDetail}
          checked={model.singleKeys.value}
          onChange={(on) => {
            model.singleKeys.value = on;
            remember("singleKeys", on ? "" : "off");
          }}
        />
      </section>
    </>
  );
}

/** Saves data: how large the pictures of the others come. */
function PicturesPicker({ model }: { readonly model: CallModel }) {
  const id = useId();
  return (
    <div class="picker">
      <label class="picker-label" for={id}>
        <Icon name="camera" size={18} />
        <span>{text.settings.pictures}</span>
      </label>
      <select
        id={id}
        value={model.view.pictures.value}
        onChange={(event) => model.setPictures(PICTURE_MODES[event.currentTarget.selectedIndex] ?? "all")}
      >
        {PICTURE_MODES.map((mode) => (
          <option key={mode} value={mode}>
            {text.settings.pictureModes[mode]}
          </option>
        ))}
      </select>
    </div>
  );
}

function DeviceSettings({ model, list }: Properties) {
  // Labels are there only after a device was allowed, which may have happened since the last change.
  useEffect(() => void list.refresh(), [list]);
  const devices = list.devices.value;
  return (
    <div class="pickers">
      <DevicePicker
        icon="camera"
        label={text.prejoin.camera}
        devices={devices.cameras}
        value={model.cameraId.value}
        onPick={(id) => {
          remember("camera", id);
          void model.replace("camera", id);
        }}
      />
      <DevicePicker
        icon="microphone"
        hasDefault
        label={text.prejoin.microphone}
        devices={devices.microphones}
        value={model.microphoneId.value}
        onPick={(id) => {
          remember("microphone", id);
          void model.replace("microphone", id);
        }}
      />
      {canPickSpeaker && devices.speakers.length > 0 && (
        <DevicePicker
          icon="speaker"
          hasDefault
          label={text.prejoin.speaker}
          devices={devices.speakers}
          value={model.speakerId.value}
          onPick={(id) => {
            remember("speaker", id);
            model.speakerId.value = id;
          }}
        >
          <button
            type="button"
            class="button small"
            aria-label={text.prejoin.testSpeakerLong}
            onClick={() => void playTestSound(model.speakerId.value).catch(() => undefined)}
          >
            {text.prejoin.testSpeaker}
          </button>
        </DevicePicker>
      )}
    </div>
  );
}
