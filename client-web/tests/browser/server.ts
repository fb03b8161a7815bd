// The real server as a process, behind a relay that can cut its TCP connections.
//
// It serves the client that was built into it. CLIENT=dist serves the one in client-web/dist instead, in front of the
// server: for a look at changes without a build of the server, though without its security headers.
import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import net from "node:net";
import path from "node:path";
import { type PreviewServer, preview } from "vite";

/** A program as `cargo test` builds it: with overflow and debug assertions checked. */
export function binary(name: "conclave" | "conclave-loadtest"): string {
  return path.resolve(import.meta.dirname, "../../../target/debug", name);
}

/** The address that media is sent to: one that every browser under test can reach. */
export const MEDIA_ADDRESS = process.env.BROWSER_TEST_ADDRESS ?? "127.0.0.1";

/** How long a test waits for what should happen at once: a loaded machine is slow. */
export const PATIENCE_MS = 60_000;

/** A server on ports of its own. A person reaches it at `url`, through the relay. */
export class Server {
  readonly url: string;
  readonly log: string[] = [];
  private child: ChildProcess | undefined;

  private constructor(
    private readonly httpPort: number,
    private readonly mediaPort: number,
    private readonly relay: Relay,
    private readonly client: PreviewServer | undefined,
    private readonly options: readonly string[],
  ) {
    this.url = `http://localhost:${relay.port}`;
  }

  /** `options`: of the command line, beside the addresses. */
  static async start(options: readonly string[] = []): Promise<Server> {
    const httpPort = await freePort();
    const client = process.env.CLIENT === "dist" ? await serveClient(httpPort) : undefined;
    const relay = await Relay.start(client?.port ?? httpPort);
    const server = new Server(httpPort, await freePort(), relay, client?.preview, options);
    await server.run();
    return server;
  }

  /** Address and port of the media. */
  get media(): string {
    return `${MEDIA_ADDRESS}:${this.mediaPort}`;
  }

  get pid(): number {
    if (this.child?.pid === undefined) throw new Error("the server does not run");
    return this.child.pid;
  }

  /** Ends the process at once, as a crash would. */
  async kill(): Promise<void> {
    const child = this.child;
    if (!child) return;
    this.child = undefined;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  /** Starts the process again, with no memory of before but that in a state folder. */
  async run(): Promise<void> {
    const child = spawn(
      binary("conclave"),
      [
        ...["serve", "--listen", `127.0.0.1:${this.httpPort}`, "--media", this.media, "--advertise", MEDIA_ADDRESS],
        ...this.options,
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => this.log.push(text));
    }
    await until("the server is ready", async () => {
      if (child.exitCode !== null) throw new Error(`the server ended:\n${this.log.join("")}`);
      return fetch(`http://127.0.0.1:${this.httpPort}/readyz`).then(
        (response) => response.ok,
        () => false,
      );
    });
  }

  /** Cuts every TCP connection and refuses new ones until `restore`. */
  cut(): void {
    this.relay.cut();
  }

  restore(): void {
    this.relay.restore();
  }

  async stop(): Promise<void> {
    await this.kill();
    this.relay.close();
    await this.client?.close();
  }
}

/** Serves the built client, and everything else from the server. */
async function serveClient(httpPort: number): Promise<{ port: number; preview: PreviewServer }> {
  const port = await freePort();
  const target = `http://localhost:${httpPort}`;
  const there = { target, headers: { origin: target }, changeOrigin: true };
  const server = await preview({
    root: path.resolve(import.meta.dirname, "../.."),
    logLevel: "error",
    preview: {
      host: "127.0.0.1",
      port,
      proxy: { "/api": there, "/t": there, "/livez": there, "/metrics": there, "/ws": { ...there, ws: true } },
    },
  });
  return { port, preview: server };
}

/** Forwards TCP; stands in for a network that goes away. */
class Relay {
  private readonly sockets = new Set<net.Socket>();
  private up = true;

  private constructor(
    private readonly listener: net.Server,
    readonly port: number,
  ) {}

  static async start(target: number): Promise<Relay> {
    const listener = net.createServer();
    // On all addresses: some tests have browsers in another network.
    listener.listen(0, "0.0.0.0");
    await once(listener, "listening");
    const relay = new Relay(listener, (listener.address() as net.AddressInfo).port);
    listener.on("connection", (socket) => relay.forward(socket, target));
    return relay;
  }

  cut(): void {
    this.up = false;
    for (const socket of this.sockets) socket.destroy();
  }

  restore(): void {
    this.up = true;
  }

  close(): void {
    this.cut();
    this.listener.close();
  }

  private forward(inner: net.Socket, target: number): void {
    if (!this.up) {
      inner.destroy();
      return;
    }
    const outer = net.connect(target, "127.0.0.1");
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      this.sockets.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.sockets.delete(from);
        to.destroy();
      });
    }
  }
}

/** A port of TCP that is free, below those that the system gives to browsers and relays in the meantime. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    const probe = net.createServer();
    probe.listen(port, "127.0.0.1");
    const isFree = await once(probe, "listening").then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    probe.close();
    await once(probe, "close");
    return port;
  }
}

/** Asks again every 50 ms until the answer is yes; fails after `timeoutMs`, saying what was waited for. */
export async function until(what: string, ask: () => Promise<boolean>, timeoutMs = PATIENCE_MS): Promise<number> {
  const begin = performance.now();
  for (;;) {
    if (await ask()) return performance.now() - begin;
    if (performance.now() - begin > timeoutMs) throw new Error(`after ${timeoutMs} ms: not yet so that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** How long nothing may arrive to count as stopped, in milliseconds. */
export const QUIET_MS = 1_000;

/** Waits until a count stands still. */
export async function standsStill(what: string, count: () => Promise<number>): Promise<void> {
  let before = -1;
  let since = performance.now();
  await until(what, async () => {
    const now = await count();
    if (now !== before) since = performance.now();
    before = now;
    return performance.now() - since >= QUIET_MS;
  });
}
