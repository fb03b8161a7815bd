// Finds the web addresses in a text, so that they can be clicked; everything else stays text.

/** A piece of a text: plain, or an address. */
export type Piece =
  | { readonly kind: "text"; readonly text: string }
  /** `href` is what is opened and, in its one unmistakable form, what is shown. */
  | { readonly kind: "link"; readonly href: string };

const ADDRESS = /\bhttps?:\/\/[^\s<>"'`\\]+/giu;
/** A sentence's punctuation behind an address is not part of it. */
const TAIL = /[.,;:!?…»”’]+$/u;

/** The pieces of a text, in order; joined, the plain ones are the text as it came. */
export function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0]);
    const url = URL.parse(address);
    if (url === null || (url.protocol !== "http:" && url.protocol !== "https:") || url.username !== "") {
      // "https://bank.example@evil.example" looks like what it is not.
      continue;
    }
    if (match.index > at) {
      pieces.push({ kind: "text", text: text.slice(at, match.index) });
    }
    pieces.push({ kind: "link", href: url.href });
    at = match.index + address.length;
  }
  if (at < text.length) {
    pieces.push({ kind: "text", text: text.slice(at) });
  }
  return pieces;
}

/** Without the punctuation of the sentence around it; a closing bracket stays where it was opened inside. */
function trimmed(match: string): string {
  let address = match.replace(TAIL, "");
  for (const [open, close] of ["()", "[]", "{}"].map((pair) => [...pair] as [string, string])) {
    while (address.endsWith(close) && address.split(close).length > address.split(open).length) {
      address = address.slice(0, -1).replace(TAIL, "");
    }
  }
  return address;
}
