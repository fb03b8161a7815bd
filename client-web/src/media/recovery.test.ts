import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { bytesReceived, Recovery } from "./recovery.ts";

let recovery: Recovery;
let restarts: number[];
let givenUp: number[];
let suspected: number[];
let bytes: number;

beforeEach(() => {
  vi.useFakeTimers();
  restarts = [];
  givenUp = [];
  suspected = [];
  bytes = 0;
  recovery = new Recovery({
    suspect: () => suspected.push(performance.now()),
    restartIce: () => restarts.push(performance.now()),
    giveUp: () => givenUp.push(performance.now()),
  });
});

afterEach(() => {
  recovery.close();
  vi.useRealTimers();
});

/** Lets time pass as on a connection on which something arrives or not, looked at every 200 ms. */
async function pass(ms: number, arrives: boolean): Promise<void> {
  for (const end = performance.now() + ms; performance.now() < end; ) {
    await vi.advanceTimersByTimeAsync(200);
    bytes += arrives ? 4_000 : 0;
    recovery.look(bytes);
  }
}

describe("a connection", () => {
  it("is left alone while something arrives, or nothing ever did", async () => {
    await pass(20_000, false);
    await pass(20_000, true);
    expect(restarts).toEqual([]);
  });

  it("is restarted once, a second after the last arrival", async () => {
    await pass(5_000, true);
    const last = performance.now();
    await pass(2_000, false);
    expect(restarts).toEqual([last + 1_000]);
  });

  it("is suspected first, once, so that signaling is there when it is restarted", async () => {
    await pass(5_000, true);
    const last = performance.now();
    await pass(800, false);
    expect(suspected).toEqual([last + 600]);
    await pass(1_000, true);
    expect(restarts).toEqual([]);
    await pass(2_000, false);
    expect(suspected).toHaveLength(2);
  });

  it("is restarted sooner just after the network changed", async () => {
    await pass(5_000, true);
    const last = performance.now();
    recovery.handleNetworkChange();
    expect(restarts).toEqual([]);
    await pass(2_000, false);
    expect(restarts).toEqual([last + 400]);
  });

  it("is restarted again and again after each answer that did not help, and then given up", async () => {
    await pass(5_000, true);
    await pass(1_000, false);
    const [first = 0] = restarts;
    for (let step = 0; step < 4; step += 1) {
      recovery.handleAnswered();
      await pass(2_600, false);
    }
    expect(restarts.slice(0, 4)).toEqual([first, first + 1_000, first + 3_600, first + 7_700]);
    expect(givenUp).toEqual([first + 8_000]);
  });

  it("is restarted at once when the browser finds another network after a restart, unless that is enough", async () => {
    await pass(5_000, true);
    await pass(1_000, false);
    const [first = 0] = restarts;
    recovery.handleNewPath();
    await pass(400, false);
    expect(restarts).toEqual([first]);
    recovery.handleAnswered();
    await pass(400, false);
    recovery.handleNewPath();
    await pass(200, false);
    expect(restarts).toEqual([first, first + 1_000]);
    recovery.handleAnswered();
    recovery.handleNewPath();
    recovery.handleAlive();
    await pass(20_000, true);
    recovery.handleNewPath();
    await pass(2_000, true);
    expect(restarts).toHaveLength(2);
  });

  it("waits for as long as nobody answers, for no other connection would be answered either", async () => {
    await pass(5_000, true);
    await pass(60_000, false);
    expect(restarts).toHaveLength(1);
    expect(givenUp).toEqual([]);
    recovery.handleNetworkChange();
    expect(restarts).toHaveLength(2);
  });

  it("is not restarted or given up any more once something arrives", async () => {
    await pass(5_000, true);
    await pass(1_000, false);
    recovery.handleAnswered();
    await pass(1_000, true);
    expect(recovery.lost).toBe(false);
    await pass(20_000, true);
    expect(restarts).toHaveLength(1);
    expect(givenUp).toEqual([]);
  });

  it("can be lost again", async () => {
    for (let times = 1; times <= 3; times += 1) {
      await pass(5_000, true);
      await pass(1_000, false);
      expect(restarts).toHaveLength(times);
      recovery.handleAnswered();
    }
    expect(givenUp).toEqual([]);
  });

  it("is not judged by a time in which nobody looked", async () => {
    await pass(5_000, true);
    await vi.advanceTimersByTimeAsync(60_000);
    recovery.look(bytes);
    await pass(5_000, false);
    expect(restarts).toEqual([]);
  });

  it("is restarted when ICE says that it is gone, and left alone when ICE says that it is back", async () => {
    recovery.handleLost();
    recovery.handleLost();
    expect(restarts).toHaveLength(1);
    recovery.handleAnswered();
    recovery.handleAlive();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(restarts).toHaveLength(1);
    expect(givenUp).toEqual([]);
  });
});

describe("the bytes received", () => {
  const report = (...stats: object[]) => new Map(stats.map((each, index) => [`${index}`, each as RTCStats]));

  it("are those of the transport, or of its paths where a browser knows no more", () => {
    const paths = [
      { type: "candidate-pair", bytesReceived: 5 },
      { type: "candidate-pair", bytesReceived: 7 },
      { type: "candidate-pair" },
      { type: "inbound-rtp", bytesReceived: 100 },
    ];
    expect(bytesReceived(report(...paths))).toBe(12);
    expect(bytesReceived(report(...paths, { type: "transport", bytesReceived: 20 }))).toBe(20);
  });
});
