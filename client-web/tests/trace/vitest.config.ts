// The traced call: one, with time for a loaded machine. It measures; the browser tests judge.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["tests/trace/*.trace.ts"], testTimeout: 600_000, hookTimeout: 120_000, reporters: ["default"] },
});
