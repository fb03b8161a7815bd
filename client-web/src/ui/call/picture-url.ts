// Draws a picture that somebody sent, small: what the page then shows are pixels of its own making.

import { pictureKind } from "../../index.ts";

/** The head in which a picture says what it is, in bytes: behind a camera's notes, too. */
const HEAD = 262_144;
/** A larger picture is not decoded, in pixels: a small file can claim any size. */
const MOST_PIXELS = 50_000_000;
/** Width of what is shown, in pixels, at twice the density. */
const WIDTH = 560;

/** The address of a small copy, to be revoked; `undefined` for what is no picture or cannot be decoded. */
export async function pictureUrl(blob: Blob): Promise<string | undefined> {
  const kind = pictureKind(new Uint8Array(await blob.slice(0, HEAD).arrayBuffer()));
  if (kind === undefined || kind.width === 0 || kind.width * kind.height > MOST_PIXELS) {
    return undefined;
  }
  try {
    const resizeWidth = Math.min(WIDTH, kind.width);
    const bitmap = await createImageBitmap(new Blob([blob], { type: kind.mime }), {
      resizeWidth,
      resizeQuality: "medium",
    });
    const canvas = document.createElement("canvas");
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
    bitmap.close();
    const drawn = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
    return drawn === null ? undefined : URL.createObjectURL(drawn);
  } catch {
    return undefined;
  }
}
