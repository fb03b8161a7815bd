// The embedding page: a meeting that the page around the frame may steer with messages, if it was named.

import { type CommandProblem, type FromFrame, PROTOCOL, readFrameAddress, readToFrame } from "../../embed/protocol.ts";
import { Navigation } from "../navigation.ts";
import type { SdkPort } from "../port.ts";
import { EmbedFrame } from "./frame.ts";

/** Takes the frame's address apart and listens to the page around. The address stays as it is. */
export function startEmbedded(sdk: SdkPort): Navigation {
  // What is in the query is not read: a secret there would have been sent to the server.
  const { origins, begin } = readFrameAddress(location.hash);
  const link = begin.link === undefined ? undefined : sdk.parseLink(begin.link);
  const place = {
    href: link?.href ?? location.origin,
    push(href: string) {
      place.href = new URL(href, location.origin).href;
    },
    replace(href: string) {
      place.href = new URL(href, location.origin).href;
    },
  };
  const navigation = new Navigation(sdk, place);
  if (link !== undefined && navigation.screen.value.kind === "prejoin") {
    navigation.open(link, begin);
  }
  if (window.parent !== window && origins.length > 0) {
    serve(new Set(origins), navigation, sdk);
  }
  return navigation;
}

/** Only the page right around the frame is listened to, and only if its origin is one of these. */
function serve(origins: ReadonlySet<string>, navigation: Navigation, sdk: SdkPort): void {
  const host = window.parent;
  // The browser delivers a message only to the origin that it is for.
  const post = (message: FromFrame) => {
    for (const origin of origins) {
      host.postMessage(message, origin);
    }
  };
  const frame = new EmbedFrame(
    navigation,
    (href) => sdk.parseLink(href),
    (event, detail) => post({ conclave: PROTOCOL, event, detail } as FromFrame),
  );
  addEventListener("message", ({ source, origin, data }) => {
    const message = source === host && origins.has(origin) ? readToFrame(data) : undefined;
    if (message === undefined) {
      return;
    }
    const answer = (problem: CommandProblem | null) =>
      host.postMessage({ conclave: PROTOCOL, answer: message.id, problem } satisfies FromFrame, origin);
    if (message.command === null) {
      answer("bad-command");
    } else {
      frame.handle(message.command).then(answer, () => answer("failed"));
    }
  });
  post({ conclave: PROTOCOL, event: "ready", detail: {} });
  frame.watch();
}
