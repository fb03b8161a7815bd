import { describe, expect, it } from "vitest";
import { describeSuite } from "./suites.ts";
import { english } from "./text/english.ts";
import { bestLanguage, LANGUAGES } from "./text/languages.ts";
import { pluralOf } from "./text/words.ts";
import { text } from "./text.ts";

/** Every text of a language by its path; those with values are called with values that can be found again. */
function sentencesOf(words: unknown, path = ""): Map<string, string> {
  if (typeof words === "string") {
    return new Map([[path, words]]);
  }
  if (typeof words === "function") {
    const values = Array.from({ length: words.length }, (_, index) => 1_234 + index);
    return new Map([[path, String(words(...values))]]);
  }
  return new Map(Object.entries(words as object).flatMap(([key, inner]) => [...sentencesOf(inner, `${path}.${key}`)]));
}

describe("text", () => {
  it("keeps the accessible names that tests and scripts rely on", () => {
    expect(text.prejoin.nameLabel).toBe("Your name");
    expect(text.landing.newMeeting).toBe("New meeting");
    expect(text.prejoin.join).toBe("Join");
    const { mute, unmute, cameraOff, cameraOn, copyLink, participants, security, leave } = text.controls;
    expect([mute, unmute, cameraOff, cameraOn, copyLink, participants, security, leave]).toEqual([
      "Mute microphone",
      "Unmute microphone",
      "Turn off camera",
      "Turn on camera",
      "Copy link",
      "Participants",
      "Security",
      "Leave",
    ]);
    expect(text.participants.remove("Ana")).toBe("Remove Ana");
  });

  it("counts one and many by the rules of the language", () => {
    expect(text.call.notSecure(1)).toBe("1 person not secured");
    expect(text.call.notSecure(2)).toBe("2 people not secured");
    expect(text.security.holdersValue(1)).toBe("1 device, yours");
    const arabic = pluralOf("ar");
    const forms = { one: "one", two: "two", few: "few", many: "many", other: "other" };
    expect([1, 2, 3, 11, 100].map((count) => arabic(count, forms))).toEqual(["one", "two", "few", "many", "other"]);
  });
});

describe("the languages", () => {
  it.each(Object.entries(LANGUAGES))("%s has every text of English, and none is empty", async (tag, language) => {
    const texts = await language.load();
    expect(texts.locale).toBe(tag);
    const sentences = sentencesOf(texts);
    expect([...sentences.keys()].sort()).toEqual([...sentencesOf(english).keys()].sort());
    for (const [path, sentence] of sentences) {
      expect(sentence.trim(), path).not.toBe("");
      expect(sentence, path).not.toMatch(/undefined|NaN/u);
    }
  });

  it.each(Object.entries(LANGUAGES))("%s puts every value into its sentence", async (_, language) => {
    const ours = sentencesOf(english);
    const valuesIn = (words: string) => westernDigits(words).match(/1\D?23\d/gu)?.length ?? 0;
    for (const [path, sentence] of sentencesOf(await language.load())) {
      expect(valuesIn(sentence), path).toBe(valuesIn(ours.get(path) ?? ""));
    }
  });

  it("takes the first wanted language that there is, else English", () => {
    expect(bestLanguage(["tlh", "pt-BR", "de"])).toBe("pt");
    expect(bestLanguage(["AR-eg"])).toBe("ar");
    expect(bestLanguage(["tlh"])).toBe("en");
    expect(bestLanguage([])).toBe("en");
  });
});

function westernDigits(words: string): string {
  return words.replace(/[٠-٩]/gu, (digit) => String(digit.charCodeAt(0) - 0x660));
}

describe("describeSuite", () => {
  it("marks the post-quantum suite, however it is named", () => {
    for (const name of ["post_quantum", "0x004F", "79", "MLS_128_XWING_AES128GCM_SHA256_Ed25519"]) {
      expect(describeSuite(name).postQuantum).toBe(true);
    }
  });

  it("does not mark the classic suite or one it does not know", () => {
    for (const name of ["classic", "0x0001", "1", "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519", "0x0002"]) {
      expect(describeSuite(name).postQuantum).toBe(false);
    }
    expect(describeSuite("0x0002").name).toBe("0x0002");
  });
});
