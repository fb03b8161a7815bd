// A home network in a namespace of its own, between a browser and the server: what a test does to it is real to both.
//
// Rate and loss come from the kernel (tc, iptables) and hold for everything. All UDP of the home goes through the load
// tester's relay, which delays, reorders and loses in bursts, and gives the home another source port.
import { type ChildProcessByStdio, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import readline from "node:readline";
import type { Readable, Writable } from "node:stream";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";

import { launchChromium } from "./person.ts";
import { binary, MEDIA_ADDRESS, type Server } from "./server.ts";

/** Both ends of the home's two ways to the world, only one of which is in use. */
const LINES = {
  wifi: { outside: "wifi0", inside: "wifi1", gateway: "10.99.1.1", address: "10.99.1.2" },
  mobile: { outside: "mobile0", inside: "mobile1", gateway: "10.99.2.1", address: "10.99.2.2" },
} as const;

type Line = keyof typeof LINES;
type Piped = ChildProcessByStdio<Writable, Readable, null>;

export class HomeNetwork {
  private rules: string[][] = [];
  private readonly browsers: Browser[] = [];

  private constructor(
    private readonly server: Server,
    private readonly folder: string,
    private readonly holder: Piped,
    private readonly relay: Piped,
    private readonly answers: AsyncIterator<string>,
  ) {}

  static async start(server: Server): Promise<HomeNetwork> {
    // A process that does nothing keeps the namespace, and ends with the pipe to this one.
    const holder = spawn("unshare", ["--net", "sh", "-c", "echo ready; exec cat"], PIPED);
    await once(holder.stdout, "data");
    const relay = spawn(binary("conclave-loadtest"), ["relay", "--listen", "0.0.0.0:0", "--to", server.media], PIPED);
    const answers = readline.createInterface(relay.stdout)[Symbol.asyncIterator]();
    const folder = await mkdtemp(path.join(tmpdir(), "conclave-home-"));
    const home = new HomeNetwork(server, folder, holder, relay, answers);
    const { listening } = await home.answer();
    await home.inside("ip", "link", "set", "lo", "up");
    // Chromium tells a page of another network two seconds after its last address came: this home's only one is IPv4.
    await home.inside("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1");
    for (const line of Object.values(LINES)) {
      await run(
        "ip",
        "link",
        "add",
        line.outside,
        "type",
        "veth",
        "peer",
        "name",
        line.inside,
        "netns",
        `${holder.pid}`,
      );
      await run("ip", "addr", "add", `${line.gateway}/24`, "dev", line.outside);
      await run("ip", "link", "set", line.outside, "up");
      await home.inside("ip", "addr", "add", `${line.address}/24`, "dev", line.inside);
      // Behind segmentation offload a rule would drop many packets as one.
      const off = ["tso", "off", "gso", "off", "gro", "off", "tx-udp-segmentation", "off"];
      await run("ethtool", "-K", line.outside, ...off);
      await home.inside("ethtool", "-K", line.inside, ...off);
      const media = ["-p", "udp", "--dport", port(server.media), "-j", "REDIRECT", "--to-ports", port(`${listening}`)];
      await run("iptables", "-t", "nat", "-A", "PREROUTING", "-i", line.outside, ...media);
    }
    await home.use("wifi");
    return home;
  }

  /** Chromium in this home, for the page at `url`. */
  async launchChromium(): Promise<Browser> {
    const executable = path.join(this.folder, "chromium");
    await writeFile(
      executable,
      `#!/bin/sh\nexec nsenter --net=/proc/${this.holder.pid}/ns/net /usr/bin/chromium "$@"\n`,
    );
    await chmod(executable, 0o755);
    // The page comes over plain HTTP from another host, as it never does in real life.
    const browser = await launchChromium([`--unsafely-treat-insecure-origin-as-secure=${this.url}`], executable);
    this.browsers.push(browser);
    return browser;
  }

  /** The server as seen from here. */
  get url(): string {
    return `http://${MEDIA_ADDRESS}:${new URL(this.server.url).port}`;
  }

  /** The link of a room as somebody here opens it. */
  link(link: string): string {
    const { pathname, hash } = new URL(link);
    return `${this.url}${pathname}${hash}`;
  }

  /** Loses that share of all packets in each direction, one by one; 1 is an outage. */
  async lose(share: number): Promise<void> {
    const random = share < 1 ? ["-m", "statistic", "--mode", "random", "--probability", `${share}`] : [];
    for (const line of Object.values(LINES)) {
      await this.rule("outside", "-i", line.outside, ...random, "-j", "DROP");
      await this.rule("inside", "-i", line.inside, ...random, "-j", "DROP");
    }
  }

  /** Lets UDP neither in nor out, as some companies do. */
  async blockUdp(): Promise<void> {
    for (const line of Object.values(LINES)) await this.rule("outside", "-i", line.outside, "-p", "udp", "-j", "DROP");
  }

  /** Limits each direction; what waits longer than `queueMs` is dropped. */
  async limit(kbit: number, queueMs: number): Promise<void> {
    const limit = ["root", "tbf", "rate", `${kbit}kbit`, "burst", "3kb", "latency", `${queueMs}ms`];
    for (const line of Object.values(LINES)) {
      await run("tc", "qdisc", "replace", "dev", line.outside, ...limit);
      await this.inside("tc", "qdisc", "replace", "dev", line.inside, ...limit);
    }
  }

  /** Tells the relay what to do with the media of each direction, as in `conclave-loadtest relay --help`. */
  async impair(both: string): Promise<void> {
    await this.tell({ both });
  }

  /** From now on the server sees this home's media come from other ports, as after the NAT forgot them. */
  async changeSourcePorts(): Promise<void> {
    await this.tell({ rebind: true });
  }

  /** Takes the other interfaces down and brings this one up: another address and another way. */
  async use(line: Line): Promise<void> {
    for (const other of Object.values(LINES)) await this.inside("ip", "link", "set", other.inside, "down");
    await this.inside("ip", "link", "set", LINES[line].inside, "up");
    await this.inside("ip", "route", "add", "default", "via", LINES[line].gateway);
  }

  /** Takes every impairment away. */
  async heal(): Promise<void> {
    for (const [program, ...args] of this.rules.splice(0)) await run(program ?? "", ...args);
    for (const line of Object.values(LINES)) {
      await run("tc", "qdisc", "del", "dev", line.outside, "root").catch(() => undefined);
      await this.inside("tc", "qdisc", "del", "dev", line.inside, "root").catch(() => undefined);
    }
    await this.impair("");
  }

  async stop(): Promise<void> {
    await Promise.all(this.browsers.map((browser) => browser.close()));
    this.relay.kill();
    await once(this.relay, "exit");
    for (const line of Object.values(LINES)) await run("ip", "link", "del", line.outside);
    await run("iptables", "-t", "nat", "-F");
    this.holder.kill();
    await rm(this.folder, { recursive: true });
  }

  /** A rule for incoming packets that `heal` takes away. */
  private async rule(side: "inside" | "outside", ...rule: string[]): Promise<void> {
    const prefix = side === "inside" ? this.enter("iptables") : ["iptables"];
    const [program, ...args] = prefix;
    await run(program ?? "", ...args, "-A", "INPUT", ...rule);
    this.rules.push([...prefix, "-D", "INPUT", ...rule]);
  }

  private async inside(...command: string[]): Promise<void> {
    const [program, ...args] = this.enter(...command);
    await run(program ?? "", ...args);
  }

  private enter(...command: string[]): string[] {
    return ["nsenter", `--net=/proc/${this.holder.pid}/ns/net`, ...command];
  }

  private async tell(control: object): Promise<void> {
    this.relay.stdin.write(`${JSON.stringify(control)}\n`);
    const answer = await this.answer();
    if (answer["error"] !== undefined) throw new Error(`the relay says: ${answer["error"]}`);
  }

  private async answer(): Promise<Record<string, unknown>> {
    const { value, done } = await this.answers.next();
    if (done) throw new Error("the relay ended");
    return JSON.parse(value);
  }
}

const PIPED = { stdio: ["pipe", "pipe", "inherit"] as ["pipe", "pipe", "inherit"] };

async function run(program: string, ...args: string[]): Promise<void> {
  // Without a lock file of the system, so that it works for a user who is root only in here.
  const env = { ...process.env, XTABLES_LOCKFILE: path.join(tmpdir(), `conclave-xtables-${process.pid}.lock`) };
  await promisify(execFile)(program, args, { env });
}

function port(address: string): string {
  return address.slice(address.lastIndexOf(":") + 1);
}
