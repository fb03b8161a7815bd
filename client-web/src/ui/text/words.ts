// What the languages share: plurals by the rules of each one, and the shape of what is said about devices.

import type { DeviceProblem } from "../devices/problem.ts";

/** What is said about each thing that can be wrong with a device. */
export type DeviceProblemWords = Readonly<
  Record<Exclude<DeviceProblem, "unblurred">, { readonly title: string; readonly help: string }>
>;

/** One text per plural category of a language (CLDR); `other` stands in for those that are not given. */
export type PluralForms = Readonly<Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }>;

/** Picks the form for a count and puts the number in the place of "#". */
export function pluralOf(locale: string): (count: number, forms: PluralForms) => string {
  const rules = new Intl.PluralRules(locale);
  const numbers = new Intl.NumberFormat(locale);
  return (count, forms) => (forms[rules.select(count)] ?? forms.other).replace("#", numbers.format(count));
}

/** Writes whole numbers as the language does. */
export function numberOf(locale: string): (number: number) => string {
  const numbers = new Intl.NumberFormat(locale);
  return (number) => numbers.format(number);
}
