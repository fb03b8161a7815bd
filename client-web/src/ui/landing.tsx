// The start page: opens a new meeting, or the one behind a pasted link.

import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import type { MeetingLink } from "../index.ts";
import { Icon, type IconName } from "./icon.tsx";
import { PageHeader } from "./page.tsx";
import { Picture } from "./picture.tsx";
import { text } from "./text.ts";

interface Properties {
  /** The address names a meeting but has lost its key. */
  readonly incomplete: boolean;
  /** Makes a meeting and remembers that it is this person's. */
  readonly onCreate: () => Promise<MeetingLink>;
  readonly onParse: (href: string) => MeetingLink | undefined;
  readonly onOpen: (link: MeetingLink) => void;
}

/** What went wrong on this page, by the name of its text. */
type Problem = "createFailed" | "linkInvalid" | "linkIncomplete";

const POINT_ICONS: readonly IconName[] = ["shield", "key", "link"];

export function LandingScreen({ incomplete, onCreate, onParse, onOpen }: Properties) {
  const creating = useSignal(false);
  const problem = useSignal<Problem | undefined>(incomplete ? "linkIncomplete" : undefined);
  const pasted = useSignal("");
  const ids = { input: useId(), problem: useId() };

  const create = async () => {
    if (creating.value) {
      return;
    }
    creating.value = true;
    problem.value = undefined;
    try {
      onOpen(await onCreate());
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
            <h1>{text.landing.title}</h1>
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
