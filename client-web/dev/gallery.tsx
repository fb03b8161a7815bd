// Shows the screens without a server: ?others=5&state=reconnecting&missing=webrtc&language=pseudo&theme=contrast

import { render } from "preact";
import type { CallState, Feature } from "../src/index.ts";
import "../src/ui/styles/index.css";
import { App } from "../src/ui/app.tsx";
import { isLanguage } from "../src/ui/text/languages.ts";
import { pickLanguage, showTexts, startLanguage } from "../src/ui/text.ts";
import { pickTheme, startTheme, THEMES } from "../src/ui/theme.ts";
import { FakeSdk } from "./fake-sdk.ts";
import { pseudo } from "./pseudo.ts";

const wishes = new URLSearchParams(location.search);
if (wishes.get("devices") === "blocked") {
  navigator.mediaDevices.getUserMedia = (wanted) =>
    Promise.reject(new DOMException("", wanted?.audio ? "NotAllowedError" : "NotReadableError"));
}
if (wishes.get("devices") === "missing") {
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "NotFoundError"));
}
const place = document.getElementById("app");
if (place !== null) {
  const sdk = new FakeSdk({
    others: Number(wishes.get("others") ?? 3),
    state: (wishes.get("state") ?? "in-call") as CallState,
    missing: wishes.getAll("missing") as Feature[],
  });
  startTheme();
  const theme = THEMES.find((known) => known === wishes.get("theme"));
  if (theme !== undefined) {
    pickTheme(theme);
  }
  const language = wishes.get("language") ?? "";
  if (language === "pseudo") {
    showTexts(pseudo, "ltr");
  } else if (isLanguage(language)) {
    await pickLanguage(language);
  } else {
    await startLanguage();
  }
  render(<App sdk={sdk} />, place);
}
