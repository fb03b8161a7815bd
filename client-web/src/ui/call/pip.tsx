// The meeting in a small window that stays on top of others: the large person and the most needed buttons.

import { render } from "preact";
import { Icon } from "../icon.tsx";
import { text } from "../text.ts";
import { ToggleButton } from "../toggle.tsx";
import { VideoView } from "../video.tsx";
import { Avatar } from "./avatar.tsx";
import type { CallModel } from "./model.ts";
import { nameOf } from "./name.ts";

/** What browsers have of the Document Picture-in-Picture API, and the libraries do not yet name. */
interface DocumentPictureInPicture {
  readonly window: Window | null;
  requestWindow(options: { width: number; height: number }): Promise<Window>;
}

/** The small window's first size in CSS pixels. */
const SIZE = { width: 400, height: 280 };

function api(): DocumentPictureInPicture | undefined {
  return (globalThis as { documentPictureInPicture?: DocumentPictureInPicture }).documentPictureInPicture;
}

/** The browser has such windows. */
export function canPip(): boolean {
  return api() !== undefined;
}

/** Opens the small window, or closes it. Must run in a click. */
export async function togglePip(model: CallModel): Promise<void> {
  const pip = api();
  if (pip?.window) {
    pip.window.close();
    return;
  }
  const small = await pip?.requestWindow(SIZE).catch(() => undefined);
  if (small === undefined) {
    return;
  }
  const { document: page } = small;
  for (const style of document.querySelectorAll("link[rel=stylesheet], style")) {
    const copy = style.cloneNode(true);
    if (style instanceof HTMLLinkElement && copy instanceof HTMLLinkElement) {
      // The small window has no address of its own to begin a relative one from.
      copy.href = style.href;
    }
    page.head.append(copy);
  }
  for (const { name, value } of document.documentElement.attributes) {
    page.documentElement.setAttribute(name, value);
  }
  render(<SmallMeeting model={model} onBack={() => small.close()} />, page.body);
  model.setPip(true);
  small.addEventListener("pagehide", () => {
    render(null, page.body);
    model.setPip(false);
  });
}

/** Closes the small window with the call. */
export function closePip(): void {
  api()?.window?.close();
}

function SmallMeeting({ model, onBack }: { readonly model: CallModel; readonly onBack: () => void }) {
  const people = model.people.value;
  const is = (shown: string | undefined) => people.find(({ clientId }) => clientId === shown);
  const shared = people.find(({ isSelf, share }) => !isSelf && share?.video !== undefined);
  const person = is(model.view.pinned.value) ?? shared ?? is(model.view.speaker.value) ?? people[0];
  const self = model.self;
  if (person === undefined) {
    return null;
  }
  const share = person === shared && person.crypto.state !== "failed" ? person.share?.video : undefined;
  const camera = person.camera.on && person.crypto.state !== "failed" ? person.video : undefined;
  const video = share ?? camera;
  return (
    <div class="pip">
      <div class={share === undefined ? "tile pip-tile" : "tile pip-tile share"}>
        {video === undefined ? <Avatar person={person} /> : <VideoView stream={video} mirrored={person.isSelf} />}
        <p class="tile-label">
          <span class="tile-name" translate={false} dir="auto">
            {nameOf(person)}
          </span>
        </p>
      </div>
      <nav class="pip-controls" aria-label={text.controls.label}>
        <ToggleButton
          kind="microphone"
          on={self?.microphone.on ?? false}
          onToggle={() => void model.toggle("microphone")}
        />
        <ToggleButton kind="camera" on={self?.camera.on ?? false} onToggle={() => void model.toggle("camera")} />
        <button type="button" class="round" aria-label={text.view.leavePip} onClick={onBack}>
          <Icon name="pip" size={22} />
        </button>
        <button type="button" class="round leave" aria-label={text.controls.leave} onClick={() => model.leave()}>
          <Icon name="hangUp" size={22} />
        </button>
      </nav>
    </div>
  );
}
