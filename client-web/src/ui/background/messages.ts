// What the page and the worker that blurs the background tell each other.

/** Pictures as a stream, in Chromium: they never pass through the page. */
export interface Streams {
  readonly from: ReadableStream<VideoFrame>;
  readonly to: WritableStream<VideoFrame>;
}

export type ToWorker =
  | { readonly type: "open"; readonly module: string; readonly network: string; readonly streams?: Streams | undefined }
  /** The picture that was asked for; none while the camera has none. */
  | { readonly type: "picture"; readonly picture: ImageBitmap | undefined };

export type FromWorker =
  /** Without streams: the next picture is wanted. */
  | { readonly type: "wanted" }
  /** Without streams: a picture whose background is blurred. */
  | { readonly type: "picture"; readonly picture: ImageBitmap }
  /** The first picture is through. */
  | { readonly type: "running" }
  /** Whether pictures take longer than a fluid picture allows. */
  | { readonly type: "pace"; readonly slow: boolean };
