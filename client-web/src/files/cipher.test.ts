import { createCipheriv, createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeBase64Url, encodeBase64Url } from "../base/bytes.ts";
import { CHUNK_BYTES, chunksOf, FileCipher, lengthOf } from "./cipher.ts";

const VECTORS = join(import.meta.dirname, "../../../docs/vectors/file.json");
const KEY = Uint8Array.from({ length: 32 }, (_, at) => at);

interface Vector {
  readonly key: string;
  readonly bytes: number;
  /** Byte i of the plaintext is i mod 251. */
  readonly chunks: readonly {
    readonly nonce: string;
    readonly aad: string;
    readonly tag: string;
    readonly sha256: string;
  }[];
}

function plaintext(bytes: number, index: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: lengthOf(bytes, index) }, (_, at) => (index * CHUNK_BYTES + at) % 251);
}

/** The scheme once more, by another library and from the text of docs/E2EE.md. */
function reference(bytes: number): Vector {
  const chunks = Array.from({ length: chunksOf(bytes) }, (_, index) => {
    const nonce = Buffer.alloc(12);
    nonce.writeUInt32BE(index, 8);
    const tail = Buffer.alloc(14);
    tail.writeUInt8(1, 0);
    tail.writeUInt32BE(index, 1);
    tail.writeUInt8(index === chunksOf(bytes) - 1 ? 1 : 0, 5);
    tail.writeBigUInt64BE(BigInt(bytes), 6);
    const aad = Buffer.concat([Buffer.from("conclave file"), tail]);
    const cipher = createCipheriv("aes-256-gcm", KEY, nonce).setAAD(aad);
    const body = Buffer.concat([cipher.update(plaintext(bytes, index)), cipher.final()]);
    const tag = cipher.getAuthTag();
    const sha256 = createHash("sha256").update(body).update(tag).digest("base64url");
    return {
      nonce: nonce.toString("base64url"),
      aad: aad.toString("base64url"),
      tag: tag.toString("base64url"),
      sha256,
    };
  });
  return { key: encodeBase64Url(KEY), bytes, chunks };
}

describe("a file's chunks", () => {
  it("are sealed as the vectors and another implementation say", async () => {
    const written = [0, 5, CHUNK_BYTES, CHUNK_BYTES + 6].map(reference);
    if (process.env["WRITE_VECTORS"] !== undefined) {
      writeFileSync(VECTORS, `${JSON.stringify(written, undefined, 2)}\n`);
    }
    const vectors = JSON.parse(readFileSync(VECTORS, "utf8")) as Vector[];
    expect(vectors).toEqual(written);
    for (const { key, bytes, chunks } of vectors) {
      const cipher = await FileCipher.of(new Uint8Array(decodeBase64Url(key) ?? []), bytes);
      for (const [index, { sha256 }] of chunks.entries()) {
        const sealed = await cipher.seal(index, plaintext(bytes, index));
        expect(createHash("sha256").update(new Uint8Array(sealed)).digest("base64url")).toBe(sha256);
        expect(Buffer.compare(Buffer.from(await cipher.open(index, sealed)), plaintext(bytes, index))).toBe(0);
      }
    }
  });

  it("cannot be changed, moved, taken for the last one, or put into another file", async () => {
    const bytes = 2 * CHUNK_BYTES + 10;
    const cipher = await FileCipher.of(KEY, bytes);
    const sealed = await Promise.all([0, 1, 2].map((index) => cipher.seal(index, plaintext(bytes, index))));
    const [first = new ArrayBuffer(), second = new ArrayBuffer(), last = new ArrayBuffer()] = sealed;
    const changed = first.slice();
    new Uint8Array(changed)[7] = (new Uint8Array(first)[7] ?? 0) ^ 1;
    await expect(cipher.open(0, changed)).rejects.toThrow();
    await expect(cipher.open(0, second)).rejects.toThrow();
    await expect(cipher.open(1, last)).rejects.toThrow();
    await expect(cipher.open(2, last.slice(0, -1))).rejects.toThrow();
    // A server that leaves the end out would have to pass the second chunk for the last one.
    const shorter = await FileCipher.of(KEY, 2 * CHUNK_BYTES);
    await expect(shorter.open(1, second)).rejects.toThrow();
    const other = await FileCipher.of(new Uint8Array(32), bytes);
    await expect(other.open(0, first)).rejects.toThrow();
  });
});
