import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ClientMessage, ServerMessage } from "../wire/types.ts";
import { delayBefore, patience } from "./backoff.ts";
import { SignalingSocket, type SocketOptions, type SocketState } from "./socket.ts";
import type { Connect, TransportHandlers } from "./transport.ts";

/** A server that does what the test says. */
class Server {
  /** Whether anybody listens; when not, attempts fail at once. */
  up = true;
  /** Whether packets arrive at all; when not, nothing ever happens. */
  network = true;
  answersPing = true;
  /** What Hello is answered with. */
  answer: ServerMessage = state("token");
  connections: { handlers: TransportHandlers; sent: ClientMessage[]; closed: boolean }[] = [];

  readonly connect: Connect = (_url, _subprotocol, handlers) => {
    const connection = { handlers, sent: [] as ClientMessage[], closed: false };
    this.connections.push(connection);
    if (this.network) {
      queueMicrotask(() => (this.up ? handlers.opened() : handlers.closed()));
    }
    return {
      send: (text) => {
        const message = JSON.parse(text) as ClientMessage;
        connection.sent.push(message);
        if (!this.network) {
          return;
        }
        if (message.type === "hello") {
          this.say(connection, this.answer);
        } else if (message.type === "ping" && this.answersPing) {
          this.say(connection, { type: "pong", id: message.id });
        }
      },
      close: () => {
        connection.closed = true;
      },
    };
  };

  say(connection: { handlers: TransportHandlers }, message: ServerMessage): void {
    queueMicrotask(() => connection.handlers.received(JSON.stringify(message)));
  }

  get last() {
    const connection = this.connections.at(-1);
    if (connection === undefined) {
      throw new Error("nobody connected");
    }
    return connection;
  }
}

function state(token: string): ServerMessage {
  return {
    type: "state",
    token,
    standing: "wait",
    policy: { suite: "post_quantum", max_participants: 50 },
    participants: [],
    tracks: [],
    idle_timeout_ms: 15_000,
  };
}

function open(server: Server, more: Partial<SocketOptions> = {}) {
  const socket = new SignalingSocket({
    server: new URL("http://meet.example"),
    hello: async () => ({ room: "room", client_id: "me" }),
    connect: server.connect,
    probe: async () => server.network && server.up,
    random: () => 0.5,
    ...more,
  });
  const states: SocketState[] = [];
  const refusals: string[] = [];
  socket.on("state", (value) => states.push(value));
  socket.on("refused", ({ code }) => refusals.push(code));
  socket.start();
  return { socket, states, refusals };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("the signaling socket", () => {
  it("says Hello first and is open once the server told its state", async () => {
    const server = new Server();
    const { socket, states } = open(server);
    await vi.advanceTimersByTimeAsync(10);
    expect(server.last.sent).toEqual([{ type: "hello", version: 1, room: "room", client_id: "me" }]);
    expect(states).toEqual(["connecting", "open"]);
    socket.stop();
  });

  it("sends nothing while it is not open, not even later", async () => {
    const server = new Server();
    const { socket } = open(server);
    expect(socket.send({ type: "group_info_request" })).toBe(false);
    await vi.advanceTimersByTimeAsync(10);
    expect(server.last.sent.map(({ type }) => type)).toEqual(["hello"]);
    expect(socket.send({ type: "group_info_request" })).toBe(true);
    socket.stop();
  });

  it("is back within a second after the server broke the connection", async () => {
    const server = new Server();
    const { socket, states } = open(server);
    await vi.advanceTimersByTimeAsync(10);
    server.last.handlers.closed();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(socket.state).toBe("open");
    expect(states).toEqual(["connecting", "open", "lost", "connecting", "open"]);
    socket.stop();
  });

  it("is back within two seconds after a server that was down for ten", async () => {
    const server = new Server();
    const { socket } = open(server);
    await vi.advanceTimersByTimeAsync(10);
    server.up = false;
    server.last.handlers.closed();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(socket.state).toBe("connecting");
    server.up = true;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(socket.state).toBe("open");
    socket.stop();
  });

  it("notices a connection that died silently, and is back within three seconds of the network", async () => {
    const server = new Server();
    const probe = (patienceMs: number) =>
      server.network ? Promise.resolve(true) : new Promise<boolean>((end) => setTimeout(() => end(false), patienceMs));
    const { socket, states } = open(server, { probe });
    await vi.advanceTimersByTimeAsync(10);
    server.network = false;
    await vi.advanceTimersByTimeAsync(8_500);
    expect(states).toContain("lost");
    await vi.advanceTimersByTimeAsync(21_500);
    server.network = true;
    socket.hurry();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(socket.state).toBe("open");
    socket.stop();
  });

  it("notices within a second that an old connection died with its network, when it is told to hurry", async () => {
    const server = new Server();
    const { socket, states } = open(server);
    await vi.advanceTimersByTimeAsync(10);
    server.answersPing = false;
    socket.hurry();
    await vi.advanceTimersByTimeAsync(1_000);
    server.answersPing = true;
    await vi.advanceTimersByTimeAsync(10);
    expect(states).toEqual(["connecting", "open", "lost", "connecting", "open"]);
    expect(server.connections).toHaveLength(2);
    socket.hurry();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.connections).toHaveLength(2);
    socket.stop();
  });

  it("does not wait longer for an old connection because it is told to hurry again and again", async () => {
    const server = new Server();
    const { socket, states } = open(server);
    await vi.advanceTimersByTimeAsync(10);
    server.answersPing = false;
    for (let times = 0; times < 4; times += 1) {
      socket.hurry();
      await vi.advanceTimersByTimeAsync(200);
    }
    expect(states).toEqual(["connecting", "open", "lost", "connecting", "open"]);
    socket.stop();
  });

  it("stays open for minutes while the server answers its pings", async () => {
    const server = new Server();
    const { socket, states } = open(server);
    await vi.advanceTimersByTimeAsync(300_000);
    expect(states).toEqual(["connecting", "open"]);
    expect(server.connections).toHaveLength(1);
    expect(server.last.sent.filter(({ type }) => type === "ping").length).toBeGreaterThanOrEqual(55);
    socket.stop();
  });

  it.each([
    "removed",
    "banned",
    "denied",
    "room_locked",
    "ended",
    "room_burnt",
    "link_expired",
    "link_used_up",
  ] as const)("stops when the server refuses for good, and says why: %s", async (code) => {
    const server = new Server();
    const { socket, refusals } = open(server);
    await vi.advanceTimersByTimeAsync(10);
    server.say(server.last, { type: "error", code, fatal: true });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(refusals).toEqual([code]);
    expect(socket.state).toBe("stopped");
    expect(server.connections).toHaveLength(1);
  });

  it("comes back when the server says that it will", async () => {
    const server = new Server();
    const { socket, refusals } = open(server);
    await vi.advanceTimersByTimeAsync(10);
    server.say(server.last, { type: "error", code: "shutting_down", fatal: true, retry_after_ms: 2_000 });
    await vi.advanceTimersByTimeAsync(1_900);
    expect(server.connections).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(500);
    expect(socket.state).toBe("open");
    expect(refusals).toEqual([]);
    socket.stop();
  });

  it("asks an overloaded server again, less and less often, until there is room", async () => {
    const server = new Server();
    server.answer = { type: "error", code: "overloaded", fatal: true, retry_after_ms: 5_000 };
    const { socket, states, refusals } = open(server);
    let turnedAway = 0;
    socket.on("overloaded", () => {
      turnedAway += 1;
    });
    await vi.advanceTimersByTimeAsync(10);
    // The random number of these tests makes each wait a quarter longer.
    const waits = [6_250, 12_500, 25_000, 50_000, 75_000, 75_000];
    for (const [index, wait] of waits.entries()) {
      await vi.advanceTimersByTimeAsync(wait - 100);
      expect(server.connections).toHaveLength(index + 1);
      if (index === waits.length - 1) {
        server.answer = state("token");
      }
      await vi.advanceTimersByTimeAsync(100);
      expect(server.connections).toHaveLength(index + 2);
    }
    expect(turnedAway).toBe(waits.length);
    expect(refusals).toEqual([]);
    expect(states.at(-1)).toBe("open");
    socket.stop();
  });

  it("drops a frame that is no message and goes on", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const server = new Server();
    const { socket } = open(server);
    await vi.advanceTimersByTimeAsync(10);
    server.last.handlers.received("{");
    server.last.handlers.received('{"type":"answer"}');
    await vi.advanceTimersByTimeAsync(10);
    expect(socket.state).toBe("open");
    expect(warn).toHaveBeenCalledTimes(2);
    warn.mockRestore();
    socket.stop();
  });

  it("hears nothing more of a connection it gave up", async () => {
    const server = new Server();
    const { socket } = open(server);
    await vi.advanceTimersByTimeAsync(10);
    const old = server.last;
    old.handlers.closed();
    await vi.advanceTimersByTimeAsync(1_000);
    let heard = 0;
    socket.on("message", () => {
      heard += 1;
    });
    old.handlers.received(JSON.stringify(state("old")));
    old.handlers.closed();
    await vi.advanceTimersByTimeAsync(10);
    expect(heard).toBe(0);
    expect(socket.state).toBe("open");
    socket.stop();
  });

  it("says goodbye when it is stopped", async () => {
    const server = new Server();
    const { socket } = open(server);
    await vi.advanceTimersByTimeAsync(10);
    socket.stop();
    expect(server.last.sent.at(-1)).toEqual({ type: "bye" });
    expect(server.last.closed).toBe(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.connections).toHaveLength(1);
  });
});

describe("the backoff", () => {
  it("never waits longer than a second and a quarter", () => {
    for (let attempt = 0; attempt < 100; attempt += 1) {
      for (const random of [0, 0.5, 0.999]) {
        expect(delayBefore(attempt, random)).toBeLessThanOrEqual(1_250);
      }
    }
  });

  it("gives slow networks more time with every few attempts", () => {
    expect(patience(0)).toBe(2_000);
    expect(patience(100)).toBe(8_000);
  });
});
