// The gate on the client's first load: what it counts, and that a build can fail on it.
import { randomBytes } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "vite";
import { describe, expect, it } from "vitest";
import { firstLoads, sizeGate } from "../dev/size-gate.ts";

const chunk = (code: string, imports: string[] = [], isEntry = false) => ({
  type: "chunk" as const,
  code,
  imports,
  isEntry,
});

describe("the gate on the first load", () => {
  it("counts each entry with all that it imports at once, each file once, and nothing lazy", () => {
    const noise = () => randomBytes(3_000).toString("base64");
    const loads = firstLoads({
      "index.js": chunk(noise(), ["a.js", "b.js"], true),
      "a.js": chunk(noise(), ["b.js", "index.js"]),
      "b.js": chunk(noise()),
      "lazy.js": chunk(noise()),
      "embed.js": chunk("", [], true),
      "index.css": { type: "asset" },
    });
    expect([...loads.keys()]).toEqual(["index.js", "embed.js"]);
    expect(loads.get("index.js")).toBeGreaterThan(9_000);
    expect(loads.get("index.js")).toBeLessThan(10_000);
    expect(loads.get("embed.js")).toBeLessThan(100);
  });

  it("fails a build that is too large and no other", async () => {
    const folder = mkdtempSync(join(tmpdir(), "size-gate-"));
    writeFileSync(join(folder, "index.js"), `console.log(${JSON.stringify(randomBytes(3_000).toString("base64"))})`);
    const run = (limit: number) =>
      build({
        configFile: false,
        root: folder,
        logLevel: "silent",
        plugins: [sizeGate(limit)],
        build: { write: false, rollupOptions: { input: join(folder, "index.js") } },
      });
    await expect(run(2_000)).rejects.toThrow("2000 allowed");
    await run(5_000);
  });
});
