// Sends and fetches a file chunk by chunk: a few are in memory at a time, never the whole.
import { decodeBase64Url, encodeBase64Url } from "../base/bytes.ts";
import { CHUNK_BYTES, chunksOf, FileCipher, KEY_BYTES, lengthOf, TAG_BYTES } from "./cipher.ts";
import { ask, FileError, type FileServer } from "./store.ts";

/** Where plaintext goes, in order. */
export interface Sink {
  write(chunk: ArrayBuffer): Promise<void>;
  close(): Promise<void>;
  abort(): Promise<void>;
}

/** How a transfer is watched and stopped. */
export interface Watch {
  readonly signal: AbortSignal;
  /** So many bytes of plaintext went through. */
  progress(bytes: number): void;
}

/** What opens a file that is with the server. */
export interface Sealed {
  readonly file: string;
  readonly key: string;
}

/** Chunks on their way at a time. */
const AT_ONCE = 3;

/** Seals a file and puts it with the server; throws `FileError`, or what it was aborted with. */
export async function upload(
  server: FileServer,
  blob: Blob,
  lifetime: number | undefined,
  watch: Watch,
): Promise<Sealed> {
  const bytes = blob.size;
  const key = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  const cipher = await FileCipher.of(key, bytes);
  const wanted = JSON.stringify({ bytes, ...(lifetime !== undefined && { lifetime_s: lifetime }) });
  const begun = (await (await ask(server, "", { method: "POST", body: wanted }, watch.signal)).json()) as Record<
    string,
    unknown
  >;
  const file = String(begun["file"]);
  if (decodeBase64Url(file)?.length !== 16 || begun["chunk_bytes"] !== CHUNK_BYTES) {
    throw new FileError("network");
  }
  // What fails or is cancelled stops the chunks that are on their way, and the server forgets the rest.
  const inner = new AbortController();
  const signal = AbortSignal.any([watch.signal, inner.signal]);
  let next = 0;
  let sent = 0;
  const work = async () => {
    for (let index = next++; index < chunksOf(bytes); index = next++) {
      const body = await cipher.seal(index, await read(blob, index));
      await ask(server, `/${file}/${index}`, { method: "PUT", body }, signal);
      sent += lengthOf(bytes, index);
      watch.progress(sent);
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } catch (error) {
    inner.abort(error);
    release(server, file);
    throw error;
  }
  return { file, key: encodeBase64Url(key) };
}

/** Fetches a file and writes it to `sink`, which is closed when all of it was genuine and aborted otherwise. */
export async function download(
  server: FileServer,
  { file, key, bytes }: Sealed & { readonly bytes: number },
  sink: Sink,
  watch: Watch,
): Promise<void> {
  const inner = new AbortController();
  const signal = AbortSignal.any([watch.signal, inner.signal]);
  try {
    const cipher = await FileCipher.of(new Uint8Array(decodeBase64Url(key) ?? []), bytes);
    const chunks = chunksOf(bytes);
    const fetched: Promise<ArrayBuffer>[] = [];
    let received = 0;
    for (let index = 0, next = 0; index < chunks; index += 1) {
      for (; next < Math.min(chunks, index + AT_ONCE); next += 1) {
        const opening = openChunk(server, cipher, file, bytes, next, signal);
        // It is awaited in its turn; until then a failure is no unhandled one.
        opening.catch(() => undefined);
        fetched[next] = opening;
      }
      const plain = await (fetched[index] as Promise<ArrayBuffer>);
      delete fetched[index];
      await sink.write(plain);
      received += plain.byteLength;
      watch.progress(received);
    }
    await sink.close();
  } catch (error) {
    inner.abort(error);
    await sink.abort().catch(() => undefined);
    throw error;
  }
  release(server, file);
}

/** Tells the server that one needs a file no more, or, of an own one, that nobody shall. It finds out by itself, later. */
export function release(server: FileServer, file: string): void {
  const token = server.token();
  if (token !== undefined) {
    const headers = { authorization: `Bearer ${token}` };
    void fetch(`${server.url}/${file}`, { method: "DELETE", headers, keepalive: true }).catch(() => undefined);
  }
}

async function read(blob: Blob, index: number): Promise<ArrayBuffer> {
  const begin = index * CHUNK_BYTES;
  try {
    return await blob.slice(begin, begin + lengthOf(blob.size, index)).arrayBuffer();
  } catch {
    // It was changed or taken away since it was picked.
    throw new FileError("not_readable");
  }
}

async function openChunk(
  server: FileServer,
  cipher: FileCipher,
  file: string,
  bytes: number,
  index: number,
  signal: AbortSignal,
): Promise<ArrayBuffer> {
  const response = await ask(server, `/${file}/${index}`, { method: "GET" }, signal);
  const expected = lengthOf(bytes, index) + TAG_BYTES;
  const length = Number(response.headers.get("content-length") ?? expected);
  if (length !== expected) {
    await response.body?.cancel();
    throw new FileError("not_readable");
  }
  const sealed = await response.arrayBuffer().catch(() => {
    signal.throwIfAborted();
    throw new FileError("network");
  });
  return cipher.open(index, sealed).catch(() => {
    throw new FileError("not_readable");
  });
}
