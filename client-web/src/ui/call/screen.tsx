// The call: the people, the controls, one panel, and what must be said about the connection.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { EndReason } from "../../index.ts";
import { DeviceList } from "../devices/device-list.ts";
import { Icon, type IconName, Mark } from "../icon.tsx";
import { useMedia } from "../media-query.ts";
import { text } from "../text.ts";
import { listenForShortcuts } from "../toggle.tsx";
import { AudioOut } from "./audio.tsx";
import { CaptionsView } from "./captions-view.tsx";
import { ChatPanel } from "./chat-panel.tsx";
import { Confirm } from "./confirm.tsx";
import { ConnectionPanel } from "./connection-panel.tsx";
import { Controls } from "./controls.tsx";
import { useCopyLink } from "./copy.ts";
import { useFocusKept } from "./focus.ts";
import { HostPanel } from "./host-panel.tsx";
import { offerControls } from "./media-session.ts";
import { type CallModel, type PanelName, securityOf } from "./model.ts";
import { waitingName } from "./moderation.ts";
import { PANEL_ID, Panel } from "./panel.tsx";
import { ParticipantsPanel } from "./participants-panel.tsx";
import { closePip } from "./pip.tsx";
import { RecordingBar } from "./recording-bar.tsx";
import { toggleFullScreen } from "./screen-modes.ts";
import { SecurityPanel } from "./security-panel.tsx";
import { SettingsPanel } from "./settings-panel.tsx";
import { ShareBar } from "./share-bar.tsx";
import { type Action, listenForKeys } from "./shortcuts.ts";
import { ShortcutsSheet } from "./shortcuts-sheet.tsx";
import { StageView } from "./stage.tsx";
import { StillThere } from "./still-there.tsx";
import { Toast } from "./toast.tsx";
import { keepAwake } from "./wake-lock.ts";

interface Properties {
  readonly model: CallModel;
  readonly onEnd: (reason: EndReason) => void;
}

/** Below this width a panel covers the call, so that the call behind it must be out of reach. */
const NARROW = "(max-width: 759px)";

export function CallScreen({ model, onEnd }: Properties) {
  const [list] = useState(() => new DeviceList(navigator.mediaDevices));
  const narrow = useMedia(NARROW);
  const opener = useRef<HTMLElement | null>(null);
  const panel = model.panel.value;

  useEffect(() => () => list.close(), [list]);
  useEffect(() => listenForShortcuts((kind) => void model.toggle(kind)), [model]);
  useEffect(() => closePip, []);
  useEffect(() => keepAwake(), []);
  useEffect(() => offerControls(model), [model]);
  const call = useRef<HTMLDivElement>(null);
  const stage = useRef<HTMLElement>(null);
  useFocusKept(call, stage);
  const devices = list.devices.value;
  useEffect(() => model.followDevices(devices), [model, devices]);

  const { ended } = model;
  const reason = ended.value;
  useEffect(() => {
    if (reason !== undefined) {
      onEnd(reason);
    }
  }, [reason, onEnd]);

  const closePanel = useCallback(() => {
    model.panel.value = undefined;
    // After the screen behind is reachable again. What opened the panel may be gone, as a banner is.
    requestAnimationFrame(() => (opener.current?.isConnected === true ? opener : stage).current?.focus());
  }, [model]);
  const togglePanel = (name: PanelName) => {
    if (model.panel.value === name) {
      closePanel();
      return;
    }
    const { activeElement } = document;
    // One panel in place of another goes back to what opened the first.
    if (activeElement?.closest(`#${PANEL_ID}`) === null) {
      opener.current = activeElement instanceof HTMLElement && activeElement !== document.body ? activeElement : null;
    }
    model.panel.value = name;
  };
  const act = useRef<(action: Action) => void>(() => undefined);
  act.current = (action) => {
    switch (action) {
      case "microphone":
      case "camera":
        return void model.toggle(action);
      case "share":
        return void model.toggleShare();
      case "hand":
        return model.toggleHand();
      case "chat":
      case "participants":
        return togglePanel(action);
      case "layout":
        return model.show(model.view.layout.value === "grid" ? "speaker" : "grid");
      case "fullScreen":
        return toggleFullScreen();
      case "help":
        model.helpOpen.value = true;
        return;
    }
  };
  useEffect(
    () =>
      listenForKeys({
        enabled: () => model.singleKeys.value,
        onAction: (action) => act.current(action),
        onTalk: (talking) => model.holdToTalk(talking),
      }),
    [model],
  );

  return (
    <div ref={call} class="call" data-state={model.state.value}>
      <div class="call-main" inert={narrow && panel !== undefined}>
        <header class="call-bar">
          <h1 class="visually-hidden" tabIndex={-1}>
            {text.titles.call}
          </h1>
          <div class="brand small">
            <Mark size={22} />
            <span translate={false}>{text.product}</span>
          </div>
          <div class="badges">
            <QualityBadge model={model} onOpen={() => togglePanel("connection")} />
            <SecurityBadge model={model} />
          </div>
        </header>
        <Banner model={model} />
        <RecordingBar model={model} />
        <ShareBar model={model} />
        <Knocking model={model} onOpen={() => togglePanel("participants")} />
        <main ref={stage} class="call-stage" tabIndex={-1}>
          <StageView model={model} />
          <AloneHint model={model} />
          <AudioOut model={model} />
        </main>
        <CaptionsView model={model} />
        <Controls model={model} onPanel={togglePanel} />
      </div>
      {panel !== undefined && (
        <Panel key={panel} name={panel} title={titleOf(panel, model)} onClose={closePanel}>
          <PanelBody name={panel} model={model} list={list} />
        </Panel>
      )}
      <StillThere model={model} />
      <Confirm model={model} />
      {/* Not within what a panel puts out of reach: what is said must be heard then too. */}
      <Toast model={model} />
      <Talking model={model} />
      {model.helpOpen.value && <ShortcutsSheet onClose={() => (model.helpOpen.value = false)} />}
    </div>
  );
}

function PanelBody(properties: { readonly name: PanelName; readonly model: CallModel; readonly list: DeviceList }) {
  const { name, model, list } = properties;
  switch (name) {
    case "chat":
      return <ChatPanel model={model} />;
    case "connection":
      return <ConnectionPanel model={model} />;
    case "host":
      return <HostPanel model={model} />;
    case "participants":
      return <ParticipantsPanel model={model} />;
    case "security":
      return <SecurityPanel model={model} />;
    case "settings":
      return <SettingsPanel model={model} list={list} />;
  }
}

function titleOf(panel: PanelName, model: CallModel): string {
  switch (panel) {
    case "chat":
      return text.chat.title;
    case "connection":
      return text.connection.title;
    case "host":
      return text.moderation.title;
    case "participants":
      return text.participants.title(model.people.value.length);
    case "security":
      return text.security.title;
    case "settings":
      return text.controls.settings;
  }
}

/** The security of the whole call in a few words. */
function SecurityBadge({ model }: { readonly model: CallModel }) {
  const state = model.state.value;
  if (state !== "in-call" && state !== "reconnecting") {
    return null;
  }
  const security = securityOf(model.people.value);
  const [icon, words]: [IconName, string] =
    security.kind === "secure"
      ? ["shield", text.call.encrypted]
      : security.kind === "checking"
        ? ["hourglass", text.call.checking]
        : ["shieldWarning", text.call.notSecure(security.count)];
  return (
    <p class="security-badge" data-kind={security.kind}>
      <Icon name={icon} size={16} />
      <span>{words}</span>
    </p>
  );
}

/** Stands there only while the connection is weak; opens what is known of it. */
function QualityBadge({ model, onOpen }: { readonly model: CallModel; readonly onOpen: () => void }) {
  const cause = model.quality.value?.cause ?? "good";
  if (cause === "good" || cause === "tcp" || model.state.value !== "in-call") {
    return null;
  }
  return (
    <button type="button" class="quality-badge" title={text.connection.causes[cause]} onClick={onOpen}>
      <Icon name="weak" size={16} />
      <span>{text.connection.weak}</span>
    </button>
  );
}

/** Says that the connection is lost or not yet there. The element stays, so that its changes are read aloud. */
function Banner({ model }: { readonly model: CallModel }) {
  const state = model.state.value;
  return (
    <div class="banner" role="status" data-kind={state}>
      {state === "reconnecting" && (
        <>
          <Icon name="offline" />
          <p>
            <strong>{text.call.reconnecting}</strong> <span>{text.call.reconnectingDetail}</span>
          </p>
        </>
      )}
    </div>
  );
}

/** Says that somebody waits to be let in, until the panel with them is open. The element stays, to be read aloud. */
function Knocking({ model, onOpen }: { readonly model: CallModel; readonly onOpen: () => void }) {
  const { waiting } = model.moderation;
  const [first] = waiting;
  const shown = model.panel.value !== "participants" && model.state.value === "in-call";
  return (
    <div class="banner" role="status" data-kind="knocking">
      {shown && first !== undefined && (
        <>
          <Icon name="people" />
          <p>{waiting.length === 1 ? text.lobby.knocks(waitingName(first)) : text.lobby.knockMany(waiting.length)}</p>
          <button type="button" class="button small" onClick={onOpen}>
            {text.lobby.look}
          </button>
        </>
      )}
    </div>
  );
}

/** Says that a held key has opened the microphone. */
function Talking({ model }: { readonly model: CallModel }) {
  return (
    <div class="talking" role="status">
      {model.talking.value && (
        <p>
          <Icon name="microphone" size={18} />
          <span>{text.view.talking}</span>
        </p>
      )}
    </div>
  );
}

function AloneHint({ model }: { readonly model: CallModel }) {
  const { copied, copy } = useCopyLink(model);
  const people = model.people.value;
  if (model.state.value !== "in-call" || people.some((person) => !person.isSelf)) {
    return null;
  }
  return (
    <section class="alone">
      <h2>{text.call.aloneTitle}</h2>
      <p>{text.call.aloneBody}</p>
      <button type="button" class="button primary" onClick={copy}>
        <Icon name={copied ? "check" : "link"} />
        <span>{copied ? text.controls.copied : text.call.copyInvitation}</span>
      </button>
    </section>
  );
}
