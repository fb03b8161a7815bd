// Fails a build whose first load is too large: an entry's script with all that it imports at once.

import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

/** What the gate looks at of a built file. */
export interface BuiltFile {
  readonly type: "chunk" | "asset";
  readonly code?: string;
  readonly isEntry?: boolean;
  /** Files that it imports at once; what it loads lazily is not among them. */
  readonly imports?: readonly string[];
}

/** Bytes of compressed script that each entry loads before anything is shown. */
export function firstLoads(bundle: Readonly<Record<string, BuiltFile>>): ReadonlyMap<string, number> {
  const loads = new Map<string, number>();
  for (const [entry, { type, isEntry }] of Object.entries(bundle)) {
    if (type === "chunk" && isEntry === true) {
      const files = new Set([entry]);
      let bytes = 0;
      for (const file of files) {
        const { code = "", imports = [] } = bundle[file] ?? {};
        bytes += gzipSync(code, { level: 9 }).length;
        for (const imported of imports) {
          files.add(imported);
        }
      }
      loads.set(entry, bytes);
    }
  }
  return loads;
}

/** `limit`: the most bytes of compressed script that a visitor loads before anything is shown. */
export function sizeGate(limit: number): Plugin {
  return {
    name: "size-gate",
    apply: "build",
    generateBundle(_, bundle) {
      for (const [entry, bytes] of firstLoads(bundle as Readonly<Record<string, BuiltFile>>)) {
        const verdict = `${entry}: ${bytes} bytes of compressed script at once, ${limit} allowed`;
        if (bytes > limit) {
          this.error(verdict);
        }
        this.info(verdict);
      }
    },
  };
}
