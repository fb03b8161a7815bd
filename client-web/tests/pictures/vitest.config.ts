// Takes the docs' pictures from a real call.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["tests/pictures/*.pictures.ts"], testTimeout: 600_000, hookTimeout: 120_000 },
});
