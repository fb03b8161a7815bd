import { describe, expect, it } from "vitest";
import { piecesOf } from "./links.ts";

const links = (text: string) => piecesOf(text).flatMap((piece) => (piece.kind === "link" ? [piece.href] : []));

describe("the addresses in a text", () => {
  it("are found between words and without the punctuation of the sentence", () => {
    expect(piecesOf("See https://example.org/a?b=1#c, then (http://example.com/x_(y)).")).toEqual([
      { kind: "text", text: "See " },
      { kind: "link", href: "https://example.org/a?b=1#c" },
      { kind: "text", text: ", then (" },
      { kind: "link", href: "http://example.com/x_(y)" },
      { kind: "text", text: ")." },
    ]);
  });

  it.each([
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "ftp://example.org/",
    "https://bank.example@evil.example/",
    "https://",
    "HTTPS",
    "",
  ])("are nothing else: %s", (text) => {
    expect(links(text)).toEqual([]);
    expect(
      piecesOf(text)
        .map((piece) => (piece.kind === "text" ? piece.text : "?"))
        .join(""),
    ).toBe(text);
  });

  it("are shown in a form that no look-alike letters can fake", () => {
    expect(links("https://аpple.com/")).toEqual(["https://xn--pple-43d.com/"]);
  });

  it("end before markup", () => {
    expect(links('https://example.org/"onclick="alert(1)')).toEqual(["https://example.org/"]);
    expect(links("https://example.org/<script>")).toEqual(["https://example.org/"]);
  });
});
