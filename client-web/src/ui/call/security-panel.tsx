// What a person can check: the call code, the keys, what changed, and what the server sees.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { ChangeLogEntry } from "../../index.ts";
import { Icon, type IconName } from "../icon.tsx";
import { QrCode } from "../qr-code.tsx";
import { describeSuite } from "../suites.ts";
import { clockLocale, text } from "../text.ts";
import type { CallModel } from "./model.ts";
import { SafetyNumbers } from "./safety.tsx";
import { sizeOf } from "./size.ts";

export function SecurityPanel({ model }: { readonly model: CallModel }) {
  const epoch = model.epoch.value;
  const suite = model.suite.value === undefined ? undefined : describeSuite(model.suite.value);
  return (
    <>
      <section class="code-card">
        <h3>{text.security.code}</h3>
        <CallCode code={model.code.value} />
        <p>{text.security.codeHelp}</p>
      </section>
      <dl class="facts">
        <Fact name={text.security.holders}>{text.security.holdersValue(model.people.value.length)}</Fact>
        {suite !== undefined && (
          <Fact name={text.security.suite}>
            <span translate={false} dir="ltr">
              {suite.name}
            </span>{" "}
            {suite.postQuantum && <span class="tag good">{text.security.postQuantum}</span>}
          </Fact>
        )}
        {epoch !== undefined && <Fact name={text.security.epoch}>{text.security.epochValue(epoch)}</Fact>}
      </dl>
      <SafetyNumbers model={model} />
      <section>
        <h3>{text.security.log}</h3>
        <Log entries={model.log.value} />
      </section>
      <section class="sees">
        <h3>{text.security.serverSees}</h3>
        <List items={ledgerOf(model)} />
        <h3>{text.security.serverCannot}</h3>
        <List items={text.security.serverCannotItems} />
        <p class="muted">{text.security.limit}</p>
      </section>
    </>
  );
}

function CallCode({ code }: { readonly code: string | undefined }) {
  const [asPicture, setAsPicture] = useState(false);
  if (code === undefined) {
    return <p class="code-pending">{text.security.codePending}</p>;
  }
  return (
    <>
      <p class="code" data-testid="call-code" dir="ltr" translate={false}>
        {code}
      </p>
      {asPicture && <QrCode value={code} label={text.trust.qr} />}
      <button type="button" class="button small" aria-pressed={asPicture} onClick={() => setAsPicture(!asPicture)}>
        {text.trust.showQr}
      </button>
    </>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function List({ items }: { readonly items: readonly string[] }) {
  return (
    <ul>
      {items.map((item) => (
        <li key={item}>{item}</li>
      ))}
    </ul>
  );
}

const LOG_ICONS: Record<ChangeLogEntry["kind"], IconName> = {
  joined: "joined",
  left: "left",
  keys: "key",
  lost: "offline",
  recovered: "check",
};

function Log({ entries }: { readonly entries: readonly ChangeLogEntry[] }) {
  if (entries.length === 0) {
    return <p class="muted">{text.security.logEmpty}</p>;
  }
  const clock = new Intl.DateTimeFormat(clockLocale(), { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return (
    <ol class="log">
      {entries
        .map((entry, index) => (
          <li key={`${index}-${entry.at}`}>
            <span class="log-icon">
              <Icon name={LOG_ICONS[entry.kind]} size={16} />
            </span>
            <span>
              {lineOf(entry)}
              <small>
                <time translate={false} dateTime={new Date(entry.at).toISOString()}>
                  {clock.format(entry.at)}
                </time>
                {entry.epoch !== undefined && ` · ${text.security.epochShort(entry.epoch)}`}
              </small>
            </span>
          </li>
        ))
        .reverse()}
    </ol>
  );
}

/** What the server can know of this participant now, in figures where there are some. */
function ledgerOf(model: CallModel): string[] {
  const { ledger } = text.security;
  const traffic = model.traffic.value;
  const flow = (words: (size: string, packets: number) => string, counted: { bytes: number; packets: number }) =>
    words(sizeOf(counted.bytes), counted.packets);
  return [
    traffic?.address === undefined ? ledger.address : ledger.addressOf(traffic.address),
    ledger.room(model.link.room),
    ledger.people(model.people.value.length),
    ...(model.epoch.value === undefined ? [] : [ledger.changes(model.epoch.value)]),
    ...(traffic === undefined
      ? []
      : [
          flow(ledger.sound, traffic.soundSent),
          flow(ledger.pictures, traffic.pictureSent),
          flow(ledger.received, traffic.received),
        ]),
    ledger.roles,
    ledger.sizes,
    ledger.messages,
  ];
}

function lineOf({ kind, name = text.call.unknown, by, external = false }: ChangeLogEntry): string {
  const { logLine } = text.security;
  switch (kind) {
    case "joined":
      if (external) {
        return logLine.cameBack(name);
      }
      return by === undefined ? logLine.joined(name) : logLine.joinedBy(name, by);
    case "left":
      return by === undefined ? logLine.left(name) : logLine.leftBy(name, by);
    case "keys":
      return by === undefined ? logLine.keys : logLine.keysBy(by);
    case "lost":
      return logLine.lost;
    case "recovered":
      return logLine.recovered;
  }
}
