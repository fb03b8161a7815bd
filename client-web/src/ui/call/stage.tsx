// The people and the shared screens on the stage: every tile in its place, and the pages where not all have room.

import { useSignal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../icon.tsx";
import { text } from "../text.ts";
import { arrange } from "./arrangement.ts";
import type { CallModel } from "./model.ts";
import { ShareTile } from "./share-tile.tsx";
import { Tile } from "./tile.tsx";
import { type Picture, TileWatch } from "./tile-watch.ts";
import { shareId } from "./view.ts";

/** Space between tiles in CSS pixels, on small and on large stages. */
const GAPS = { small: 6, large: 12, largeFrom: 700 };
/** What the page buttons take of the stage's height, in CSS pixels. */
const PAGER_HEIGHT = 44;

export function StageView({ model }: { readonly model: CallModel }) {
  const stage = useRef<HTMLDivElement>(null);
  const size = useSignal({ width: 0, height: 0 });
  const [watch] = useState(() => new TileWatch((tiles) => model.setTiles(tiles)));
  useEffect(() => () => watch.close(), [watch]);
  useEffect(() => {
    const element = stage.current;
    if (element === null) {
      return;
    }
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) {
        size.value = { width: entry.contentRect.width, height: entry.contentRect.height };
      }
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [size]);

  const { view } = model;
  const people = model.people.value;
  const { width, height } = size.value;
  const gap = width >= GAPS.largeFrom ? GAPS.large : GAPS.small;
  const cast = view.cast(people);
  const whole = arrange(cast, { width, height, gap }, view.page.value);
  const paged = whole.pages > 1;
  const { places, page, pages } = paged
    ? arrange(cast, { width, height: height - PAGER_HEIGHT, gap }, view.page.value)
    : whole;
  const away = people
    .filter((person) => !person.isSelf)
    .flatMap(({ clientId, share }): Picture[] => [
      ...(places.has(clientId) ? [] : [{ clientId }]),
      ...(share === undefined || places.has(shareId(clientId)) ? [] : [{ clientId, source: "screen_video" as const }]),
    ]);
  const equal = view.byVoice;
  useEffect(() => watch.setPage(away, equal), [watch, JSON.stringify(away), equal]);

  const state = model.state.value;
  return (
    <div ref={stage} class="stage">
      {(state === "idle" || state === "connecting" || state === "full" || state === "waiting" || state === "lobby") && (
        <Progress state={state} />
      )}
      {width > 0 && people.length > 0 && (
        <section class="grid" aria-label={text.call.grid}>
          {people.map((person) => {
            const { clientId, share } = person;
            const place = places.get(shareId(clientId));
            return (
              share !== undefined &&
              place !== undefined && (
                <ShareTile
                  key={shareId(clientId)}
                  person={person}
                  share={share}
                  model={model}
                  watch={watch}
                  place={place}
                />
              )
            );
          })}
          {people.map((person) => {
            const place = places.get(person.clientId);
            return (
              place !== undefined && (
                <Tile key={person.clientId} person={person} model={model} watch={watch} place={place} />
              )
            );
          })}
        </section>
      )}
      {paged && <Pager page={page} pages={pages} onPage={(wanted) => model.turnTo(wanted, pages)} />}
    </div>
  );
}

interface PagerProperties {
  readonly page: number;
  readonly pages: number;
  readonly onPage: (page: number) => void;
}

function Pager({ page, pages, onPage }: PagerProperties) {
  return (
    <nav class="pager" aria-label={text.view.page(page + 1, pages)}>
      {/* Not disabled at the ends: a button that goes away under the finger loses the focus. */}
      <button
        type="button"
        class="icon-button"
        aria-label={text.view.previousPage}
        aria-disabled={page === 0}
        onClick={() => onPage(Math.max(0, page - 1))}
      >
        <Icon name="previous" />
      </button>
      <span>{text.view.page(page + 1, pages)}</span>
      <button
        type="button"
        class="icon-button"
        aria-label={text.view.nextPage}
        aria-disabled={page === pages - 1}
        onClick={() => onPage(Math.min(pages - 1, page + 1))}
      >
        <Icon name="next" />
      </button>
    </nav>
  );
}

function Progress({ state }: { readonly state: keyof ReturnType<typeof progressWords> }) {
  const { title, detail } = progressWords()[state];
  return (
    <div class="progress" role="status">
      <span class="spinner" />
      <p class="progress-title">{title}</p>
      {detail !== undefined && <p>{detail}</p>}
    </div>
  );
}

/** What is said on the way into the call. */
function progressWords() {
  const { connecting, full, fullDetail, waiting, waitingDetail } = text.call;
  return {
    idle: { title: connecting, detail: undefined },
    connecting: { title: connecting, detail: undefined },
    full: { title: full, detail: fullDetail },
    waiting: { title: waiting, detail: waitingDetail },
    lobby: { title: text.lobby.waiting, detail: text.lobby.waitingDetail },
  } as const;
}
