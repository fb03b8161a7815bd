// Light, dark or high contrast: as the system says, or as the person picked; the choice is remembered.

import { type ReadonlySignal, signal } from "@preact/signals";
import { recall, remember } from "./devices/memory.ts";

/** The looks that a person can pick from; "system" follows the system. */
export const THEMES = ["system", "light", "dark", "contrast"] as const;
export type Theme = (typeof THEMES)[number];

const picked = signal<Theme>("system");

/** What the person picked. */
export const pickedTheme: ReadonlySignal<Theme> = picked;

/** Shows the remembered look, and follows the system where there is none. */
export function startTheme(): void {
  const remembered = THEMES.find((theme) => theme === recall("theme"));
  show(remembered ?? "system");
  for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"]) {
    matchMedia(query).addEventListener("change", () => show(picked.value));
  }
}

/** Shows this look from now on and in the next meeting. */
export function pickTheme(theme: Theme): void {
  remember("theme", theme === "system" ? "" : theme);
  show(theme);
}

function show(theme: Theme): void {
  picked.value = theme;
  // Forced colours win over every palette, so that more contrast there needs no other one.
  const wanted = theme === "system" && matchMedia("(prefers-contrast: more)").matches ? "contrast" : theme;
  if (wanted === "system") {
    delete document.documentElement.dataset["theme"];
  } else {
    document.documentElement.dataset["theme"] = wanted;
  }
  const { backgroundColor } = getComputedStyle(document.body);
  for (const meta of document.querySelectorAll<HTMLMetaElement>("meta[name=theme-color]")) {
    meta.content = backgroundColor;
  }
}
