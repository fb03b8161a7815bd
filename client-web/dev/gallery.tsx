// Shows the screens without a server: ?others=5&state=reconnecting&missing=RTCRtpScriptTransform

import { render } from "preact";
import type { CallState } from "../src/index.ts";
import "../src/ui/styles/index.css";
import { App } from "../src/ui/app.tsx";
import { FakeSdk } from "./fake-sdk.ts";

const wishes = new URLSearchParams(location.search);
const place = document.getElementById("app");
if (place !== null) {
  const sdk = new FakeSdk({
    others: Number(wishes.get("others") ?? 3),
    state: (wishes.get("state") ?? "in-call") as CallState,
    missing: wishes.getAll("missing"),
  });
  render(<App sdk={sdk} />, place);
}
