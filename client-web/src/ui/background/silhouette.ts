// The page's hold on the wasm module that finds the person in a picture (client-web/silhouette).

/** What the module exports: numbers, and addresses in its memory that hold until the next call. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  buffer(length: number): number;
  load(): number;
  width(): number;
  height(): number;
  look(): void;
  mask(): number;
  room(): number;
}

/** Pixels of the picture on a side of one pixel of the room. */
const COARSE = 4;

export class Silhouette {
  /** Size of the pictures it takes, in pixels. */
  readonly width: number;
  readonly height: number;

  private constructor(private readonly exports: Exports) {
    this.width = exports.width();
    this.height = exports.height();
  }

  /** Throws when the module or the network cannot be run. */
  static async load(module: BufferSource, network: Uint8Array): Promise<Silhouette> {
    const { instance } = await WebAssembly.instantiate(module);
    const exports = instance.exports as unknown as Exports;
    const address = exports.buffer(network.length);
    new Uint8Array(exports.memory.buffer).set(network, address);
    if (exports.load() !== 1) {
      throw new Error("the network of the background is none that can be run");
    }
    return new Silhouette(exports);
  }

  /** Takes a picture apart; its mask is opaque where the person is, its room is a fourth as wide, blurred. */
  look({ data }: ImageData): { readonly mask: ImageData; readonly room: ImageData } {
    const address = this.exports.buffer(data.length);
    new Uint8Array(this.exports.memory.buffer).set(data, address);
    this.exports.look();
    return {
      mask: this.#picture(this.exports.mask(), 1),
      room: this.#picture(this.exports.room(), COARSE),
    };
  }

  #picture(address: number, coarse: number): ImageData {
    const width = Math.floor(this.width / coarse);
    const height = Math.floor(this.height / coarse);
    const length = width * height * 4;
    return new ImageData(
      new Uint8ClampedArray(this.exports.memory.buffer.slice(address, address + length)),
      width,
      height,
    );
  }
}
