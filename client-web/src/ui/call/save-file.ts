// Saves a file of the chat: a large one straight to disk where the browser can write there, others as a download.

import type { FileOffer, Sink } from "../../index.ts";
import type { Talk } from "./talk.ts";

/** From this size on a file goes to disk while it comes, in bytes. */
const LARGE = 16 * 1_048_576;
/** How long a download may take to begin, in milliseconds. */
const BEGIN_MS = 60_000;

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

/** Its type is never one that a browser would open as a page. */
function download(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([blob], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), BEGIN_MS);
}
