// What the screens outside a call share: the header with the product's name and the languages.

import { Mark } from "./icon.tsx";
import { LanguagePicker } from "./language-picker.tsx";
import { text } from "./text.ts";

/** The product's name; a button back to the start page where `onHome` is given. */
export function PageHeader({ onHome }: { readonly onHome?: () => void }) {
  const name = (
    <>
      <Mark />
      <span translate={false}>{text.product}</span>
    </>
  );
  return (
    <header class="page-header">
      {onHome === undefined ? (
        <div class="brand">{name}</div>
      ) : (
        <button type="button" class="brand" onClick={onHome}>
          {name}
        </button>
      )}
      <LanguagePicker compact />
    </header>
  );
}
