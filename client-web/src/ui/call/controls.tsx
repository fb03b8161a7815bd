// The bar of buttons under the call.

import type { ComponentChildren } from "preact";
import { canShareScreen } from "../../index.ts";
import { Icon, type IconName } from "../icon.tsx";
import { useMedia } from "../media-query.ts";
import { text } from "../text.ts";
import { ToggleButton } from "../toggle.tsx";
import { useCopyLink } from "./copy.ts";
import type { CallModel, PanelName } from "./model.ts";
import { MoreMenu } from "./more-menu.tsx";
import { PANEL_ID } from "./panel.tsx";
import { ReactionsButton } from "./reactions.tsx";

interface Properties {
  readonly model: CallModel;
  readonly onPanel: (name: PanelName) => void;
}

/** Below this width the bar has room for what is used most. */
const NARROW = "(max-width: 639px)";

export function Controls({ model, onPanel }: Properties) {
  const { copy } = useCopyLink(model);
  const narrow = useMedia(NARROW);
  const self = model.self;
  const unread = model.talk.unread.value;
  const count = model.people.value.length;
  return (
    <nav class="controls" aria-label={text.controls.label}>
      <div class="controls-group">
        <ToggleButton
          kind="microphone"
          on={self?.microphone.on ?? false}
          onToggle={() => void model.toggle("microphone")}
        />
        <ToggleButton kind="camera" on={self?.camera.on ?? false} onToggle={() => void model.toggle("camera")} />
      </div>
      <div class="controls-group">
        {!narrow && canShareScreen() && <ShareButton model={model} />}
        {!narrow && (
          <>
            <ReactionsButton model={model} />
            <HandButton model={model} />
          </>
        )}
        <PanelButton model={model} name="chat" icon="chat" label={text.controls.chat} onPanel={onPanel}>
          {unread > 0 && <span class="round-count" data-count={unread > 99 ? "99+" : unread} />}
        </PanelButton>
        {!narrow && (
          <>
            <PanelButton
              model={model}
              name="participants"
              icon="people"
              label={text.controls.participants}
              onPanel={onPanel}
            >
              {count > 0 && <span class="round-count" data-count={count} />}
            </PanelButton>
            <PanelButton model={model} name="security" icon="shield" label={text.controls.security} onPanel={onPanel} />
          </>
        )}
        {narrow && <ReactionsButton model={model} />}
        <MoreMenu model={model} onPanel={onPanel} onCopyLink={copy} narrow={narrow} />
      </div>
      <button
        type="button"
        class="round leave"
        aria-label={text.controls.leave}
        data-tip={text.controls.leave}
        onClick={() => model.leave()}
      >
        <Icon name="hangUp" size={22} />
      </button>
    </nav>
  );
}

function ShareButton({ model }: { readonly model: CallModel }) {
  const sharing = model.self?.share !== undefined;
  const name = sharing ? text.share.stop : text.share.start;
  return (
    <button
      type="button"
      class={sharing ? "round open" : "round"}
      aria-label={name}
      data-tip={name}
      onClick={() => void model.toggleShare()}
    >
      <Icon name={sharing ? "screenOff" : "screen"} size={22} />
    </button>
  );
}

function HandButton({ model }: { readonly model: CallModel }) {
  const raised = model.self?.hand !== undefined;
  const name = raised ? text.controls.lowerHand : text.controls.raiseHand;
  return (
    <button
      type="button"
      class={raised ? "round hand-up" : "round"}
      aria-label={name}
      data-tip={name}
      onClick={() => model.toggleHand()}
    >
      <Icon name="hand" size={22} />
    </button>
  );
}

interface PanelButtonProperties extends Properties {
  readonly name: PanelName;
  readonly icon: IconName;
  readonly label: string;
  readonly children?: ComponentChildren;
}

function PanelButton({ model, name, icon, label, onPanel, children }: PanelButtonProperties) {
  const open = model.panel.value === name;
  return (
    <button
      type="button"
      class={open ? "round open" : "round"}
      aria-label={label}
      aria-expanded={open}
      aria-controls={open ? PANEL_ID : undefined}
      data-tip={label}
      onClick={() => onPanel(name)}
    >
      <Icon name={icon} size={22} />
      {children}
    </button>
  );
}
