// When messages go: what a host sets for all, and what one wishes for one's own.

import { useId } from "preact/hooks";
import type { Ending } from "../../index.ts";
import { Popup } from "../popup.tsx";
import { text } from "../text.ts";
import { durationOf } from "./ending-words.ts";
import type { CallModel } from "./model.ts";

/** Lifetimes to pick from, in seconds. */
const LIFETIMES = [60, 300, 3_600, 28_800, 86_400] as const;

export function EndingMenu({ model }: { readonly model: CallModel }) {
  const { talk } = model;
  const { isHost } = model.moderation;
  const rule = talk.rule.value;
  const wish = talk.wish.value;
  return (
    <Popup icon="timer" iconSize={18} class="icon-button" label={text.ending.title}>
      {() => (
        <div class="ending-menu">
          {isHost && (
            <fieldset>
              <legend>{text.ending.forAll}</legend>
              <Choices
                ending={rule}
                most={undefined}
                onPick={(ending) => talk.setRule({ ...ending, burn: ending.burn === true })}
              />
            </fieldset>
          )}
          <fieldset>
            <legend>{text.ending.forMine}</legend>
            <Choices ending={wish} most={rule.lifetime} onPick={(ending) => talk.setWish(ending)} />
            {rule.burn && <p>{text.ending.allBurn}</p>}
          </fieldset>
          <p>{text.ending.honest}</p>
        </div>
      )}
    </Popup>
  );
}

interface ChoicesProperties {
  readonly ending: Ending;
  /** The longest lifetime that there may be, in seconds. */
  readonly most: number | undefined;
  readonly onPick: (ending: Ending) => void;
}

function Choices({ ending: { lifetime, burn }, most, onPick }: ChoicesProperties) {
  const id = useId();
  const shown = LIFETIMES.filter((seconds) => most === undefined || seconds < most);
  return (
    <>
      <label for={id}>{text.ending.after}</label>
      <select
        id={id}
        value={lifetime !== undefined && (most === undefined || lifetime < most) ? String(lifetime) : ""}
        onChange={({ currentTarget: { value } }) =>
          onPick({ burn, ...(value !== "" && { lifetime: Number.parseInt(value, 10) }) })
        }
      >
        <option value="" translate={most === undefined}>
          {most === undefined ? text.ending.never : durationOf(most)}
        </option>
        {shown.map((seconds) => (
          <option key={seconds} value={String(seconds)} translate={false}>
            {durationOf(seconds)}
          </option>
        ))}
      </select>
      <label class="ending-burn">
        <input
          type="checkbox"
          checked={burn === true}
          onChange={({ currentTarget: { checked } }) =>
            onPick({ burn: checked, ...(lifetime !== undefined && { lifetime }) })
          }
        />
        <span>{text.ending.burn}</span>
      </label>
    </>
  );
}
