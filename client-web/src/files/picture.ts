// Whether the first bytes of a file are those of a picture that every browser draws, and how large it says to be.

/** A picture by its own first bytes, whatever it is called. */
export interface PictureKind {
  readonly mime: "image/png" | "image/jpeg" | "image/gif" | "image/webp";
  readonly width: number;
  readonly height: number;
}

/** `undefined` for all else: scripts may be inside SVG, and of others nobody knows what decoding costs. */
export function pictureKind(bytes: Uint8Array): PictureKind | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return png(view) ?? gif(view) ?? webp(view) ?? jpeg(view);
  } catch {
    // It ends too early.
    return undefined;
  }
}

function png(view: DataView): PictureKind | undefined {
  const isOne =
    view.getUint32(0) === 0x89504e47 && view.getUint32(4) === 0x0d0a1a0a && view.getUint32(12) === 0x49484452;
  return isOne ? { mime: "image/png", width: view.getUint32(16), height: view.getUint32(20) } : undefined;
}

function gif(view: DataView): PictureKind | undefined {
  const isOne = view.getUint32(0) === 0x47494638;
  return isOne ? { mime: "image/gif", width: view.getUint16(6, true), height: view.getUint16(8, true) } : undefined;
}

/** RFC 9649: the lossy, the lossless and the extended form. */
function webp(view: DataView): PictureKind | undefined {
  if (view.getUint32(0) !== 0x52494646 || view.getUint32(8) !== 0x57454250) {
    return undefined;
  }
  switch (view.getUint32(12)) {
    case 0x56503820: {
      const [width, height] = [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
      return { mime: "image/webp", width, height };
    }
    case 0x5650384c: {
      const bits = view.getUint32(21, true);
      return { mime: "image/webp", width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case 0x56503858: {
      const width = (view.getUint32(24, true) & 0xff_ffff) + 1;
      return { mime: "image/webp", width, height: (view.getUint32(26, true) >>> 8) + 1 };
    }
    default:
      return undefined;
  }
}

/** Looks for the frame header behind the other segments. */
function jpeg(view: DataView): PictureKind | undefined {
  if (view.getUint16(0) !== 0xffd8) {
    return undefined;
  }
  for (let at = 2; ; ) {
    const marker = view.getUint16(at);
    if (marker < 0xffc0) {
      return undefined;
    }
    const isFrame = marker <= 0xffcf && marker !== 0xffc4 && marker !== 0xffc8 && marker !== 0xffcc;
    if (isFrame) {
      return { mime: "image/jpeg", height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    }
    at += 2 + Math.max(2, view.getUint16(at + 2));
  }
}
