// How the SDK is built: plain names, nothing inlined, and every file found from the script beside it.
import { copyFileSync } from "node:fs";
import { resolve } from "node:path";
import { defineConfig } from "vite";

const here = import.meta.dirname;

export default defineConfig({
  // Addresses of worker and core are taken from `import.meta.url`.
  base: "./",
  publicDir: false,
  plugins: [
    {
      name: "licences",
      closeBundle() {
        for (const licence of ["LICENSE-APACHE", "LICENSE-MIT"]) {
          copyFileSync(resolve(here, "../..", licence), resolve(here, licence));
        }
      },
    },
  ],
  build: {
    target: "es2022",
    outDir: resolve(here, "dist"),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    // Whoever builds on it minifies it, and may read it before.
    minify: false,
    reportCompressedSize: false,
    rollupOptions: {
      input: { index: resolve(here, "../src/index.ts"), element: resolve(here, "../src/embed/element.ts") },
      preserveEntrySignatures: "strict",
      output: { entryFileNames: "[name].js", chunkFileNames: "[name].js", assetFileNames: "[name][extname]" },
    },
  },
  worker: {
    format: "es",
    rollupOptions: { output: { entryFileNames: "[name].js" } },
  },
});
