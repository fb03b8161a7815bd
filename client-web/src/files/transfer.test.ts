import { afterEach, describe, expect, it, vi } from "vitest";
import { randomBase64Url } from "../base/bytes.ts";
import { CHUNK_BYTES, chunksOf, lengthOf } from "./cipher.ts";
import { FileError } from "./store.ts";
import { download, type Sink, upload } from "./transfer.ts";

const BASE = "https://meet.example/api/v1/rooms/r/files";
const NEVER = new AbortController().signal;

/** A server for files in memory; a test may answer in its place. */
class Store {
  readonly files = new Map<string, Map<number, ArrayBuffer>>();
  readonly tokens: string[] = [];
  readonly released: string[] = [];
  inFlight = 0;
  mostInFlight = 0;
  /** Answers some requests in another way. */
  before: (method: string, path: string) => Promise<Response | undefined> | Response | undefined = () => undefined;

  readonly fetch = async (input: string, init: RequestInit): Promise<Response> => {
    const path = input.slice(BASE.length);
    this.tokens.push(new Headers(init.headers).get("authorization") ?? "");
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    try {
      return (await this.before(init.method ?? "", path)) ?? (await this.#answer(init, path));
    } finally {
      this.inFlight -= 1;
    }
  };

  async #answer({ method, body, signal }: RequestInit, path: string): Promise<Response> {
    // As a network does: not at once.
    await Promise.resolve();
    signal?.throwIfAborted();
    const [, file = "", index = ""] = path.split("/");
    if (method === "POST") {
      const id = randomBase64Url(16);
      this.files.set(id, new Map());
      return Response.json({ file: id, chunk_bytes: CHUNK_BYTES }, { status: 201 });
    }
    if (method === "DELETE") {
      this.released.push(file);
      return new Response(null, { status: 204 });
    }
    if (method === "PUT") {
      this.files.get(file)?.set(Number(index), body as ArrayBuffer);
      return new Response(null, { status: 204 });
    }
    const chunk = this.files.get(file)?.get(Number(index));
    return chunk === undefined ? problem(404, "not_found") : new Response(chunk);
  }
}

function problem(status: number, code: string, more: object = {}): Response {
  return Response.json({ code, ...more }, { status, headers: { "retry-after": "1" } });
}

/** Collects what comes, in order. */
class Memory implements Sink {
  readonly parts: ArrayBuffer[] = [];
  state: "open" | "closed" | "aborted" = "open";
  write = async (chunk: ArrayBuffer) => void this.parts.push(chunk);
  close = async () => {
    this.state = "closed";
  };
  abort = async () => {
    this.state = "aborted";
  };
  bytes = () => new Blob(this.parts).arrayBuffer();
}

const server = { url: BASE, token: () => "token" };

function watch(signal = NEVER) {
  const seen: number[] = [];
  return { signal, progress: (bytes: number) => void seen.push(bytes), seen };
}

function blobOf(bytes: number): Blob {
  return new Blob([Uint8Array.from({ length: bytes }, (_, at) => (at * 7) % 256)]);
}

async function stored(store: Store, blob: Blob) {
  vi.stubGlobal("fetch", store.fetch);
  const sealed = await upload(server, blob, undefined, watch());
  return { ...sealed, bytes: blob.size };
}

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("a file", () => {
  it.each([0, 1, CHUNK_BYTES, 5 * CHUNK_BYTES + 3])("of %i bytes comes out as it went in", async (bytes) => {
    const store = new Store();
    const blob = blobOf(bytes);
    const offer = await stored(store, blob);
    const sink = new Memory();
    const down = watch();
    await download(server, offer, sink, down);
    expect(sink.state).toBe("closed");
    expect(Buffer.compare(Buffer.from(await sink.bytes()), Buffer.from(await blob.arrayBuffer()))).toBe(0);
    expect(down.seen.at(-1)).toBe(bytes);
    expect(down.seen).toHaveLength(chunksOf(bytes));
    expect(store.released).toEqual([offer.file]);
    expect(new Set(store.tokens)).toEqual(new Set(["Bearer token"]));
    const chunk = new Uint8Array(store.files.get(offer.file)?.get(0) ?? new ArrayBuffer());
    expect(chunk).toHaveLength(lengthOf(bytes, 0) + 16);
    if (bytes > 100) {
      expect(chunk.slice(0, 100)).not.toEqual(new Uint8Array(await blob.slice(0, 100).arrayBuffer()));
    }
  });

  it("is never in memory as a whole, however slow its sink is", async () => {
    const store = new Store();
    const offer = await stored(store, blobOf(12 * CHUNK_BYTES));
    expect(store.mostInFlight).toBeLessThanOrEqual(3);
    let fetched = 0;
    let written = 0;
    store.before = (method) => {
      fetched += method === "GET" ? 1 : 0;
      return undefined;
    };
    const sink = new Memory();
    sink.write = async () => {
      for (let turn = 0; turn < 20; turn += 1) {
        await Promise.resolve();
      }
      written += 1;
      expect(fetched - written).toBeLessThanOrEqual(3);
    };
    await download(server, offer, sink, watch());
    expect(written).toBe(12);
  });

  it.each([
    ["changed", (chunks: Map<number, ArrayBuffer>) => flip(chunks.get(1))],
    ["swapped", (chunks: Map<number, ArrayBuffer>) => swap(chunks)],
    ["cut short", (chunks: Map<number, ArrayBuffer>) => chunks.set(2, chunks.get(2)?.slice(1) ?? new ArrayBuffer())],
  ])("that the server %s is not taken for genuine", async (_, spoil) => {
    const store = new Store();
    const offer = await stored(store, blobOf(2 * CHUNK_BYTES + 9));
    spoil(store.files.get(offer.file) ?? new Map());
    const sink = new Memory();
    await expect(download(server, offer, sink, watch())).rejects.toMatchObject({ problem: "not_readable" });
    expect(sink.state).toBe("aborted");
  });

  it("waits as the server says, and takes up where it was after a lost connection and a new session", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    const store = new Store();
    vi.stubGlobal("fetch", store.fetch);
    const hindrances = [
      () => problem(429, "rate_limited"),
      () => problem(503, "busy"),
      () => problem(401, "not_a_member"),
      () => Promise.reject<Response>(new TypeError("network")),
      () => problem(502, ""),
    ];
    store.before = (method) => (method === "PUT" ? hindrances.shift()?.() : undefined);
    const blob = blobOf(3 * CHUNK_BYTES);
    const sealed = await hurried(upload(server, blob, undefined, watch()));
    expect(store.files.get(sealed.file)?.size).toBe(3);
    expect(hindrances).toEqual([]);
  });

  it("is given up after a minute without a way through", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    const store = new Store();
    store.before = () => Promise.reject(new TypeError("network"));
    vi.stubGlobal("fetch", store.fetch);
    const failed = hurried(upload(server, blobOf(5), undefined, watch()));
    await expect(failed).rejects.toMatchObject({ problem: "network" });
  });

  it.each([
    [413, "file_too_large", { limit: 100 }, "too_large", 100],
    [413, "file_too_large", { limit: 0 }, "not_here", undefined],
    [507, "room_storage_full", {}, "no_room", undefined],
    [507, "storage_full", {}, "no_room", undefined],
    [429, "too_many_files", {}, "too_many", undefined],
    [400, "bad_request", {}, "gone", undefined],
  ])("that the server refuses with %i %s is not sent", async (status, code, more, expected, limit) => {
    const store = new Store();
    store.before = () => problem(status, code, more);
    vi.stubGlobal("fetch", store.fetch);
    const error = await upload(server, blobOf(5), undefined, watch()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FileError);
    expect(error).toMatchObject({ problem: expected, limit });
    expect(store.files.size).toBe(0);
  });

  it("that is cancelled stops, and the server forgets what it has of it", async () => {
    const store = new Store();
    vi.stubGlobal("fetch", store.fetch);
    const controller = new AbortController();
    const up = watch(controller.signal);
    up.progress = () => {
      controller.abort();
      return undefined;
    };
    await expect(upload(server, blobOf(9 * CHUNK_BYTES), undefined, up)).rejects.toThrow();
    expect(store.released).toEqual([...store.files.keys()]);
    expect([...store.files.values()][0]?.size).toBeLessThan(9);
  });

  it("that cannot be read any more is not sent", async () => {
    const store = new Store();
    vi.stubGlobal("fetch", store.fetch);
    const blob = blobOf(2 * CHUNK_BYTES);
    blob.slice = (): never => {
      throw new DOMException("it was changed", "NotReadableError");
    };
    await expect(upload(server, blob, undefined, watch())).rejects.toMatchObject({ problem: "not_readable" });
    expect(store.released).toHaveLength(1);
  });
});

/** Lets the timers of a test's clock run until this is settled; what runs beside them, as sealing, takes its own time. */
async function hurried<Value>(promise: Promise<Value>): Promise<Value> {
  let settled = false;
  const end = (): void => {
    settled = true;
  };
  promise.then(end, end);
  while (!settled) {
    await vi.advanceTimersByTimeAsync(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return promise;
}

function flip(chunk: ArrayBuffer | undefined): void {
  const bytes = new Uint8Array(chunk ?? new ArrayBuffer());
  bytes[5] = (bytes[5] ?? 0) ^ 1;
}

function swap(chunks: Map<number, ArrayBuffer>): void {
  const [first, second] = [chunks.get(0), chunks.get(1)];
  chunks.set(0, second ?? new ArrayBuffer()).set(1, first ?? new ArrayBuffer());
}
