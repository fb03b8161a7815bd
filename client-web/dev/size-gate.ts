// Fails a build whose first load is too large: the entry's script with all that it imports at once.

import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

/** `limit`: the most bytes of compressed script that a visitor loads before anything is shown. */
export function sizeGate(limit: number): Plugin {
  return {
    name: "size-gate",
    apply: "build",
    generateBundle(_, bundle) {
      const counted = new Set<string>();
      let bytes = 0;
      const count = (file: string) => {
        const output = bundle[file];
        if (counted.has(file) || output?.type !== "chunk") {
          return;
        }
        counted.add(file);
        bytes += gzipSync(output.code, { level: 9 }).length;
        output.imports.forEach(count);
      };
      for (const output of Object.values(bundle)) {
        if (output.type === "chunk" && output.isEntry) {
          count(output.fileName);
        }
      }
      const verdict = `${bytes} bytes of compressed script at once, ${limit} allowed`;
      if (bytes > limit) {
        this.error(verdict);
      }
      this.info(verdict);
    },
  };
}
