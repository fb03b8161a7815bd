// Where a recording is kept: in a file that the person chose, or in memory up to a limit until it is saved.

import { download } from "../download.ts";
import type { Store } from "./recorder.ts";

/** Most bytes of a recording in memory: about half an hour. */
export const MEMORY_LIMIT = 512 * 1_048_576;

/** Not in every browser (File System Access API). */
type SavePicker = (options: { readonly suggestedName: string }) => Promise<FileSystemFileHandle>;

/** A store, and whether it is memory. */
export interface OpenedStore {
  readonly store: Store;
  readonly inMemory: boolean;
}

/** Asks for a file where the browser can; `undefined` when the person wants none. Must run in a click. */
export async function openStore(name: string): Promise<OpenedStore | undefined> {
  const { showSaveFilePicker } = globalThis as { readonly showSaveFilePicker?: SavePicker };
  if (showSaveFilePicker === undefined) {
    return {
      store: new MemoryStore(MEMORY_LIMIT, (pieces) => download(new Blob(pieces), name)),
      inMemory: true,
    };
  }
  try {
    const writable = await (await showSaveFilePicker({ suggestedName: name })).createWritable();
    const store: Store = {
      write: async (piece) => {
        await writable.write(piece);
        return true;
      },
      close: () => writable.close(),
    };
    return { store, inMemory: false };
  } catch {
    return undefined;
  }
}

/** Keeps pieces until they are saved. Browsers move large blobs to disk by themselves, where they can. */
export class MemoryStore implements Store {
  readonly #limit: number;
  readonly #save: (pieces: readonly Blob[]) => void;
  readonly #pieces: Blob[] = [];
  #bytes = 0;

  constructor(limit: number, save: (pieces: Blob[]) => void) {
    this.#limit = limit;
    this.#save = (pieces) => save([...pieces]);
  }

  write(piece: Blob): Promise<boolean> {
    const fits = this.#bytes + piece.size <= this.#limit;
    if (fits) {
      this.#bytes += piece.size;
      this.#pieces.push(piece);
    } else {
      // Nothing after a gap: the file would not play on.
      this.#bytes = this.#limit + 1;
    }
    return Promise.resolve(fits);
  }

  close(): Promise<void> {
    if (this.#pieces.length > 0) {
      this.#save(this.#pieces);
    }
    this.#pieces.length = 0;
    return Promise.resolve();
  }
}
