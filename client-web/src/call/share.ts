// The own shared screen: the one owner of its tracks, from the browser's picker to the end that the browser's bar makes.
import { openScreen } from "../media/devices.ts";
import type { Source } from "../wire/types.ts";

/** What is shared: text and pictures that must be sharp, or something that moves. */
export type ShareContent = "text" | "motion";

/** A shared screen as its sources. */
export type ScreenSource = Extract<Source, "screen_video" | "screen_audio">;

export class OwnShare {
  #stream: MediaStream | undefined;
  #content: ShareContent = "text";

  /** `onEnded`: the browser ended it, with its own bar or because the window is gone. */
  constructor(private readonly onEnded: () => void) {}

  get on(): boolean {
    return this.#stream !== undefined;
  }

  get content(): ShareContent {
    return this.#content;
  }

  /** The picture that is shared, with its sound where there is any. */
  get stream(): MediaStream | undefined {
    return this.#stream;
  }

  track(source: ScreenSource): MediaStreamTrack | null {
    const tracks = source === "screen_video" ? this.#stream?.getVideoTracks() : this.#stream?.getAudioTracks();
    return tracks?.[0] ?? null;
  }

  /** Asks what to share, in place of what is shared now. Must run in a click; throws `DeviceError`. */
  async start(withSound: boolean): Promise<void> {
    const stream = await openScreen(withSound);
    this.stop();
    this.#stream = stream;
    const [picture] = stream.getVideoTracks();
    if (picture !== undefined) {
      this.#hint(picture);
      picture.addEventListener("ended", () => {
        if (this.#stream === stream) {
          this.stop();
          this.onEnded();
        }
      });
    }
  }

  /** Says what is shared: of text the sharpness is kept when the network is slow, of what moves the frame rate. */
  setContent(content: ShareContent): void {
    this.#content = content;
    const picture = this.track("screen_video");
    if (picture !== null) {
      this.#hint(picture);
    }
  }

  stop(): void {
    for (const track of this.#stream?.getTracks() ?? []) {
      track.stop();
    }
    this.#stream = undefined;
  }

  #hint(picture: MediaStreamTrack): void {
    picture.contentHint = this.#content;
  }
}
