// What a browser must have for a call that nobody else can hear.

/** Something a call cannot do without. */
export type Feature =
  | "secure-context"
  | "webassembly"
  | "workers"
  | "websocket"
  | "webrtc"
  | "encoded-transforms"
  | "codec-preferences"
  | "random";

/** What this browser lacks; empty when it can take part. */
export function missingFeatures(): readonly Feature[] {
  const scope: Record<string, unknown> = globalThis as never;
  const needed: readonly (readonly [Feature, boolean])[] = [
    ["secure-context", scope["isSecureContext"] === true],
    ["webassembly", typeof scope["WebAssembly"] === "object"],
    ["workers", typeof scope["Worker"] === "function"],
    ["websocket", typeof scope["WebSocket"] === "function"],
    ["webrtc", typeof scope["RTCPeerConnection"] === "function"],
    ["encoded-transforms", typeof scope["RTCRtpScriptTransform"] === "function"],
    ["codec-preferences", hasMethod(scope["RTCRtpTransceiver"], "setCodecPreferences")],
    ["random", hasMethod(scope["Crypto"], "getRandomValues")],
  ];
  return needed.filter(([, present]) => !present).map(([name]) => name);
}

function hasMethod(type: unknown, method: string): boolean {
  return typeof type === "function" && method in (type.prototype as object);
}
