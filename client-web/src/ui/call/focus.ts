// Keeps the focus in the call: what had it may leave the screen, as a tile does with its person.

import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

/** When the focused element is taken out of `within`, `fallback` gets the focus instead of nothing. */
export function useFocusKept(within: RefObject<HTMLElement | null>, fallback: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const root = within.current;
    if (root === null) {
      return;
    }
    let last: Element | null = null;
    const remember = ({ target }: FocusEvent) => {
      last = target instanceof Element ? target : null;
    };
    const observer = new MutationObserver(() => {
      const lost = document.activeElement === null || document.activeElement === document.body;
      if (lost && last !== null && !last.isConnected) {
        last = null;
        fallback.current?.focus({ preventScroll: true });
      }
    });
    root.addEventListener("focusin", remember);
    observer.observe(root, { childList: true, subtree: true });
    return () => {
      root.removeEventListener("focusin", remember);
      observer.disconnect();
    };
  }, [within, fallback]);
}
