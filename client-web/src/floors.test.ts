// The layers of the client: who may import whom.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const SOURCE = resolve(import.meta.dirname);

/** Each layer and what it may import besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  wire: [],
  signaling: ["base", "wire"],
  media: ["base", "wire"],
  e2ee: ["base", "wire"],
  files: ["base"],
  call: ["base", "wire", "signaling", "media", "e2ee", "files"],
};

function filesIn(layer: string): string[] {
  return readdirSync(join(SOURCE, layer), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !name.endsWith(".test.ts") && !name.startsWith("wasm/"))
    .map((name) => join(SOURCE, layer, name));
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(([, specifier = ""]) => specifier);
}

describe("the layers of the client", () => {
  for (const [layer, allowed] of Object.entries(MAY_IMPORT)) {
    it(`${layer} imports nothing but ${["itself", ...allowed].join(", ")}`, () => {
      const files = filesIn(layer);
      expect(files.length).toBeGreaterThan(0);
      for (const file of files) {
        for (const specifier of importsOf(file)) {
          expect(specifier, `${file} may import no package`).toMatch(/^\./);
          const target = relative(SOURCE, resolve(dirname(file), specifier)).split("/")[0] ?? "";
          expect([layer, ...allowed], `${relative(SOURCE, file)} imports ${specifier}`).toContain(target);
        }
      }
    });
  }

  it("no layer below the user interface touches the document", () => {
    for (const layer of Object.keys(MAY_IMPORT)) {
      for (const file of filesIn(layer)) {
        expect(readFileSync(file, "utf8"), relative(SOURCE, file)).not.toMatch(/\bdocument\.|\bwindow\./);
      }
    }
  });
});
