// The gallery of screens, served for a test.
import path from "node:path";
import { createServer } from "vite";

export interface Gallery {
  readonly address: string;
  close(): Promise<void>;
}

export async function startGallery(): Promise<Gallery> {
  const root = path.resolve(import.meta.dirname, "../..");
  const vite = await createServer({
    root,
    configFile: path.join(root, "vite.config.ts"),
    server: { port: 0, host: "127.0.0.1" },
    logLevel: "error",
  });
  await vite.listen();
  return { address: `${vite.resolvedUrls?.local[0]}dev/`, close: () => vite.close() };
}
