// Copies the meeting's link and says for a moment that it did.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { text } from "../text.ts";
import type { CallModel } from "./model.ts";

/** How long the confirmation stays, in milliseconds. */
const SHOWN_MS = 2_500;

/** The copy action, and whether it has just been done. */
export function useCopyLink(model: CallModel): { readonly copied: boolean; readonly copy: () => void } {
  const copied = useSignal(0);
  const stamp = copied.value;
  useEffect(() => {
    if (stamp === 0) {
      return;
    }
    const timer = setTimeout(() => {
      copied.value = 0;
    }, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [stamp, copied]);
  const copy = () => {
    writeClipboard(model.link.href).then(
      () => {
        copied.value += 1;
        model.announce(text.controls.copied);
      },
      () => model.announce(text.controls.copyFailed, "problem"),
    );
  };
  return { copied: stamp > 0, copy };
}

async function writeClipboard(value: string): Promise<void> {
  await navigator.clipboard.writeText(value);
}
