// Shows how loud the microphone is, and says so when nothing is heard.

import { useEffect, useState } from "preact/hooks";
import { text } from "../text.ts";
import type { CaptureState } from "./capture.ts";
import { LevelMeter } from "./level.ts";

export function LevelView({ state }: { readonly state: CaptureState }) {
  const track = state.kind === "on" ? state.track : undefined;
  const [meter, setMeter] = useState<LevelMeter>();
  useEffect(() => {
    if (track === undefined) {
      return;
    }
    const made = new LevelMeter(track);
    setMeter(made);
    return () => {
      made.close();
      setMeter(undefined);
    };
  }, [track]);
  return meter === undefined ? <Bar share={0} /> : <LiveBar meter={meter} />;
}

function LiveBar({ meter }: { readonly meter: LevelMeter }) {
  return (
    <>
      <Bar share={meter.level.value} />
      <p class="hint" role="status">
        {meter.silent.value ? text.prejoin.silent : ""}
      </p>
    </>
  );
}

/** How many segments the meter has. */
const SEGMENTS = 16;

function Bar({ share }: { readonly share: number }) {
  const percent = Math.round(share * 100);
  const lit = Math.round(share * SEGMENTS);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a meter element cannot be drawn in segments.
    <div
      class="level"
      role="meter"
      aria-label={text.prejoin.level}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
    >
      {Array.from({ length: SEGMENTS }, (_, index) => (
        <span key={index} class={index < lit ? "lit" : ""} />
      ))}
    </div>
  );
}
