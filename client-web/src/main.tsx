// The entry of the browser client: the screens on the real SDK.

import { render } from "preact";
import { Call, createMeeting, missingFeatures, parseLink } from "./index.ts";
import { App } from "./ui/app.tsx";
import type { SdkPort } from "./ui/port.ts";
import { startLanguage } from "./ui/text.ts";
import { startTheme } from "./ui/theme.ts";
import "./ui/styles/index.css";

const server = new URL(location.origin);

const sdk: SdkPort = {
  createMeeting: (options) => createMeeting(server, options),
  parseLink: (href) => parseLink(href, server),
  missingFeatures,
  openCall: (options) => new Call({ ...options, server }),
};

const place = document.getElementById("app");
if (place !== null) {
  startTheme();
  await startLanguage();
  const embedded = location.pathname === "/embed" ? await import("./ui/embed/start.ts") : undefined;
  render(<App sdk={sdk} {...(embedded && { navigation: embedded.startEmbedded(sdk) })} />, place);
}
