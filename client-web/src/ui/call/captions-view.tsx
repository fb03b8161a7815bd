// The latest phrases under the pictures, for whoever turned captions on.

import { text } from "../text.ts";
import type { CallModel } from "./model.ts";

export function CaptionsView({ model }: { readonly model: CallModel }) {
  const { captions } = model;
  if (!captions.shown.value) {
    return null;
  }
  const lines = captions.lines.value;
  return (
    <section class="captions" aria-label={text.captions.title}>
      {/* Not read aloud: who hears that hears the people themselves. */}
      {lines.map(({ from, number, text: words }) => (
        <p key={number}>
          <strong translate={false} dir="auto">
            {model.nameOf(from)}
          </strong>{" "}
          <span translate={false} dir="auto">
            {words}
          </span>
        </p>
      ))}
      {lines.length === 0 && <p>{text.captions.nothing}</p>}
    </section>
  );
}
