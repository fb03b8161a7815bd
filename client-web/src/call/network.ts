// Says when the device changes from one network to another.

/** The part of the Network Information API that tells it; phones have it. */
interface NetworkInformation extends EventTarget {
  readonly type?: string;
}

/** Calls `handler` when the device has another network, or one again, until the returned function is called. */
export function onNetworkChange(handler: () => void): () => void {
  const connection = (globalThis.navigator as { connection?: NetworkInformation } | undefined)?.connection;
  let type = connection?.type;
  const changed = () => {
    // It tells of every new estimate of the speed as well.
    if (connection?.type !== type) {
      type = connection?.type;
      handler();
    }
  };
  globalThis.addEventListener?.("online", handler);
  connection?.addEventListener?.("change", changed);
  return () => {
    globalThis.removeEventListener?.("online", handler);
    connection?.removeEventListener?.("change", changed);
  };
}
