// The gallery of screens, built and served for a test: as hundreds of modules a page takes a second to load.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { build, preview } from "vite";

export interface Gallery {
  readonly address: string;
  close(): Promise<void>;
}

export async function startGallery(): Promise<Gallery> {
  const root = path.resolve(import.meta.dirname, "../..");
  const outDir = await mkdtemp(path.join(tmpdir(), "conclave-gallery-"));
  const common = { root, configFile: false, logLevel: "error" } as const;
  await build({
    ...common,
    build: {
      target: "es2022",
      outDir,
      minify: false,
      modulePreload: { polyfill: false },
      rollupOptions: { input: path.join(root, "dev/index.html") },
    },
    worker: { format: "es" },
  });
  const server = await preview({ ...common, build: { outDir }, preview: { port: 0, host: "127.0.0.1" } });
  return {
    address: `${server.resolvedUrls?.local[0]}dev/`,
    close: async () => {
      await server.close();
      await rm(outDir, { recursive: true });
    },
  };
}
