// A shared file's chunks, sealed one by one so that none can be changed, moved, left out or taken for the last one.

/** Bytes of plaintext in every chunk but the last. */
export const CHUNK_BYTES = 262_144;
/** What sealing adds to each. */
export const TAG_BYTES = 16;
export const KEY_BYTES = 32;

const LABEL = new TextEncoder().encode("conclave file");
const VERSION = 1;

/** How many chunks a file of so many bytes has: at least one, so that an empty file is sealed too. */
export function chunksOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / CHUNK_BYTES));
}

/** Bytes of plaintext in one chunk. */
export function lengthOf(bytes: number, index: number): number {
  return Math.max(0, Math.min(CHUNK_BYTES, bytes - index * CHUNK_BYTES));
}

/** Seals or opens the chunks of one file. Its key is used for nothing else, and seals each chunk once. */
export class FileCipher {
  private constructor(
    private readonly key: CryptoKey,
    private readonly bytes: number,
  ) {}

  /** `key`: 32 random bytes; `bytes`: the size of the whole plaintext. */
  static async of(key: Uint8Array<ArrayBuffer>, bytes: number): Promise<FileCipher> {
    const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]);
    return new FileCipher(imported, bytes);
  }

  seal(index: number, plain: BufferSource): Promise<ArrayBuffer> {
    return crypto.subtle.encrypt(this.#parameters(index), this.key, plain);
  }

  /** Rejects when the chunk is not this one of this file. */
  open(index: number, sealed: BufferSource): Promise<ArrayBuffer> {
    return crypto.subtle.decrypt(this.#parameters(index), this.key, sealed);
  }

  /** Nonce: the index. AAD: label, version, index, whether it is the last one, size of the file. */
  #parameters(index: number): AesGcmParams {
    const iv = new Uint8Array(12);
    new DataView(iv.buffer).setUint32(8, index);
    const additionalData = new Uint8Array(LABEL.length + 14);
    additionalData.set(LABEL);
    const view = new DataView(additionalData.buffer, LABEL.length);
    view.setUint8(0, VERSION);
    view.setUint32(1, index);
    view.setUint8(5, index === chunksOf(this.bytes) - 1 ? 1 : 0);
    view.setBigUint64(6, BigInt(this.bytes));
    return { name: "AES-GCM", iv, additionalData };
  }
}
