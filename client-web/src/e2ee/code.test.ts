import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { deriveCode } from "./code.ts";
import { format_code, initSync } from "./wasm/conclave_web.js";

const HERE = import.meta.dirname;
/** The native core's tests read the same file. */
const VECTOR = JSON.parse(readFileSync(resolve(HERE, "../../../docs/vectors/call-code.json"), "utf8")) as {
  readonly epoch_authenticator: string;
  readonly salt: string;
  readonly rounds: number;
  readonly bytes: string;
  readonly code: string;
};

const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

function material() {
  let freed = 0;
  return {
    password: () => unhex(VECTOR.epoch_authenticator),
    salt: () => unhex(VECTOR.salt),
    rounds: () => VECTOR.rounds,
    free: () => {
      freed += 1;
    },
    freed: () => freed,
  };
}

describe("the call code", () => {
  beforeAll(() => {
    initSync({ module: readFileSync(resolve(HERE, "wasm/conclave_web_bg.wasm")) });
  });

  it("is in the browser what it is natively", async () => {
    expect(await deriveCode(material(), format_code)).toBe(VECTOR.code);
  });

  it("is written from the same bytes", async () => {
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
    expect(await deriveCode(material(), hex)).toBe(VECTOR.bytes);
    expect(() => format_code(new Uint8Array(29))).toThrow();
  });

  it("leaves nothing of its material behind in the core", async () => {
    const used = material();
    await deriveCode(used, format_code);
    expect(used.freed()).toBe(1);
  });
});
