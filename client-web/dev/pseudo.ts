// A language for tests: every text of the client stands in ⟦ ⟧, longer and accented; what does not is written in the code.

import { english, type Texts } from "../src/ui/text/english.ts";

const PLAIN = "aeiouycnszAEIOUCNSZ";
const ACCENTED = "áëîøüÿçñšžÅÉÏÖÛĆŃŠŽ";

/** The pseudo-locale. The tag and the product's name stay as they are. */
export const pseudo: Texts = { ...(wrap(english) as Texts), locale: "en", product: english.product };

function wrap(value: unknown): unknown {
  if (typeof value === "string") {
    return mark(value.replace(/[a-z]/giu, (letter) => ACCENTED[PLAIN.indexOf(letter)] ?? letter));
  }
  if (typeof value === "function") {
    return (...values: unknown[]) => mark(String(value(...values)));
  }
  if (Array.isArray(value)) {
    return value.map(wrap);
  }
  return Object.fromEntries(Object.entries(value as object).map(([key, inner]) => [key, wrap(inner)]));
}

/** Translations are up to a third longer than English. */
function mark(words: string): string {
  return `⟦${words}${" ~~~".repeat(Math.ceil(words.length / 12))}⟧`;
}
