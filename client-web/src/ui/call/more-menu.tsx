// The rest of the controls: how the call is shown, the link, settings, shortcuts.

import { canShareScreen } from "../../index.ts";
import { Popup, PopupItem } from "../popup.tsx";
import { text } from "../text.ts";
import type { CallModel, PanelName } from "./model.ts";
import { canPip, togglePip } from "./pip.tsx";
import { canFullScreen, isFullScreen, toggleFullScreen } from "./screen-modes.ts";
import { type Action, keyName } from "./shortcuts.ts";

interface Properties {
  readonly model: CallModel;
  readonly onPanel: (name: PanelName) => void;
  readonly onCopyLink: () => void;
  /** The bar has no room for the panels' buttons. */
  readonly narrow: boolean;
}

export function MoreMenu({ model, onPanel, onCopyLink, narrow }: Properties) {
  const { view } = model;
  const keys = (action: Action) => (model.singleKeys.value ? keyName(action) : undefined);
  return (
    <Popup icon="more" class="round" label={text.controls.more}>
      {(close) => {
        const item = (act: () => void) => () => {
          close();
          act();
        };
        const layout = view.layout.value;
        return (
          <>
            <PopupItem
              icon="grid"
              label={text.view.grid}
              pressed={layout === "grid"}
              keys={layout === "speaker" ? keys("layout") : undefined}
              onClick={item(() => model.show("grid"))}
            />
            <PopupItem
              icon="speakerView"
              label={text.view.speaker}
              pressed={layout === "speaker"}
              keys={layout === "grid" ? keys("layout") : undefined}
              onClick={item(() => model.show("speaker"))}
            />
            <PopupItem
              icon="eye"
              label={view.selfShown.value ? text.view.hideSelf : text.view.showSelf}
              onClick={item(() => {
                view.selfShown.value = !view.selfShown.value;
              })}
            />
            {canFullScreen() && (
              <PopupItem
                icon="fullScreen"
                label={isFullScreen.value ? text.view.leaveFullScreen : text.view.fullScreen}
                keys={keys("fullScreen")}
                onClick={item(toggleFullScreen)}
              />
            )}
            {canPip() && (
              <PopupItem
                icon="pip"
                label={model.pipOpen.value ? text.view.leavePip : text.view.pip}
                onClick={item(() => void togglePip(model))}
              />
            )}
            <PopupItem
              icon="captions"
              label={model.captions.shown.value ? text.captions.hide : text.captions.show}
              onClick={item(() => model.captions.toggleShown())}
            />
            <PopupItem
              icon="captions"
              label={model.captions.own.value === "off" ? text.captions.ownStart : text.captions.ownStop}
              onClick={item(() => void model.captions.toggleOwn())}
            />
            <PopupItem
              icon="record"
              label={model.recording.state.value === "on" ? text.recording.stop : text.recording.start}
              onClick={item(() => void model.recording.toggle())}
            />
            <hr />
            <PopupItem icon="link" label={text.controls.copyLink} onClick={item(onCopyLink)} />
            {narrow && canShareScreen() && (
              <PopupItem
                icon={model.self?.share === undefined ? "screen" : "screenOff"}
                label={model.self?.share === undefined ? text.share.start : text.share.stop}
                onClick={item(() => void model.toggleShare())}
              />
            )}
            {narrow && (
              <>
                <PopupItem
                  icon="hand"
                  label={model.self?.hand === undefined ? text.controls.raiseHand : text.controls.lowerHand}
                  onClick={item(() => model.toggleHand())}
                />
                <PopupItem
                  icon="people"
                  label={text.controls.participants}
                  onClick={item(() => onPanel("participants"))}
                />
                <PopupItem icon="shield" label={text.controls.security} onClick={item(() => onPanel("security"))} />
              </>
            )}
            {model.moderation.moderates && (
              <PopupItem icon="key" label={text.moderation.title} onClick={item(() => onPanel("host"))} />
            )}
            <PopupItem icon="weak" label={text.connection.title} onClick={item(() => onPanel("connection"))} />
            <PopupItem icon="devices" label={text.controls.settings} onClick={item(() => onPanel("settings"))} />
            <PopupItem
              icon="keyboard"
              label={text.shortcuts.title}
              keys={keys("help")}
              onClick={item(() => {
                model.helpOpen.value = true;
              })}
            />
          </>
        );
      }}
    </Popup>
  );
}
