// A shared screen on the stage: the whole picture, whose it is, and what must be known about its encryption.

import { useLayoutEffect, useRef } from "preact/hooks";
import type { Participant, SharedScreen } from "../../index.ts";
import { Icon } from "../icon.tsx";
import { text } from "../text.ts";
import { VideoView } from "../video.tsx";
import type { Place } from "./arrangement.ts";
import { CryptoMark } from "./crypto-mark.tsx";
import type { CallModel } from "./model.ts";
import { nameOf } from "./name.ts";
import { placeStyle, sizeOf } from "./tile-place.ts";
import type { TileWatch } from "./tile-watch.ts";
import { shareId } from "./view.ts";

interface Properties {
  readonly person: Participant;
  readonly share: SharedScreen;
  readonly model: CallModel;
  readonly watch: TileWatch;
  readonly place: Place;
}

export function ShareTile({ person, share, model, watch, place }: Properties) {
  const { clientId } = person;
  const { view } = model;
  const tile = useRef<HTMLDivElement>(null);
  useLayoutEffect(
    () => (tile.current === null ? undefined : watch.watch(tile.current, { clientId, source: "screen_video" })),
    [watch, clientId],
  );
  const wanted = view.pictures.value !== "none";
  const shown = wanted && share.crypto.state !== "failed" ? share.video : undefined;
  const pinned = view.pinned.value === shareId(clientId);
  const pinWords = pinned ? text.view.unpin : text.view.pin;
  const name = text.share.of(nameOf(person));
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset groups form fields; this groups what belongs to a screen.
    <div
      ref={tile}
      role="group"
      class="tile share"
      aria-label={name}
      data-crypto={share.crypto.state}
      data-size={sizeOf(place)}
      style={placeStyle(place)}
    >
      {shown === undefined ? (
        <p class="share-empty">
          <Icon name="screen" size={32} />
          <span>{wanted ? text.share.coming : text.share.picturesOff}</span>
        </p>
      ) : (
        <VideoView stream={shown} />
      )}
      {shown !== undefined && share.paused !== undefined && <p class="tile-interrupted">{text.paused[share.paused]}</p>}
      <CryptoMark crypto={share.crypto} />
      <p class="tile-label">
        <Icon name="screen" size={14} />
        <span class="tile-name">{name}</span>
      </p>
      <button
        type="button"
        class="tile-options"
        aria-label={pinWords}
        title={pinWords}
        onClick={() => model.pinShare(person, !pinned)}
      >
        <Icon name="pin" size={18} />
      </button>
    </div>
  );
}
