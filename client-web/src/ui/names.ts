// How a name becomes the picture of a person without one: initials and a steady colour.

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** One or two characters that stand for a name; "?" when the name has none. */
export function initials(name: string): string {
  const words = name
    .trim()
    .split(/\s+/u)
    .filter((word) => /[\p{L}\p{N}\p{Emoji_Presentation}]/u.test(word));
  const first = words[0];
  if (first === undefined) {
    return "?";
  }
  const last = words.length > 1 ? words[words.length - 1] : undefined;
  return (firstCharacter(first) + (last === undefined ? "" : firstCharacter(last))).toLocaleUpperCase();
}

/** How many avatar colours the style sheet has (`data-tone` 0 to 7). */
export const AVATAR_TONES = 8;

/** The avatar colour of an id, the same on every screen of the call. */
export function tone(id: string): number {
  let hash = 0;
  for (const character of id) {
    hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  }
  return hash % AVATAR_TONES;
}

function firstCharacter(word: string): string {
  for (const { segment } of segmenter.segment(word)) {
    if (/[\p{L}\p{N}\p{Emoji_Presentation}]/u.test(segment)) {
      return segment;
    }
  }
  return "";
}
