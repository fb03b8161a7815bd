// How the client is built: hashed files, nothing inline, one worker as an ES module.
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";
import { sizeGate } from "./dev/size-gate.ts";

const server = process.env["CONCLAVE_DEV_SERVER"] ?? "http://localhost:8080";

export default defineConfig({
  base: "/",
  plugins: [sizeGate(150_000)],
  build: {
    target: "es2022",
    outDir: "dist",
    assetsDir: "assets",
    // Nothing may become a data: URL: the content security policy allows 'self' only.
    assetsInlineLimit: 0,
    // The polyfill is an inline script, and every browser with RTCRtpScriptTransform preloads modules.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions: {
      // Other sites load the element under its own name.
      input: {
        index: resolve(import.meta.dirname, "index.html"),
        embed: resolve(import.meta.dirname, "src/embed/element.ts"),
      },
      output: { entryFileNames: ({ name }) => (name === "embed" ? "[name].js" : "assets/[name]-[hash].js") },
    },
  },
  worker: { format: "es" },
  test: { include: ["src/**/*.test.ts"] },
  server: {
    // The server answers its own pages only.
    proxy: {
      "/api": { target: server, headers: { origin: server }, changeOrigin: true },
      "/t": { target: server, headers: { origin: server }, changeOrigin: true },
      "/livez": { target: server, headers: { origin: server }, changeOrigin: true },
      "/ws": { target: server, headers: { origin: server }, changeOrigin: true, ws: true },
    },
  },
});
