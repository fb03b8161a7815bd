// Keeps the focus in the call: what had it may leave the screen, as a tile does with its person, or be out of use.

import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

/**
 * When the focused element is taken out of `within` or disabled, what was around it gets the focus instead of nothing:
 * the nearest that still stands and can have it, as a panel or a list can, else `fallback`.
 */
export function useFocusKept(within: RefObject<HTMLElement | null>, fallback: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const root = within.current;
    if (root === null) {
      return;
    }
    let last: HTMLElement | undefined;
    /** From the inside out. What is taken out knows no longer where it stood. */
    let around: readonly HTMLElement[] = [];
    const remember = ({ target }: FocusEvent) => {
      last = target instanceof HTMLElement ? target : undefined;
      around = last === undefined ? [] : focusableAround(last, root);
    };
    const observer = new MutationObserver(() => {
      if (last === undefined || (last.isConnected && !last.matches(":disabled"))) {
        return;
      }
      const { activeElement } = document;
      // A browser takes the focus from what is disabled only later.
      if (activeElement === null || activeElement === document.body || activeElement === last) {
        last = undefined;
        const next = around.find((element) => element.isConnected && element.closest("[inert]") === null);
        (next ?? fallback.current)?.focus({ preventScroll: true });
      }
    });
    root.addEventListener("focusin", remember);
    observer.observe(root, { childList: true, subtree: true, attributeFilter: ["disabled"] });
    return () => {
      root.removeEventListener("focusin", remember);
      observer.disconnect();
    };
  }, [within, fallback]);
}

function focusableAround(element: HTMLElement, root: HTMLElement): readonly HTMLElement[] {
  const found: HTMLElement[] = [];
  for (let at = element.parentElement; at !== null && at !== root; at = at.parentElement) {
    if (at.hasAttribute("tabindex")) {
      found.push(at);
    }
  }
  return found;
}
