// One person of the call: picture or initials, name, and what must be known about sound and encryption.

import { useEffect, useRef } from "preact/hooks";
import type { Participant } from "../../index.ts";
import { Icon } from "../icon.tsx";
import { text } from "../text.ts";
import { VideoView } from "../video.tsx";
import type { Place } from "./arrangement.ts";
import { Avatar } from "./avatar.tsx";
import { CryptoMark } from "./crypto-mark.tsx";
import type { CallModel } from "./model.ts";
import { nameOf } from "./name.ts";
import { PersonOptions } from "./person-options.tsx";
import { PICTURES } from "./reactions.tsx";
import { handQueue } from "./talk.ts";
import { placeStyle, sizeOf } from "./tile-place.ts";
import type { TileWatch } from "./tile-watch.ts";

interface Properties {
  readonly person: Participant;
  readonly model: CallModel;
  readonly watch: TileWatch;
  readonly place: Place;
}

export function Tile({ person, model, watch, place }: Properties) {
  const { crypto, camera, microphone, video, isSelf, clientId } = person;
  const { view } = model;
  const tile = useRef<HTMLDivElement>(null);
  useEffect(
    () => (tile.current === null || isSelf ? undefined : watch.watch(tile.current, { clientId })),
    [watch, isSelf, clientId],
  );
  const trust = model.trust.of(person);
  const reaction = model.talk.reactions.value.get(clientId);
  const handPlace =
    person.hand === undefined ? 0 : 1 + handQueue(model.people.value).findIndex((each) => each.clientId === clientId);
  const wanted = isSelf || view.pictures.value !== "none";
  const shown = camera.on && wanted && crypto.state !== "failed" ? video : undefined;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset groups form fields; this groups what belongs to a person.
    <div
      ref={tile}
      role="group"
      class={person.speaking && microphone.on ? "tile speaking" : "tile"}
      aria-label={nameOf(person)}
      data-crypto={crypto.state}
      data-client-id={clientId}
      data-size={sizeOf(place)}
      style={placeStyle(place)}
    >
      {shown === undefined ? <Avatar person={person} /> : <VideoView stream={shown} mirrored={isSelf} />}
      <CryptoMark crypto={crypto} />
      {isSelf && camera.on && model.interruptions.kinds.value.has("camera") && (
        <p class="tile-interrupted">{text.interruption.camera}</p>
      )}
      {shown !== undefined && person.paused !== undefined && (
        <p class="tile-interrupted">{text.paused[person.paused]}</p>
      )}
      {!isSelf && camera.interrupted === true && (
        <p class="tile-interrupted">{text.interruption.theirs[microphone.interrupted === true ? "both" : "camera"]}</p>
      )}
      {reaction !== undefined && (
        <span
          key={reaction.number}
          class="tile-reaction"
          role="img"
          aria-label={text.reactions.names[reaction.reaction]}
        >
          {PICTURES[reaction.reaction]}
        </span>
      )}
      <p class="tile-label">
        {handPlace > 0 && (
          <span class="tile-hand" role="img" aria-label={text.hands.mark(handPlace)}>
            <Icon name="hand" size={14} />
            {handPlace}
          </span>
        )}
        {person.recording && <Mark icon="record" label={text.recording.mark} class="tile-recording" />}
        {!microphone.on && <Mark icon="microphoneOff" label={text.call.muted} class="tile-muted" />}
        {microphone.interrupted === true && (
          <Mark icon="microphoneOff" label={text.interruption.theirs.microphone} class="tile-muted" />
        )}
        {view.loudnessOf(clientId).muted && <Mark icon="speakerOff" label={text.view.mutedForMe} class="tile-muted" />}
        {view.pinned.value === clientId && <Mark icon="pin" label={text.view.pinMark} />}
        {trust === "verified" && <Mark icon="shield" label={text.trust.verified} class="tile-verified" />}
        {trust === "changed" && <Mark icon="shieldWarning" label={text.trust.changedMark} class="tile-muted" />}
        <span class="tile-name" translate={false} dir="auto">
          {isSelf ? text.call.nameOfSelf(nameOf(person)) : nameOf(person)}
        </span>
      </p>
      <PersonOptions person={person} model={model} class="tile-options" />
    </div>
  );
}

interface MarkProperties {
  readonly icon: "microphoneOff" | "speakerOff" | "pin" | "shield" | "shieldWarning" | "record";
  readonly label: string;
  readonly class?: string;
}

function Mark({ icon, label, class: look = "" }: MarkProperties) {
  return (
    <span class={look} role="img" aria-label={label}>
      <Icon name={icon} size={14} />
    </span>
  );
}
