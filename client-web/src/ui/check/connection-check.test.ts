import { describe, expect, it } from "vitest";
import type { PathProtocol, PathResult } from "../../index.ts";
import { platformOf } from "../devices/platform.ts";
import type { SdkPort } from "../port.ts";
import { ConnectionCheck, type Findings, reportOf, verdictOf } from "./connection-check.ts";

const OPEN = { open: true, roundTripMs: 20 } as const;
const CLOSED = { open: false, why: "closed" } as const;
const CARRIED = { up: 2e6, down: 2e6, lossUp: 0, lossDown: 0, delayMs: 20, protocol: "udp" } as const;

const done = <Found>(found: Found) => ({ kind: "done", found }) as const;

const good: Findings = {
  platform: { system: "linux", browser: "chrome", version: "150" },
  missing: [],
  codecs: ["OPUS", "VP8", "VP9"],
  server: done(12),
  udp: done(OPEN),
  tcp: done(OPEN),
  call: done(CARRIED),
};

describe("what the findings mean", () => {
  it.each<[string | undefined, Partial<Findings>]>([
    ["good", {}],
    ["good", { tcp: done({ open: false, why: "not_offered" }) }],
    ["browser", { missing: ["encoded-transforms"], server: { kind: "waiting" } }],
    ["server", { server: done(undefined), udp: { kind: "waiting" } }],
    ["blocked", { udp: done(CLOSED), tcp: done(CLOSED), call: { kind: "waiting" } }],
    ["no_picture", { call: done(undefined) }],
    ["tcp_only", { udp: done(CLOSED), call: done({ ...CARRIED, protocol: "tcp" }) }],
    ["narrow", { call: done({ ...CARRIED, up: 300_000 }) }],
    ["lossy", { call: done({ ...CARRIED, lossDown: 0.1 }) }],
    [undefined, { call: { kind: "running" } }],
    [undefined, { udp: { kind: "running" } }],
  ])("is %s", (verdict, change) => {
    expect(verdictOf({ ...good, ...change })).toBe(verdict);
  });

  it("is in the report, which has the time and what was found", () => {
    const report: unknown = JSON.parse(reportOf(good, new Date(0)));
    expect(report).toMatchObject({ verdict: "good", at: "1970-01-01T00:00:00.000Z", udp: { found: OPEN } });
  });
});

describe("the test", () => {
  function sdk(paths: Readonly<Record<PathProtocol, PathResult>>, serverMs: number | undefined) {
    const asked: string[] = [];
    const port = {
      missingFeatures: () => [],
      reachServer: () => Promise.resolve(serverMs),
      createMeeting: () => Promise.resolve({ link: { room: "r", secret: "s" } }),
      tryPath: (_room: string, protocol: PathProtocol) => {
        asked.push(protocol);
        return Promise.resolve(paths[protocol]);
      },
      openCall: () => {
        asked.push("call");
        throw new Error("no call here");
      },
    };
    return { port: port as unknown as SdkPort, asked };
  }

  async function run(paths: Readonly<Record<PathProtocol, PathResult>>, serverMs?: number) {
    const { port, asked } = sdk(paths, serverMs);
    const picture = () => ({}) as MediaStreamTrack;
    const check = new ConnectionCheck(port, { platform: good.platform, codecs: ["VP9"], picture });
    await check.run();
    return { asked, verdict: verdictOf(check.findings.value) };
  }

  it("asks nothing more of a server that does not answer", async () => {
    expect(await run({ udp: OPEN, tcp: OPEN })).toEqual({ asked: [], verdict: "server" });
  });

  it("calls nobody where no way is open", async () => {
    expect(await run({ udp: CLOSED, tcp: CLOSED }, 10)).toEqual({ asked: ["udp", "tcp"], verdict: "blocked" });
  });

  it("survives a call that does not come about", async () => {
    expect(await run({ udp: CLOSED, tcp: OPEN }, 10)).toEqual({
      asked: ["udp", "tcp", "call"],
      verdict: "no_picture",
    });
  });
});

describe("the platform", () => {
  const mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)";
  it.each([
    ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0.0.0 Safari/537.36", 0, "linux chrome 150"],
    ["Mozilla/5.0 (Windows NT 10.0) Chrome/150.0.0.0 Safari/537.36 Edg/150.0.0.0", 0, "windows edge 150"],
    ["Mozilla/5.0 (Windows NT 10.0; rv:153.0) Gecko/20100101 Firefox/153.0", 10, "windows firefox 153"],
    [`${mac} Version/26.4 Safari/605.1.15`, 0, "macos safari 26"],
    [`${mac} Version/26.4 Safari/605.1.15`, 5, "ios safari 26"],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 26_1) CriOS/150.0 Mobile/15E148 Safari/604.1", 5, "ios chrome 150"],
    ["Mozilla/5.0 (Linux; Android 16) Chrome/150.0.0.0 Mobile Safari/537.36", 5, "android chrome 150"],
    ["", 0, "linux chrome "],
  ])("of %s is known", (userAgent, touchPoints, known) => {
    const { system, browser, version } = platformOf(userAgent, touchPoints);
    expect(`${system} ${browser} ${version}`).toBe(known);
  });
});
