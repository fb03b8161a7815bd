// The languages of the client: which there are, which one to begin with, and how each is loaded.

import { english, type Texts } from "./english.ts";

/** One language. All but English are files of their own that only those who read them load. */
interface Language {
  /** Its name in itself. */
  readonly name: string;
  readonly direction: "ltr" | "rtl";
  readonly load: () => Promise<Texts>;
}

export const LANGUAGES = {
  en: { name: "English", direction: "ltr", load: () => Promise.resolve(english) },
  de: { name: "Deutsch", direction: "ltr", load: async () => (await import("./german.ts")).german },
  fr: { name: "Français", direction: "ltr", load: async () => (await import("./french.ts")).french },
  es: { name: "Español", direction: "ltr", load: async () => (await import("./spanish.ts")).spanish },
  pt: { name: "Português", direction: "ltr", load: async () => (await import("./portuguese.ts")).portuguese },
  ar: { name: "العربية", direction: "rtl", load: async () => (await import("./arabic.ts")).arabic },
} as const satisfies Record<string, Language>;

/** The tag of a language that the client speaks. */
export type LanguageTag = keyof typeof LANGUAGES;

/** Whether the client speaks it. */
export function isLanguage(tag: string): tag is LanguageTag {
  return Object.hasOwn(LANGUAGES, tag);
}

/** The first of the wanted languages (BCP 47, most wanted first) that the client speaks, else English. */
export function bestLanguage(wanted: readonly string[]): LanguageTag {
  for (const tag of wanted) {
    const primary = tag.toLowerCase().split("-")[0] ?? "";
    if (isLanguage(primary)) {
      return primary;
    }
  }
  return "en";
}
