// The page that tests the connection before a meeting: what works, what that means, and a report to save.

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { PathResult } from "../../index.ts";
import { platformOf } from "../devices/platform.ts";
import { download } from "../download.ts";
import { Icon, type IconName } from "../icon.tsx";
import { PageHeader } from "../page.tsx";
import type { SdkPort } from "../port.ts";
import { text } from "../text.ts";
import { ConnectionCheck, type Findings, reportOf, type Step, verdictOf } from "./connection-check.ts";
import { callCodecs, patternTrack } from "./pattern.ts";

type Mark = "waiting" | "running" | "good" | "bad";

const ICONS: Readonly<Record<Mark, IconName>> = {
  waiting: "hourglass",
  running: "hourglass",
  good: "check",
  bad: "warning",
};

interface Properties {
  readonly sdk: SdkPort;
  readonly onHome: () => void;
}

export function CheckScreen({ sdk, onHome }: Properties) {
  const [check, setCheck] = useState(() => checkOf(sdk));
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  useLayoutEffect(() => {
    void check.run();
    return () => check.stop();
  }, [check]);
  const findings = check.findings.value;
  const verdict = verdictOf(findings);
  return (
    <div class="page">
      <PageHeader onHome={onHome} />
      <main class="notice-page">
        <div class="card check-card">
          <h1 ref={heading} tabIndex={-1}>
            {text.check.title}
          </h1>
          <p>{text.check.lead}</p>
          <ul class="check-list">
            <BrowserLine findings={findings} />
            <ServerLine step={findings.server} />
            <PathLine title={text.check.udp} step={findings.udp} />
            <PathLine title={text.check.tcp} step={findings.tcp} />
            <CallLine findings={findings} />
          </ul>
          <p class="check-verdict" role="status" data-good={verdict === "good"}>
            {verdict === undefined ? text.check.running : text.check.verdicts[verdict]}
          </p>
          <div class="card-actions">
            <button
              type="button"
              class="button primary"
              disabled={verdict === undefined}
              onClick={() =>
                download(new Blob([reportOf(check.findings.peek(), new Date())]), "conclave-connection.json")
              }
            >
              <Icon name="download" />
              <span>{text.check.save}</span>
            </button>
            <button
              type="button"
              class="button"
              disabled={verdict === undefined}
              onClick={() => setCheck(checkOf(sdk))}
            >
              {text.check.again}
            </button>
            <button type="button" class="button" onClick={onHome}>
              {text.ended.home}
            </button>
          </div>
          <p class="hint">
            <Icon name="lock" size={16} />
            <span>{text.check.redacted}</span>
          </p>
        </div>
      </main>
    </div>
  );
}

function checkOf(sdk: SdkPort): ConnectionCheck {
  const platform = platformOf(navigator.userAgent, navigator.maxTouchPoints);
  return new ConnectionCheck(sdk, { platform, codecs: callCodecs(), picture: patternTrack });
}

function BrowserLine({ findings }: { readonly findings: Findings }) {
  const { missing, codecs } = findings;
  return (
    <Line mark={missing.length > 0 ? "bad" : "good"} title={text.check.browser}>
      {missing.length > 0 ? missing.map((feature) => text.unsupported.features[feature]).join(", ") : text.check.works}{" "}
      <span translate={false}>{codecs.join(" ")}</span>
    </Line>
  );
}

function ServerLine({ step }: { readonly step: Step<number | undefined> }) {
  if (step.kind !== "done") {
    return <Line mark={step.kind} title={text.check.server} />;
  }
  return (
    <Line mark={step.found === undefined ? "bad" : "good"} title={text.check.server}>
      {step.found === undefined ? text.check.noAnswer : text.connection.ms(rounded(step.found))}
    </Line>
  );
}

function PathLine({ title, step }: { readonly title: string; readonly step: Step<PathResult> }) {
  if (step.kind !== "done") {
    return <Line mark={step.kind} title={title} />;
  }
  const { found } = step;
  if (!found.open) {
    return (
      <Line mark="bad" title={title}>
        {text.check.paths[found.why]}
      </Line>
    );
  }
  return (
    <Line mark="good" title={title}>
      {found.roundTripMs === undefined ? text.check.works : text.connection.ms(rounded(found.roundTripMs))}
    </Line>
  );
}

function CallLine({ findings: { call } }: { readonly findings: Findings }) {
  if (call.kind !== "done") {
    return <Line mark={call.kind} title={text.check.call} />;
  }
  if (call.found === undefined) {
    return (
      <Line mark="bad" title={text.check.call}>
        {text.check.noPicture}
      </Line>
    );
  }
  const { up, down, lossUp, lossDown } = call.found;
  const kilobits = (bits: number) => text.connection.rate(rounded(bits / 1_000));
  const percent = new Intl.NumberFormat(text.locale, { style: "percent", maximumFractionDigits: 1 });
  return (
    <Line mark="good" title={text.check.call}>
      {text.check.carried(kilobits(up), kilobits(down), percent.format(Math.max(lossUp, lossDown)))}
    </Line>
  );
}

interface LineProperties {
  readonly mark: Mark;
  readonly title: string;
  readonly children?: ComponentChildren;
}

function Line({ mark, title, children }: LineProperties) {
  return (
    <li data-mark={mark}>
      <Icon name={ICONS[mark]} size={18} />
      <span>
        <strong>{title}</strong> <span>{children ?? text.check.marks[mark]}</span>
      </span>
    </li>
  );
}

function rounded(value: number): string {
  return new Intl.NumberFormat(text.locale, { maximumFractionDigits: 0 }).format(value);
}
