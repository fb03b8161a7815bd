// The start page: opens a new meeting, or the one behind a pasted link.

import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { type MeetingLink, SHORTEST_PASSCODE } from "../index.ts";
import { ExpiryChoice, GuestsChoice } from "./call/link-terms.tsx";
import { Checkbox } from "./checkbox.tsx";
import { Icon, type IconName } from "./icon.tsx";
import { PageHeader } from "./page.tsx";
import { Picture } from "./picture.tsx";
import { text } from "./text.ts";

interface Properties {
  /** The address names a meeting but has lost its key. */
  readonly incomplete: boolean;
  /** Makes a meeting and remembers that it is this person's. */
  readonly onCreate: (options: HostOptions) => Promise<MeetingLink>;
  readonly onParse: (href: string) => MeetingLink | undefined;
  readonly onOpen: (link: MeetingLink) => void;
}

/** What a host may choose before the meeting. */
export interface HostOptions {
  readonly lobby: boolean;
  readonly passcode: string | undefined;
  readonly expires: number | undefined;
  readonly maxUses: number | undefined;
}

/** What went wrong on this page, by the name of its text. */
type Problem = "createFailed" | "linkInvalid" | "linkIncomplete" | "passcodeShort";

const POINT_ICONS: readonly IconName[] = ["shield", "key", "link"];

export function LandingScreen({ incomplete, onCreate, onParse, onOpen }: Properties) {
  const creating = useSignal(false);
  const problem = useSignal<Problem | undefined>(incomplete ? "linkIncomplete" : undefined);
  const lobby = useSignal(false);
  const passcode = useSignal("");
  const expires = useSignal<number | undefined>(undefined);
  const maxUses = useSignal<number | undefined>(undefined);
  const pasted = useSignal("");
  const ids = { input: useId(), problem: useId(), passcode: useId() };

  const create = async () => {
    if (creating.value) {
      return;
    }
    const words = passcode.value.trim();
    if (words !== "" && words.length < SHORTEST_PASSCODE) {
      problem.value = "passcodeShort";
      return;
    }
    creating.value = true;
    problem.value = undefined;
    try {
      const link = { expires: expires.value, maxUses: maxUses.value };
      onOpen(await onCreate({ lobby: lobby.value, passcode: words === "" ? undefined : words, ...link }));
    } catch {
      problem.value = "createFailed";
    } finally {
      creating.value = false;
    }
  };

  const open = (event: Event) => {
    event.preventDefault();
    const link = onParse(pasted.value.trim());
    if (link === undefined) {
      problem.value = "linkInvalid";
    } else {
      onOpen(link);
    }
  };

  return (
    <div class="page">
      <PageHeader />
      <main class="landing">
        <div class="landing-hero">
          <div>
            <h1 tabIndex={-1}>{text.landing.title}</h1>
            <p class="lead">{text.landing.lead}</p>
            <div class="landing-actions">
              <button type="button" class="button primary large" onClick={create} aria-busy={creating.value}>
                <Icon name="camera" />
                <span>{creating.value ? text.landing.creating : text.landing.newMeeting}</span>
              </button>
              <form class="landing-link" onSubmit={open} noValidate>
                <label class="visually-hidden" for={ids.input}>
                  {text.landing.linkLabel}
                </label>
                <input
                  id={ids.input}
                  type="url"
                  inputMode="url"
                  autocomplete="off"
                  spellcheck={false}
                  placeholder={text.landing.linkPlaceholder}
                  aria-invalid={problem.value !== undefined && pasted.value !== ""}
                  aria-describedby={ids.problem}
                  value={pasted.value}
                  onInput={(event) => {
                    pasted.value = event.currentTarget.value;
                  }}
                />
                <button type="submit" class="button" disabled={pasted.value.trim() === ""}>
                  {text.landing.openLink}
                </button>
              </form>
            </div>
            <details class="landing-options">
              <summary>{text.landing.options}</summary>
              <Checkbox
                label={text.landing.lobby}
                detail={text.landing.lobbyDetail}
                checked={lobby.value}
                onChange={(on) => {
                  lobby.value = on;
                }}
              />
              <label for={ids.passcode}>{text.landing.passcode}</label>
              <input
                id={ids.passcode}
                type="text"
                class="input"
                autocomplete="off"
                spellcheck={false}
                value={passcode.value}
                aria-describedby={ids.problem}
                onInput={(event) => {
                  passcode.value = event.currentTarget.value;
                }}
              />
              <small>{text.landing.passcodeDetail}</small>
              <ExpiryChoice
                until={expires.value}
                onPick={(until) => {
                  expires.value = until;
                }}
              />
              <GuestsChoice
                most={maxUses.value}
                onPick={(most) => {
                  maxUses.value = most;
                }}
              />
            </details>
            <p class="landing-check">
              <a href="#connection-test">{text.check.open}</a>
            </p>
            <p id={ids.problem} class="problem" role="alert">
              {problem.value !== undefined && text.landing[problem.value]}
            </p>
          </div>
          <Picture />
        </div>
        <ul class="landing-points">
          {text.landing.points.map((point, index) => (
            <li key={point.title}>
              <Icon name={POINT_ICONS[index] ?? "shield"} size={22} />
              <h2>{point.title}</h2>
              <p>{point.body}</p>
            </li>
          ))}
        </ul>
      </main>
    </div>
  );
}
