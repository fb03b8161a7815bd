// Turning what this participant publishes on and off: the devices and the shared screen, as far as the hosts allow.
import type { Emitter } from "../base/emitter.ts";
import type { Source } from "../wire/types.ts";
import { CallError, type CallEvents } from "./call-events.ts";
import { LocalMedia, type LocalOptions, type LocalSource } from "./local.ts";
import { LOCAL_SOURCES } from "./media.ts";
import type { ShareContent } from "./share.ts";
import { OwnVoice } from "./speaking.ts";

/** What the own sources ask and tell the call. */
export interface SourcePorts {
  /** What the hosts let this participant publish. */
  permitted(): readonly Source[];
  /** A source is another now, or none any more: to be sent and told so. */
  changed(source: LocalSource): Promise<void>;
  /** Whether this participant speaks has changed. */
  spoke(): void;
}

export class OwnSources {
  /** The tracks themselves. */
  readonly local: LocalMedia;
  readonly #voice: OwnVoice;
  readonly #events: Emitter<CallEvents>;
  readonly #ports: SourcePorts;
  #isSpeaking = false;
  #closed = false;

  constructor(options: LocalOptions, events: Emitter<CallEvents>, ports: SourcePorts) {
    this.#events = events;
    this.#ports = ports;
    this.local = new LocalMedia(options, (source) => void this.#handleEnded(source));
    this.#voice = new OwnVoice((speaking) => {
      this.#isSpeaking = speaking;
      ports.spoke();
    });
  }

  get isSpeaking(): boolean {
    return this.#isSpeaking;
  }

  /** Begins to find out whether this participant speaks. */
  watchVoice(): void {
    this.#voice.watch(this.local.microphoneOn ? this.local.track("microphone") : null);
  }

  async setMicrophone(on: boolean): Promise<void> {
    this.#requirePermission("microphone", on);
    await this.local.setMicrophone(on);
    await this.#changed("microphone");
  }

  async setCamera(on: boolean): Promise<void> {
    this.#requirePermission("camera", on);
    await this.local.setCamera(on);
    await this.#changed("camera");
  }

  async replaceMicrophone(deviceId: string): Promise<void> {
    await this.local.replaceMicrophone(deviceId);
    await this.#changed("microphone");
  }

  async setNoiseSuppression(on: boolean): Promise<void> {
    // The voice's meter has a clone, which would keep the microphone open as it is.
    this.#voice.watch(null);
    await this.local.setNoiseSuppression(on);
    await this.#changed("microphone");
  }

  async replaceCamera(deviceId: string): Promise<void> {
    // One that was unplugged has ended but was not turned off.
    if (this.local.track("camera") !== null) {
      try {
        await this.local.replaceCamera(deviceId);
      } finally {
        // One whose pictures could not be changed as wished is off now.
        await this.#changed("camera");
      }
    } else {
      this.local.chooseCamera(deviceId);
    }
  }

  async startShare(): Promise<void> {
    this.#requirePermission("screen_video", true);
    await this.local.share.start(this.#ports.permitted().includes("screen_audio"));
    if (!this.#ports.permitted().includes("screen_video")) {
      // Decided while the person was choosing.
      this.local.share.stop();
    }
    await this.#shareChanged();
  }

  async stopShare(): Promise<void> {
    this.local.share.stop();
    await this.#shareChanged();
  }

  setShareContent(content: ShareContent): void {
    this.local.share.setContent(content);
  }

  /** What is not allowed any more is turned off here too: the server drops it anyway. */
  handlePermissions(): void {
    const permitted = this.#ports.permitted();
    const on: Readonly<Record<LocalSource, boolean>> = {
      microphone: this.local.microphoneOn,
      camera: this.local.cameraOn,
      screen_video: this.local.share.on,
      screen_audio: this.local.track("screen_audio") !== null,
    };
    const silenced = LOCAL_SOURCES.filter((source) => on[source] && !permitted.includes(source));
    if (silenced.length > 0) {
      this.#events.emit("silenced", silenced);
      void this.#silence(silenced);
    }
  }

  /** Lets go of the devices. */
  close(): void {
    this.#closed = true;
    this.#voice.close();
    this.local.close();
  }

  async #silence(sources: readonly LocalSource[]): Promise<void> {
    for (const source of sources) {
      await this.local.silence(source);
      await (source === "screen_video" || source === "screen_audio" ? this.#shareChanged() : this.#changed(source));
    }
  }

  #requirePermission(source: LocalSource, on: boolean): void {
    if (on && !this.#ports.permitted().includes(source)) {
      throw new CallError("not-permitted");
    }
  }

  /** A device or a shared screen ended by itself. */
  async #handleEnded(source: Exclude<LocalSource, "screen_audio">): Promise<void> {
    if (source === "screen_video") {
      return this.#shareChanged();
    }
    await this.#changed(source);
    this.#events.emit("device-ended", source);
  }

  async #shareChanged(): Promise<void> {
    await this.#changed("screen_audio");
    await this.#changed("screen_video");
  }

  async #changed(source: LocalSource): Promise<void> {
    if (this.#closed) {
      // A device may have opened after the call was over.
      this.local.close();
      return;
    }
    if (source === "microphone") {
      this.watchVoice();
    }
    await this.#ports.changed(source);
  }
}
