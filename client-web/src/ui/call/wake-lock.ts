// Keeps the screen on during a call, where the browser can.

/** Holds the screen on until the returned function is called. */
export function keepAwake(): () => void {
  let lock: WakeLockSentinel | undefined;
  let over = false;
  const hold = async () => {
    if (document.visibilityState !== "visible" || !("wakeLock" in navigator)) {
      return;
    }
    try {
      const held = await navigator.wakeLock.request("screen");
      if (over) {
        await held.release();
      } else {
        lock = held;
      }
    } catch {
      // A low battery or a setting forbids it; the call goes on without.
    }
  };
  void hold();
  // The browser lets go of it when the page is hidden.
  document.addEventListener("visibilitychange", hold);
  return () => {
    over = true;
    document.removeEventListener("visibilitychange", hold);
    void lock?.release().catch(() => undefined);
  };
}
