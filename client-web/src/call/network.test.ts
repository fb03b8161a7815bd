import { afterEach, describe, expect, it, vi } from "vitest";
import { onNetworkChange } from "./network.ts";

/** A phone's browser: what changes is told by its connection. */
class TestConnection extends EventTarget {
  constructor(public type: string) {
    super();
  }
}

afterEach(() => {
  vi.unstubAllGlobals();
});

function listen(connection?: TestConnection) {
  const page = new EventTarget();
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
  vi.stubGlobal("navigator", { connection });
  const handler = vi.fn();
  return { page, handler, off: onNetworkChange(handler) };
}

describe("a change of network", () => {
  it("is one to another kind of network, not another estimate of its speed", () => {
    const connection = new TestConnection("wifi");
    const { handler, off } = listen(connection);
    connection.dispatchEvent(new Event("change"));
    expect(handler).not.toHaveBeenCalled();
    connection.type = "cellular";
    connection.dispatchEvent(new Event("change"));
    connection.dispatchEvent(new Event("change"));
    expect(handler).toHaveBeenCalledTimes(1);
    off();
    connection.type = "wifi";
    connection.dispatchEvent(new Event("change"));
    expect(handler).toHaveBeenCalledTimes(1);
  });

  it("is the end of being offline, also where the browser tells nothing else", () => {
    const { page, handler, off } = listen();
    page.dispatchEvent(new Event("online"));
    expect(handler).toHaveBeenCalledTimes(1);
    off();
    page.dispatchEvent(new Event("online"));
    expect(handler).toHaveBeenCalledTimes(1);
  });
});
