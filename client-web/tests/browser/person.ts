// A person with a browser: joins by the accessible names alone and looks at what is on the screen.
import { readFile } from "node:fs/promises";
import { type Browser, type BrowserContext, chromium, firefox, type Page } from "playwright-core";

import { PATIENCE_MS, until } from "./server.ts";

/** Keeps every peer connection where a test can read its statistics. */
const KEEP_PEER_CONNECTIONS = `(() => {
  const Original = window.RTCPeerConnection;
  window.peerConnections = [];
  window.RTCPeerConnection = class extends Original {
    constructor(...args) { super(...args); window.peerConnections.push(this); }
  };
})()`;

/** Keeps what the page saves, in place of a download: the driver of Firefox tells nothing of those. */
const KEEP_SAVED = `(() => {
  window.saved = [];
  const blobs = new Map();
  const create = URL.createObjectURL;
  URL.createObjectURL = (blob) => {
    const address = create.call(URL, blob);
    blobs.set(address, blob);
    return address;
  };
  const click = HTMLAnchorElement.prototype.click;
  HTMLAnchorElement.prototype.click = function () {
    if (this.download === "") return click.call(this);
    window.saved.push({ name: this.download, blob: blobs.get(this.href) });
  };
})()`;

/** A file that the page saved. */
export interface Saved {
  readonly name: string;
  readonly content: Buffer;
}

export const launchChromium = (args: readonly string[] = [], executablePath = "/usr/bin/chromium"): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--autoplay-policy=no-user-gesture-required",
      "--use-fake-device-for-media-stream",
      "--use-fake-ui-for-media-stream",
      ...args,
    ],
  });

/** Where Firefox plays its sound, as run.sh says. */
const FIREFOX_SOUND = process.env["FIREFOX_SOUND"];

export const launchFirefox = (): Promise<Browser> =>
  firefox.launch({
    channel: "moz-firefox",
    executablePath: "/usr/bin/firefox-esr",
    env: { ...process.env, ...(FIREFOX_SOUND !== undefined && { PULSE_SERVER: FIREFOX_SOUND }) },
    firefoxUserPrefs: {
      "media.navigator.streams.fake": true,
      "media.navigator.permission.disabled": true,
      "media.autoplay.default": 0,
      "media.peerconnection.ice.obfuscate_host_addresses": false,
    },
  });

const isFirefox = (browser: Browser) => browser.browserType().name() === "firefox";

/** Of a window's inside, in CSS pixels. */
export interface WindowSize {
  readonly width: number;
  readonly height: number;
}

export class Person {
  readonly errors: string[] = [];
  readonly hosts = new Set<string>();

  private static readonly everybody = new Set<Person>();

  private constructor(
    readonly name: string,
    readonly browser: Browser,
    readonly page: Page,
    private readonly context: BrowserContext,
  ) {
    Person.everybody.add(this);
    page.on("pageerror", (error) => this.errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") this.errors.push(message.text());
    });
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (url.protocol.startsWith("http") || url.protocol.startsWith("ws")) this.hosts.add(url.host);
    });
  }

  /** Closes everybody that a test left behind. */
  static async closeAll(): Promise<void> {
    for (const person of [...Person.everybody]) await person.close();
  }

  static async open(
    browser: Browser,
    name: string,
    viewport: WindowSize = { width: 1280, height: 720 },
  ): Promise<Person> {
    const context = await browser.newContext({ viewport });
    await context.addInitScript(KEEP_PEER_CONNECTIONS);
    if (isFirefox(browser)) await context.addInitScript(KEEP_SAVED);
    return new Person(name, browser, await context.newPage(), context);
  }

  /** Opens the landing page, starts a meeting and returns its link. */
  async startMeeting(url: string): Promise<string> {
    await this.page.goto(url);
    await this.button("New meeting").click();
    await this.enter();
    return this.page.url();
  }

  async join(link: string): Promise<void> {
    await this.page.goto(link);
    await this.enter();
  }

  /** From the pre-join page into the call. */
  async enter(): Promise<void> {
    const name = this.page.getByRole("textbox", { name: "Your name" });
    await name.waitFor();
    await name.fill(this.name);
    await this.button("Join").click();
    await this.button("Leave").waitFor();
  }

  button(name: string) {
    return this.page.getByRole("button", { name, exact: true });
  }

  tile(name: string) {
    return this.page.getByRole("group", { name, exact: true });
  }

  /** The tiles of people, by name, with their crypto state. */
  async tiles(): Promise<Record<string, string>> {
    return this.page
      .locator("[role=group][data-crypto]")
      .evaluateAll((tiles) =>
        Object.fromEntries(tiles.map((tile) => [tile.getAttribute("aria-label"), tile.getAttribute("data-crypto")])),
      );
  }

  /** Waits until exactly these people are on the screen, every one of them secure. */
  async sees(names: readonly string[], timeoutMs = PATIENCE_MS): Promise<number> {
    const expected = JSON.stringify([...names].sort());
    return until(
      `${this.name} sees ${names.join(", ")}`,
      async () => {
        const tiles = await this.tiles();
        return (
          JSON.stringify(Object.keys(tiles).sort()) === expected &&
          Object.values(tiles).every((crypto) => crypto === "secure")
        );
      },
      timeoutMs,
    ).catch(async (error) => {
      throw new Error(`${error.message}; on the screen: ${JSON.stringify(await this.tiles())}; errors: ${this.errors}`);
    });
  }

  /** Waits until the picture of somebody moves: its video plays and its pixels change. */
  async seesMoving(name: string, timeoutMs = PATIENCE_MS): Promise<number> {
    const video = this.tile(name).locator("video");
    const look = () =>
      video.evaluate((element: HTMLVideoElement) => {
        const canvas = document.createElement("canvas");
        canvas.width = 64;
        canvas.height = 36;
        const context = canvas.getContext("2d");
        if (element.videoWidth === 0 || context === null) return undefined;
        context.drawImage(element, 0, 0, 64, 36);
        return { time: element.currentTime, pixels: String(context.getImageData(0, 0, 64, 36).data) };
      });
    let first: Awaited<ReturnType<typeof look>>;
    return until(
      `${this.name} sees ${name} moving`,
      async () => {
        if ((await video.count()) === 0) return false;
        const now = await look();
        if (first === undefined || now === undefined) {
          first = now;
          return false;
        }
        // Another stream in the same place counts its time anew.
        return now.time !== first.time && now.pixels !== first.pixels;
      },
      timeoutMs,
    );
  }

  /** Waits until this many video streams decoded frames since the call of this method. */
  decodes(streams: number): Promise<number> {
    return this.rises("video", "framesDecoded", streams);
  }

  /** Waits until sound with energy arrived on this many audio streams since the call of this method. */
  hears(streams: number): Promise<number> {
    return this.rises("audio", "totalAudioEnergy", streams);
  }

  /** Lines of the picture of somebody that arrives, and how many packets of it did so far. */
  pictureOf(name: string): Promise<{ height: number; packets: number }> {
    return this.tile(name)
      .locator("video")
      .evaluate(async (element: HTMLVideoElement) => {
        const track = (element.srcObject as MediaStream | null)?.getVideoTracks()[0]?.id;
        const connections = (window as unknown as { peerConnections: RTCPeerConnection[] }).peerConnections;
        for (const connection of connections) {
          if (connection.connectionState === "closed") continue;
          for (const report of (await connection.getStats()).values()) {
            if (report.type === "inbound-rtp" && report.trackIdentifier === track) {
              return { height: element.videoHeight, packets: report.packetsReceived };
            }
          }
        }
        return { height: 0, packets: 0 };
      });
  }

  /** Every encoding of the own pictures: its name, its lines and its packets so far. */
  sentPictures(): Promise<{ name: string; height: number; packets: number }[]> {
    return this.page.evaluate(async () => {
      const sent: { name: string; height: number; packets: number }[] = [];
      const connections = (window as unknown as { peerConnections: RTCPeerConnection[] }).peerConnections;
      for (const connection of connections) {
        if (connection.connectionState === "closed") continue;
        for (const report of (await connection.getStats()).values()) {
          if (report.type === "outbound-rtp" && report.kind === "video") {
            const { ssrc, rid = "", frameHeight = 0, packetsSent = 0 } = report;
            sent.push({ name: `${rid}/${ssrc}`, height: frameHeight, packets: packetsSent });
          }
        }
      }
      return sent;
    });
  }

  /** The file that the page saves because of `action`. */
  async saves(action: () => Promise<void>): Promise<Saved> {
    if (!isFirefox(this.browser)) {
      const [download] = await Promise.all([this.page.waitForEvent("download", { timeout: PATIENCE_MS }), action()]);
      return { name: download.suggestedFilename(), content: await readFile(await download.path()) };
    }
    type Scope = { saved: { name: string; blob: Blob }[] };
    const count = () => this.page.evaluate(() => (window as unknown as Scope).saved.length);
    const before = await count();
    await action();
    await until(`${this.name} saves a file`, async () => (await count()) > before);
    const { name, address } = await this.page.evaluate(async (index) => {
      const file = (window as unknown as Scope).saved[index];
      const reader = new FileReader();
      const read = new Promise((resolve) => reader.addEventListener("load", resolve));
      reader.readAsDataURL(file?.blob ?? new Blob());
      await read;
      return { name: file?.name ?? "", address: String(reader.result) };
    }, before);
    return { name, content: Buffer.from(address.slice(address.lastIndexOf(",") + 1), "base64") };
  }

  /** What the page is told when another tab covers it, or when it is shown again. */
  async putIntoBackground(hidden: boolean): Promise<void> {
    await this.page.evaluate((hidden) => {
      Object.defineProperty(document, "visibilityState", { value: hidden ? "hidden" : "visible", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
  }

  /** The call code, read from the Security panel. */
  async callCode(): Promise<string> {
    const code = this.page.getByTestId("call-code");
    if (!(await code.isVisible())) await this.button("Security").click();
    await until(`${this.name} sees a call code`, async () =>
      /^(\d{5}\s+){5}\d{5}$/.test(((await code.textContent()) ?? "").trim()),
    );
    const text = ((await code.textContent()) ?? "").trim().split(/\s+/).join(" ");
    await this.page.keyboard.press("Escape");
    return text;
  }

  async close(): Promise<void> {
    Person.everybody.delete(this);
    await this.context.close();
  }

  /** Waits until a counter of this many received streams rose. */
  private async rises(kind: "audio" | "video", counter: string, streams: number): Promise<number> {
    const before = await this.received(kind, counter);
    return until(`${counter} of ${streams} streams rises for ${this.name}`, async () => {
      const now = await this.received(kind, counter);
      return Object.entries(now).filter(([stream, count]) => count > (before[stream] ?? 0)).length >= streams;
    });
  }

  private received(kind: string, counter: string): Promise<Record<string, number>> {
    return this.page.evaluate(
      async ([kind, counter]) => {
        const counts: Record<string, number> = {};
        const connections = (window as unknown as { peerConnections: RTCPeerConnection[] }).peerConnections;
        for (const [index, connection] of connections.entries()) {
          if (connection.connectionState === "closed") continue;
          for (const report of (await connection.getStats()).values()) {
            if (report.type === "inbound-rtp" && report.kind === kind) {
              counts[`${index}/${report.ssrc}`] = report[counter ?? ""] ?? 0;
            }
          }
        }
        return counts;
      },
      [kind, counter],
    );
  }
}
