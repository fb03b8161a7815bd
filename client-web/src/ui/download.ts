// Hands a file to the browser to be saved.

/** How long a download may take to begin, in milliseconds. */
const BEGIN_MS = 60_000;

/** Its type is never one that a browser would open as a page. */
export function download(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([blob], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), BEGIN_MS);
}
