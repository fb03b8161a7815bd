// Saves a file of the chat: a large one straight to disk where the browser can write there, others as a download.

import type { FileOffer, Sink } from "../../index.ts";
import { download } from "../download.ts";
import type { Talk } from "./talk.ts";

/** From this size on a file goes to disk while it comes, in bytes. */
const LARGE = 16 * 1_048_576;

/** Not in every browser (File System Access API). */
type SavePicker = (options: { readonly suggestedName: string }) => Promise<FileSystemFileHandle>;

export async function saveFile(talk: Talk, entryId: string, offer: FileOffer): Promise<void> {
  const { showSaveFilePicker } = globalThis as { readonly showSaveFilePicker?: SavePicker };
  const before = talk.files.value.fetched.get(entryId);
  if (before?.state !== "here" && offer.bytes >= LARGE && showSaveFilePicker !== undefined) {
    const sink = await pick(showSaveFilePicker, offer.name);
    return sink === undefined ? undefined : talk.fetch(entryId, offer, sink);
  }
  if (before?.state !== "here") {
    await talk.fetch(entryId, offer);
  }
  const fetched = talk.files.value.fetched.get(entryId);
  if (fetched?.state === "here") {
    download(fetched.blob, offer.name);
    if (offer.bytes >= LARGE) {
      talk.letGo(entryId);
    }
  }
}

/** Where the person wants it; `undefined` when nowhere. */
async function pick(picker: SavePicker, suggestedName: string): Promise<Sink | undefined> {
  try {
    const writable = await (await picker({ suggestedName })).createWritable();
    return {
      write: (chunk) => writable.write(chunk),
      close: () => writable.close(),
      abort: () => writable.abort(),
    };
  } catch {
    return undefined;
  }
}
