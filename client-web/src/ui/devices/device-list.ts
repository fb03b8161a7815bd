// Keeps the lists of cameras, microphones and speakers up to date while devices come and go.

import { type ReadonlySignal, signal } from "@preact/signals";

/** A device as a picker shows it. */
export interface Device {
  readonly id: string;
  /** Empty until the person has allowed a device of this kind. */
  readonly label: string;
}

/** The devices of the machine. */
export interface Devices {
  readonly cameras: readonly Device[];
  readonly microphones: readonly Device[];
  readonly speakers: readonly Device[];
}

const NO_DEVICES: Devices = { cameras: [], microphones: [], speakers: [] };

/** The live lists; `close` it when no picker needs them. */
export class DeviceList {
  readonly #devices = signal<Devices>(NO_DEVICES);
  readonly #source: MediaDevices | undefined;
  readonly #onChange = () => void this.refresh();

  /** Starts to listen; `source` is undefined on pages that get no devices (plain http). */
  constructor(source: MediaDevices | undefined) {
    this.#source = source;
    source?.addEventListener("devicechange", this.#onChange);
    void this.refresh();
  }

  get devices(): ReadonlySignal<Devices> {
    return this.#devices;
  }

  /** Reads the lists again; labels appear once a device was allowed. */
  async refresh(): Promise<void> {
    if (this.#source === undefined) {
      return;
    }
    try {
      const all = await this.#source.enumerateDevices();
      this.#devices.value = {
        cameras: ofKind(all, "videoinput"),
        microphones: ofKind(all, "audioinput"),
        speakers: ofKind(all, "audiooutput"),
      };
    } catch {
      this.#devices.value = NO_DEVICES;
    }
  }

  close(): void {
    this.#source?.removeEventListener("devicechange", this.#onChange);
  }
}

function ofKind(all: readonly MediaDeviceInfo[], kind: MediaDeviceKind): Device[] {
  // Chromium lists "default" and "communications" as doubles of real devices; a device without id is not yet allowed.
  return all
    .filter((info) => info.kind === kind && !["", "default", "communications"].includes(info.deviceId))
    .map((info) => ({ id: info.deviceId, label: info.label }));
}
