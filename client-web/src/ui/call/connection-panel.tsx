// The connection in figures, and in one sentence what keeps it from being better.

import type { ComponentChildren } from "preact";
import { Icon } from "../icon.tsx";
import { text } from "../text.ts";
import type { CallModel } from "./model.ts";

export function ConnectionPanel({ model }: { readonly model: CallModel }) {
  const quality = model.quality.value;
  if (quality === undefined) {
    return <p class="muted">{text.connection.measuring}</p>;
  }
  const { cause, down, up, lossDown, lossUp, delayMs, protocol } = quality;
  const whole = new Intl.NumberFormat(text.locale, { maximumFractionDigits: 0 });
  const share = new Intl.NumberFormat(text.locale, { style: "percent", maximumFractionDigits: 1 });
  const rate = (bits: number) => text.connection.rate(whole.format(bits / 1_000));
  return (
    <>
      <p class="verdict" data-kind={cause === "good" ? "good" : "weak"}>
        <Icon name={cause === "good" ? "check" : "warning"} />
        <span>{text.connection.causes[cause]}</span>
      </p>
      <dl class="facts">
        <Fact name={text.connection.down}>{rate(down)}</Fact>
        <Fact name={text.connection.up}>{rate(up)}</Fact>
        <Fact name={text.connection.lossDown}>{share.format(lossDown)}</Fact>
        <Fact name={text.connection.lossUp}>{share.format(lossUp)}</Fact>
        {delayMs !== undefined && <Fact name={text.connection.delay}>{text.connection.ms(whole.format(delayMs))}</Fact>}
        {protocol !== undefined && (
          <Fact name={text.connection.path}>
            <span translate={false}>{protocol.toUpperCase()}</span>
          </Fact>
        )}
      </dl>
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
