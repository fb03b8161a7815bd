// The files of a call: what is on its way up or down, and what has come. Their bytes are moved by files/, loaded when needed.
import { randomBase64Url } from "../base/bytes.ts";
import { FileError, type FileProblem, type FileServer } from "../files/store.ts";
import type { Sink } from "../files/transfer.ts";
import type { Ending, FileOffer } from "./message-parts.ts";
import { fileName } from "./message-parts.ts";

/** A file on its way to the others; when it is there it becomes a message. */
export interface Upload {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  readonly sent: number;
  readonly problem?: FileProblem | undefined;
  /** The most bytes that a file may have, where that is the problem. */
  readonly limit?: number | undefined;
}

/** How it stands with somebody's file. */
export type Fetched =
  | { readonly state: "loading"; readonly received: number }
  /** Its bytes; of an own file, the file itself. */
  | { readonly state: "here"; readonly blob: Blob }
  | { readonly state: "saved" }
  | { readonly state: "failed"; readonly problem: FileProblem };

/** What is known of all files now. */
export interface FilesView {
  readonly uploads: readonly Upload[];
  /** By the id of their message. */
  readonly fetched: ReadonlyMap<string, Fetched>;
}

/** What the files need of the call. */
export interface FilesPorts {
  readonly server: FileServer;
  /** Tells the others; the message's id, or `undefined` when that failed. */
  offer(offer: FileOffer, replyTo: string | undefined): string | undefined;
  ending(): Ending;
  changed(view: FilesView): void;
}

/** Files being sent at a time; the others wait. */
const UPLOADS_AT_ONCE = 2;
const MAX_UPLOADS = 10;

export class SharedFiles {
  #view: FilesView = { uploads: [], fetched: new Map() };
  readonly #running = new Map<string, AbortController>();
  /** Files that the server holds for own messages. */
  readonly #own = new Map<string, string>();
  #waiting: readonly { readonly id: string; readonly start: () => void }[] = [];
  #sending = 0;

  constructor(private readonly ports: FilesPorts) {}

  get view(): FilesView {
    return this.#view;
  }

  /** Sends a file to everybody. False when too many are on their way already. */
  share(file: File, replyTo?: string): boolean {
    if (this.#view.uploads.length >= MAX_UPLOADS) {
      return false;
    }
    const id = randomBase64Url(12);
    const upload: Upload = { id, name: fileName(file.name), bytes: file.size, sent: 0 };
    this.#become({ uploads: [...this.#view.uploads, upload] });
    this.#waiting = [...this.#waiting, { id, start: () => void this.#upload(upload, file, replyTo) }];
    this.#startWaiting();
    return true;
  }

  /** Stops an upload, or takes a failed one off the list. */
  cancelUpload(id: string): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting.id !== id);
    this.#running.get(id)?.abort();
    this.#become({ uploads: this.#view.uploads.filter((upload) => upload.id !== id) });
  }

  /** Fetches the file of a message, into memory where no `sink` is given. */
  async fetch(entryId: string, offer: FileOffer, sink?: Sink): Promise<void> {
    if (this.#running.has(entryId)) {
      return;
    }
    const controller = new AbortController();
    this.#running.set(entryId, controller);
    this.#set(entryId, { state: "loading", received: 0 });
    const parts: Blob[] = [];
    // Small blobs, not buffers: browsers keep those out of the page's memory, and large ones on disk.
    const memory: Sink = {
      write: async (chunk) => void parts.push(new Blob([chunk])),
      close: async () => undefined,
      abort: async () => undefined,
    };
    try {
      const { download } = await import("../files/transfer.ts");
      await download(this.ports.server, offer, sink ?? memory, {
        signal: controller.signal,
        progress: (received) => this.#set(entryId, { state: "loading", received }),
      });
      // Never the type its author says: nothing may take it for a page.
      const blob = new Blob(parts, { type: "application/octet-stream" });
      this.#settle(entryId, controller, sink === undefined ? { state: "here", blob } : { state: "saved" });
    } catch (error) {
      this.#settle(
        entryId,
        controller,
        controller.signal.aborted ? undefined : { state: "failed", problem: problemOf(error) },
      );
    }
  }

  /** Stops fetching; what came of it is thrown away. */
  cancelFetch(entryId: string): void {
    this.#running.get(entryId)?.abort();
    this.#running.delete(entryId);
    this.#set(entryId, undefined);
  }

  /** A file that was saved elsewhere needs no place here. */
  letGo(entryId: string): void {
    if (this.#view.fetched.get(entryId)?.state === "here" && !this.#own.has(entryId)) {
      this.#set(entryId, { state: "saved" });
    }
  }

  /** Messages that are gone take their files with them. */
  keepOnly(entryIds: ReadonlySet<string>): void {
    for (const id of this.#view.fetched.keys()) {
      if (!entryIds.has(id)) {
        this.cancelFetch(id);
      }
    }
    for (const [id, file] of this.#own) {
      if (!entryIds.has(id)) {
        this.#own.delete(id);
        void import("../files/transfer.ts").then(({ release }) => release(this.ports.server, file));
      }
    }
  }

  /** The call is over for this participant; the others may still fetch its files. */
  close(): void {
    this.#own.clear();
    for (const controller of this.#running.values()) {
      controller.abort();
    }
    this.#running.clear();
    this.#waiting = [];
    this.#become({ uploads: [], fetched: new Map() });
  }

  #startWaiting(): void {
    const [next, ...rest] = this.#waiting;
    if (next !== undefined && this.#sending < UPLOADS_AT_ONCE) {
      this.#waiting = rest;
      this.#sending += 1;
      next.start();
      this.#startWaiting();
    }
  }

  async #upload({ id, name, bytes }: Upload, file: File, replyTo: string | undefined): Promise<void> {
    const controller = new AbortController();
    this.#running.set(id, controller);
    try {
      const { upload } = await import("../files/transfer.ts");
      const { lifetime } = this.ports.ending();
      const sealed = await upload(this.ports.server, file, lifetime, {
        signal: controller.signal,
        progress: (sent) => this.#changeUpload(id, { sent }),
      });
      const mime = file.type === "" ? "application/octet-stream" : file.type.toLowerCase();
      const entryId = this.ports.offer({ name, mime, bytes, ...sealed }, replyTo);
      if (entryId === undefined) {
        throw new FileError("too_many");
      }
      this.#own.set(entryId, sealed.file);
      this.#set(entryId, { state: "here", blob: file });
      this.#become({ uploads: this.#view.uploads.filter((upload) => upload.id !== id) });
    } catch (error) {
      const limit = error instanceof FileError ? error.limit : undefined;
      this.#changeUpload(id, { problem: problemOf(error), limit });
    }
    this.#running.delete(id);
    this.#sending -= 1;
    this.#startWaiting();
  }

  #changeUpload(id: string, change: Partial<Upload>): void {
    this.#become({
      uploads: this.#view.uploads.map((upload) => (upload.id === id ? { ...upload, ...change } : upload)),
    });
  }

  /** The end of a fetch, unless it was cancelled and maybe begun anew. */
  #settle(entryId: string, controller: AbortController, fetched: Fetched | undefined): void {
    if (this.#running.get(entryId) === controller) {
      this.#running.delete(entryId);
      this.#set(entryId, fetched);
    }
  }

  #set(entryId: string, state: Fetched | undefined): void {
    const fetched = new Map(this.#view.fetched);
    if (state === undefined) {
      fetched.delete(entryId);
    } else {
      fetched.set(entryId, state);
    }
    this.#become({ fetched });
  }

  #become(change: Partial<FilesView>): void {
    this.#view = { ...this.#view, ...change };
    this.ports.changed(this.#view);
  }
}

function problemOf(error: unknown): FileProblem {
  return error instanceof FileError ? error.problem : "network";
}
