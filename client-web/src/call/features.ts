// What a browser must have for a call that nobody else can hear.

/** Names of what this browser lacks; empty when it can take part. */
export function missingFeatures(): readonly string[] {
  const scope: Record<string, unknown> = globalThis as never;
  const needed: readonly (readonly [string, boolean])[] = [
    ["a secure context (https or localhost)", scope["isSecureContext"] === true],
    ["WebAssembly", typeof scope["WebAssembly"] === "object"],
    ["Web Workers", typeof scope["Worker"] === "function"],
    ["WebSocket", typeof scope["WebSocket"] === "function"],
    ["WebRTC (RTCPeerConnection)", typeof scope["RTCPeerConnection"] === "function"],
    ["encoded transforms (RTCRtpScriptTransform)", typeof scope["RTCRtpScriptTransform"] === "function"],
    ["codec preferences (setCodecPreferences)", hasMethod(scope["RTCRtpTransceiver"], "setCodecPreferences")],
    ["secure random numbers (crypto.getRandomValues)", hasMethod(scope["Crypto"], "getRandomValues")],
  ];
  return needed.filter(([, present]) => !present).map(([name]) => name);
}

function hasMethod(type: unknown, method: string): boolean {
  return typeof type === "function" && method in (type.prototype as object);
}
