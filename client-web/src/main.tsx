// The entry of the browser client: the screens on the real SDK.

import { render } from "preact";
import { Call, createMeeting, missingFeatures, parseLink, tryPath } from "./index.ts";
import { App } from "./ui/app.tsx";
import type { SdkPort } from "./ui/port.ts";
import { startLanguage } from "./ui/text.ts";
import { startTheme } from "./ui/theme.ts";
import "./ui/styles/index.css";

/** How long the server may take to answer the connection test. */
const SERVER_PATIENCE_MS = 10_000;

const server = new URL(location.origin);

const sdk: SdkPort = {
  createMeeting: (options) => createMeeting(server, options),
  parseLink: (href) => parseLink(href, server),
  missingFeatures,
  reachServer: async () => {
    const begin = performance.now();
    const answered = await fetch("/livez", { cache: "no-store", signal: AbortSignal.timeout(SERVER_PATIENCE_MS) }).then(
      (response) => response.ok,
      () => false,
    );
    return answered ? performance.now() - begin : undefined;
  },
  tryPath: (room, protocol) => tryPath(server, room, protocol),
  openCall: (options) => new Call({ ...options, server }),
};

const place = document.getElementById("app");
if (place !== null) {
  startTheme();
  await startLanguage();
  const embedded = location.pathname === "/embed" ? await import("./ui/embed/start.ts") : undefined;
  render(<App sdk={sdk} {...(embedded && { navigation: embedded.startEmbedded(sdk) })} />, place);
}
