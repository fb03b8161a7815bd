// The words on the screen, in the language of now; a component that reads them is drawn again when it changes.

import { type ReadonlySignal, signal } from "@preact/signals";
import { recall, remember } from "./devices/memory.ts";
import { english, type Texts } from "./text/english.ts";
import { bestLanguage, isLanguage, LANGUAGES, type LanguageTag } from "./text/languages.ts";

const shown = signal<Texts>(english);
const picked = signal<LanguageTag | "">("");
/** Loads may end in another order than they began; only the last one counts. */
let lastLoad = 0;

/** The texts of the present language, section by section. */
export const text: Texts = new Proxy(english, {
  get: (_, section) => shown.value[section as keyof Texts],
});

/** The language that the person picked; "" when it follows the browser. */
export const pickedLanguage: ReadonlySignal<LanguageTag | ""> = picked;

/** Speaks the remembered language, else the browser's. */
export async function startLanguage(): Promise<void> {
  const remembered = recall("language");
  picked.value = isLanguage(remembered) ? remembered : "";
  // English is always there.
  await load(picked.value).catch(() => undefined);
}

/** Speaks another language from now on and in the next meeting ("" follows the browser). Throws when it cannot be loaded. */
export async function pickLanguage(tag: LanguageTag | ""): Promise<void> {
  await load(tag);
  picked.value = tag;
  remember("language", tag);
}

/** Puts these texts on the screen. */
export function showTexts(texts: Texts, direction: "ltr" | "rtl"): void {
  document.documentElement.lang = texts.locale;
  document.documentElement.dir = direction;
  shown.value = texts;
}

/** The tag for times of day: the browser's where it is of the shown language, for its region's clock. */
export function clockLocale(): string {
  return navigator.languages.find((tag) => tag.split("-")[0] === text.locale) ?? text.locale;
}

async function load(tag: LanguageTag | ""): Promise<void> {
  lastLoad += 1;
  const mine = lastLoad;
  const { load: loadTexts, direction } = LANGUAGES[tag === "" ? bestLanguage(navigator.languages) : tag];
  const texts = await loadTexts();
  if (mine === lastLoad) {
    showTexts(texts, direction);
  }
}
