// Safety numbers: one for each person, to compare once and to mark; and the choice to be known again.

import { useEffect, useId, useState } from "preact/hooks";
import type { Participant } from "../../index.ts";
import { Icon } from "../icon.tsx";
import { QrCode } from "../qr-code.tsx";
import { text } from "../text.ts";
import type { CallModel } from "./model.ts";
import { nameOf } from "./name.ts";

export function SafetyNumbers({ model }: { readonly model: CallModel }) {
  const others = model.people.value.filter((person) => !person.isSelf);
  return (
    <section class="safety">
      <h3>{text.trust.people}</h3>
      <p class="muted">{text.trust.peopleHelp}</p>
      {others.length > 0 && (
        <ul>
          {others.map((person) => (
            <li key={person.clientId}>
              <SafetyOf person={person} model={model} />
            </li>
          ))}
        </ul>
      )}
      <RememberDevice model={model} />
    </section>
  );
}

/** One person's line, which opens to their number. */
function SafetyOf({ person, model }: { readonly person: Participant; readonly model: CallModel }) {
  const [open, setOpen] = useState(false);
  const trust = model.trust.of(person);
  const name = nameOf(person);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <span translate={false} dir="auto">
          {name}
        </span>
        {trust === "verified" && <span class="tag good">{text.trust.verified}</span>}
        {trust === "changed" && <span class="tag bad">{text.trust.changedMark}</span>}
        {person.unheard && <span class="tag bad">{text.trust.unheardMark}</span>}
      </summary>
      {person.unheard && (
        <p class="safety-warning">
          <Icon name="shieldWarning" size={18} />
          <span>{text.trust.unheardHelp}</span>
        </p>
      )}
      {trust === "changed" && (
        <p class="safety-warning">
          <Icon name="shieldWarning" size={18} />
          <span>{text.trust.changedHelp}</span>
        </p>
      )}
      {/* Anew for each pair of keys: no number may stand there for another one. */}
      {open && <NumberOf key={`${person.identity?.key} ${model.self?.identity?.key}`} person={person} model={model} />}
    </details>
  );
}

function NumberOf({ person, model }: { readonly person: Participant; readonly model: CallModel }) {
  const { self, trust } = model;
  const [number, setNumber] = useState<string>();
  useEffect(() => {
    let wanted = true;
    void trust.numberWith(person, self)?.then((value) => wanted && setNumber(value));
    return () => {
      wanted = false;
    };
  }, [person, self, trust]);
  if (person.identity === undefined || self?.identity === undefined) {
    return <p>{text.trust.none}</p>;
  }
  if (number === undefined) {
    return <p class="muted">{text.trust.pending}</p>;
  }
  const verified = trust.of(person) === "verified";
  const lasting = person.identity.remembered && self.identity.remembered;
  return (
    <>
      <p class="safety-number" dir="ltr" translate={false}>
        {number}
      </p>
      <QrCode value={number} label={text.trust.qrOf(nameOf(person))} />
      <p class="muted">
        {lasting ? text.trust.lasting : person.identity.remembered ? text.trust.onceSelf : text.trust.once}
      </p>
      <button
        type="button"
        class={verified ? "button small" : "button small primary"}
        onClick={() => trust.setVerified(person, !verified)}
      >
        {verified ? text.trust.unverify : text.trust.verify}
      </button>
    </>
  );
}

function RememberDevice({ model: { trust } }: { readonly model: CallModel }) {
  const id = useId();
  const remembers = trust.remembersDevice.value;
  return (
    <>
      <label class="check">
        <input
          type="checkbox"
          checked={remembers === true}
          disabled={remembers === undefined}
          aria-describedby={id}
          onChange={(event) => void trust.setRemembersDevice(event.currentTarget.checked)}
        />
        <span>{text.trust.remember}</span>
      </label>
      <p id={id} class="muted">
        {text.trust.rememberHelp}
      </p>
    </>
  );
}
