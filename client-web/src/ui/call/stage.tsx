// The grid of people, as large as the stage allows.

import { useSignal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { text } from "../text.ts";
import { bestGrid, type Grid } from "./grid.ts";
import type { CallModel } from "./model.ts";
import { Tile } from "./tile.tsx";
import { TileWatch } from "./tile-watch.ts";

/** Space between tiles in CSS pixels, on small and on large stages. */
const GAPS = { small: 6, large: 12, largeFrom: 700 };

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

  const people = model.people.value;
  const { width, height } = size.value;
  const gap = width >= GAPS.largeFrom ? GAPS.large : GAPS.small;
  const grid = bestGrid(people.length, { width, height, gap });
  const state = model.state.value;
  return (
    <div ref={stage} class="stage">
      {(state === "idle" || state === "connecting" || state === "full" || state === "waiting") && (
        <Progress state={state} />
      )}
      {width > 0 && people.length > 0 && (
        <section
          class={grid.scrolls ? "grid scrolls" : "grid"}
          aria-label={text.call.grid}
          // A scrolling region must be reachable by keyboard.
          tabIndex={grid.scrolls ? 0 : undefined}
          data-size={sizeClass(grid)}
          style={{
            "--tile-width": `${grid.tileWidth}px`,
            "--tile-height": `${grid.tileHeight}px`,
            "--avatar": `${Math.round(Math.min(grid.tileWidth, grid.tileHeight) * 0.4)}px`,
            "--gap": `${gap}px`,
          }}
        >
          {people.map((person) => (
            <Tile key={person.clientId} person={person} watch={watch} />
          ))}
        </section>
      )}
    </div>
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
  } as const;
}

/** How much a tile has room to say. */
function sizeClass({ tileWidth, tileHeight }: Grid): "small" | "large" {
  return tileWidth < 200 || tileHeight < 150 ? "small" : "large";
}
