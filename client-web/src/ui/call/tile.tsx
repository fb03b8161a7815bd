// One person of the call: picture or initials, name, and what must be known about sound and encryption.

import { useEffect, useRef } from "preact/hooks";
import type { Participant } from "../../index.ts";
import { Icon } from "../icon.tsx";
import { text } from "../text.ts";
import { VideoView } from "../video.tsx";
import { Avatar } from "./avatar.tsx";
import { nameOf } from "./name.ts";
import type { TileWatch } from "./tile-watch.ts";

export function Tile({ person, watch }: { readonly person: Participant; readonly watch: TileWatch }) {
  const { crypto, camera, microphone, video, isSelf, clientId } = person;
  const tile = useRef<HTMLDivElement>(null);
  useEffect(
    () => (tile.current === null || isSelf ? undefined : watch.watch(tile.current, clientId)),
    [watch, isSelf, clientId],
  );
  const shown = camera.on && crypto.state !== "failed" ? video : undefined;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset groups form fields; this groups what belongs to a person.
    <div
      ref={tile}
      role="group"
      class={person.speaking && microphone.on ? "tile speaking" : "tile"}
      aria-label={nameOf(person)}
      data-crypto={crypto.state}
      data-client-id={clientId}
    >
      {shown === undefined ? <Avatar person={person} /> : <VideoView stream={shown} mirrored={isSelf} />}
      {crypto.state !== "secure" && (
        <p class="tile-crypto" data-kind={crypto.state}>
          <Icon name={crypto.state === "waiting" ? "hourglass" : "shieldWarning"} size={16} />
          <span>
            <strong>{text.crypto.label[crypto.state]}</strong>
            <span class="tile-reason"> {text.crypto.reason[crypto.reason]}</span>
          </span>
        </p>
      )}
      <p class="tile-label">
        {!microphone.on && (
          <span class="tile-muted" role="img" aria-label={text.call.muted}>
            <Icon name="microphoneOff" size={14} />
          </span>
        )}
        <span class="tile-name" translate={false} dir="auto">
          {isSelf ? text.call.nameOfSelf(nameOf(person)) : nameOf(person)}
        </span>
      </p>
    </div>
  );
}
