// One WebSocket as the signaling socket sees it; tests bring their own.

/** What a connection tells. After `closed` nothing more comes. */
export interface TransportHandlers {
  opened(): void;
  received(text: string): void;
  closed(): void;
}

/** One connection attempt and the connection it becomes. */
export interface Transport {
  send(text: string): void;
  /** Ends it; no handler is called any more. */
  close(): void;
}

/** Opens a connection. */
export type Connect = (url: string, subprotocol: string, handlers: TransportHandlers) => Transport;

/** The browser's WebSocket. */
export const webSocketTransport: Connect = (url, subprotocol, handlers) => {
  const socket = new WebSocket(url, subprotocol);
  let live = true;
  const end = () => {
    if (live) {
      live = false;
      handlers.closed();
    }
  };
  socket.onopen = () => {
    if (live) {
      handlers.opened();
    }
  };
  socket.onmessage = (event: MessageEvent<unknown>) => {
    if (live && typeof event.data === "string") {
      handlers.received(event.data);
    }
  };
  socket.onclose = end;
  socket.onerror = end;
  return {
    send: (text) => socket.send(text),
    close: () => {
      live = false;
      socket.close();
    },
  };
};

/** Whether an HTTP server answers at `url` within `patienceMs`. */
export async function reachable(url: string, patienceMs: number): Promise<boolean> {
  try {
    await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(patienceMs) });
    return true;
  } catch {
    return false;
  }
}
