// Derives the call code with WebCrypto, which does it away from the thread that every frame passes.
import { ownBuffer } from "./frame.ts";

/** What a call code is made of, as the core gives it out. */
export interface CodeMaterial {
  password(): Uint8Array;
  salt(): Uint8Array;
  rounds(): number;
  free(): void;
}

const CODE_BITS = 240;

/** The code of `material`, which is freed; `format` writes derived bytes down. */
export async function deriveCode(material: CodeMaterial, format: (bytes: Uint8Array) => string): Promise<string> {
  const password = ownBuffer(material.password());
  const pbkdf2 = { name: "PBKDF2", hash: "SHA-512", salt: ownBuffer(material.salt()), iterations: material.rounds() };
  material.free();
  const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
  return format(new Uint8Array(await crypto.subtle.deriveBits(pbkdf2, key, CODE_BITS)));
}
