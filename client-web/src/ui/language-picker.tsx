// Picks the language of the client; it is remembered.

import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { Icon } from "./icon.tsx";
import { isLanguage, LANGUAGES } from "./text/languages.ts";
import { pickedLanguage, pickLanguage, text } from "./text.ts";

interface Properties {
  /** Without a visible label, for a page's header. */
  readonly compact?: boolean;
  /** Says why the language stays as it is; without it the picker says so itself. */
  readonly onProblem?: (problem: string) => void;
}

export function LanguagePicker({ compact = false, onProblem }: Properties) {
  const id = useId();
  const failed = useSignal(false);
  const pick = async (tag: string) => {
    failed.value = false;
    try {
      await pickLanguage(isLanguage(tag) ? tag : "");
    } catch {
      failed.value = onProblem === undefined;
      onProblem?.(text.settings.languageFailed);
    }
  };
  return (
    <div class={compact ? "picker compact" : "picker"}>
      <label class="picker-label" for={id}>
        <Icon name="language" size={18} />
        <span class={compact ? "visually-hidden" : ""}>{text.settings.language}</span>
      </label>
      <select id={id} value={pickedLanguage.value} onChange={(event) => void pick(event.currentTarget.value)}>
        <option value="">{text.settings.languageOfBrowser}</option>
        {Object.entries(LANGUAGES).map(([tag, { name }]) => (
          <option key={tag} value={tag} lang={tag} translate={false}>
            {name}
          </option>
        ))}
      </select>
      {failed.value && (
        <p class="problem" role="alert">
          {text.settings.languageFailed}
        </p>
      )}
    </div>
  );
}
