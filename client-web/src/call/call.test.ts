import { afterEach, describe, expect, it, vi } from "vitest";
import { Emitter } from "../base/emitter.ts";
import type { E2eeEvents } from "../e2ee/client.ts";
import type { Moderation } from "../e2ee/messages.ts";
import type { ErrorCode, State } from "../wire/types.ts";
import { Call } from "./call.ts";
import type { CallState } from "./call-events.ts";
import type { SessionEvents, SessionStart } from "./session.ts";

/** Sessions in the order in which calls began them. */
const sessions = vi.hoisted((): ScriptedSession[] => []);

/** A session that says what the test wants, as `Session` would for a socket, a worker and a connection. */
class ScriptedSession {
  readonly events = new Emitter<SessionEvents>();
  readonly notices = new Emitter<E2eeEvents>();
  readonly start: SessionStart;
  readonly token = "token";
  admitted = false;
  closed = false;

  constructor(start: SessionStart) {
    this.start = start;
    sessions.push(this);
  }

  on<Name extends keyof SessionEvents>(event: Name, handler: (value: SessionEvents[Name]) => void): void {
    this.events.on(event, (value) => (this.closed ? undefined : handler(value)));
  }

  onNotice<Name extends keyof E2eeEvents>(event: Name, handler: (value: E2eeEvents[Name]) => void): void {
    this.notices.on(event, (value) => (this.closed ? undefined : handler(value)));
  }

  connect(): void {}
  async settle(): Promise<void> {}
  async publish(): Promise<void> {}
  setTiles(): void {}
  setParticipants(): void {}
  setMuted(): void {}

  sendApp(): boolean {
    return this.admitted && !this.closed;
  }

  unconfirmed(): readonly never[] {
    return [];
  }

  handleNetworkChange(): void {}

  close(): void {
    this.closed = true;
  }

  stands(standing: State["standing"]): void {
    this.events.emit("standing", standing);
  }

  admit(epoch = 1): void {
    this.admitted = true;
    this.notices.emit("admitted", { epoch } as E2eeEvents["admitted"]);
  }

  refuse(code: ErrorCode): void {
    this.events.emit("refused", code);
  }

  break(): void {
    this.notices.emit("broken", { reason: "trap" } as E2eeEvents["broken"]);
  }
}

vi.mock("./session.ts", () => ({
  Session: class {
    constructor(start: SessionStart) {
      // biome-ignore lint/correctness/noConstructorReturn: the class under this name has to be made before the hoisted mock
      return new ScriptedSession(start);
    }
  },
}));

afterEach(() => {
  sessions.length = 0;
  vi.useRealTimers();
});

function begin(change: Partial<ConstructorParameters<typeof Call>[0]> = {}) {
  const call = new Call({
    server: new URL("http://localhost"),
    room: "ULkwk7-MKRztXfaCM0cD4g",
    secret: "8rdCNGv2dRRrsikAoZKqoU9yRehyVfWgfBjo0hkieFA",
    name: "Ada",
    ...change,
  });
  const states: CallState[] = [];
  call.on("state", (state) => states.push(state));
  const joined = call.join().then(
    () => "joined",
    (error: Error) => error.message,
  );
  return { call, states, joined, session: newest() };
}

function newest(): ScriptedSession {
  const session = sessions.at(-1);
  if (session === undefined) {
    throw new Error("no session was begun");
  }
  return session;
}

describe("the way into a call", () => {
  it("leads over the group to the call", async () => {
    const { call, states, joined, session } = begin();
    session.stands("join");
    session.admit(3);
    expect(states).toEqual(["connecting", "waiting", "in-call"]);
    expect([await joined, call.epoch]).toEqual(["joined", 3]);
  });

  it("waits in the lobby until a host lets it in, or sends it away", async () => {
    const inside = begin();
    inside.session.stands("knock");
    inside.session.notices.emit("knocking", {} as E2eeEvents["knocking"]);
    inside.session.stands("join");
    inside.session.admit();
    expect(inside.states).toEqual(["connecting", "waiting", "lobby", "waiting", "in-call"]);
    const outside = begin();
    outside.session.notices.emit("knocking", {} as E2eeEvents["knocking"]);
    outside.session.refuse("denied");
    await outside.joined;
    expect([outside.call.state, outside.call.endReason]).toEqual(["ended", "denied"]);
  });

  it("says that the server is full and goes on when it is not", () => {
    const { states, session } = begin();
    session.events.emit("overloaded", undefined);
    session.stands("join");
    session.admit();
    expect(states).toEqual(["connecting", "full", "waiting", "in-call"]);
  });

  it("is gone into once", async () => {
    const { call } = begin();
    await expect(call.join()).rejects.toThrow("not-idle");
  });
});

describe("a call that loses the server", () => {
  it("comes back as the same, and says so in its log", () => {
    const { call, states, session } = begin();
    session.admit();
    session.events.emit("lost", undefined);
    session.stands("resume");
    expect(states.slice(-2)).toEqual(["reconnecting", "in-call"]);
    expect(call.log.map((entry) => entry.kind)).toEqual(["lost", "recovered"]);
    expect(sessions).toHaveLength(1);
  });

  it("is not back before the group has taken it again", () => {
    const { call, session } = begin();
    session.admit();
    session.events.emit("lost", undefined);
    session.admitted = false;
    session.stands("resync");
    expect(call.state).toBe("reconnecting");
    session.admit(9);
    expect([call.state, call.epoch]).toEqual(["in-call", 9]);
  });

  it("does not take a loss before it was in for one of the call", () => {
    const { states, session } = begin();
    session.events.emit("lost", undefined);
    expect(states).toEqual(["connecting"]);
  });

  it("comes back as somebody new when its pseudonym is taken or its worker breaks", () => {
    const { call, session } = begin();
    session.admit();
    session.refuse("client_id_taken");
    const second = newest();
    expect([session.closed, call.state]).toEqual([true, "reconnecting"]);
    expect(second.start.clientId).not.toBe(session.start.clientId);
    second.admit();
    second.break();
    newest().admit();
    expect([sessions.length, call.state]).toEqual([3, "in-call"]);
  });

  it("gives up after three failures in a row, and not after many with quiet times between them", () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const calm = begin();
    for (let failure = 0; failure < 10; failure += 1) {
      newest().admit();
      newest().break();
      vi.advanceTimersByTime(61_000);
    }
    newest().admit();
    expect(calm.call.state).toBe("in-call");
    const { call } = begin();
    for (let failure = 0; failure < 4; failure += 1) {
      expect(call.state).not.toBe("ended");
      newest().break();
    }
    expect([call.state, call.endReason]).toEqual(["ended", "failed"]);
  });
});

describe("the end of a call", () => {
  const refusals: [ErrorCode, string][] = [
    ["removed", "removed"],
    ["banned", "banned"],
    ["room_locked", "locked"],
    ["room_full", "room-full"],
    ["link_expired", "expired"],
    ["link_used_up", "used-up"],
    ["session_replaced", "replaced"],
    ["internal", "refused"],
  ];
  it.each(refusals)("by the server's %s is told as %s", async (code, reason) => {
    const { call, joined, session } = begin();
    session.refuse(code);
    expect(await joined).toContain(reason);
    expect([call.state, call.endReason, session.closed]).toEqual(["ended", reason, true]);
  });

  it("by the group is told apart: removed, ended, burnt with its receipt and without its code", () => {
    for (const notice of ["removed", "ended"] as const) {
      const { call, session } = begin();
      session.admit();
      session.notices.emit(notice, {} as E2eeEvents[typeof notice]);
      expect(call.endReason).toBe(notice);
    }
    const { call, session } = begin();
    session.admit();
    session.notices.emit("code", { code: "123" } as E2eeEvents["code"]);
    session.notices.emit("burnt", { receipt: "r" } as E2eeEvents["burnt"]);
    expect([call.endReason, call.receipt, call.code, call.log]).toEqual(["burnt", "r", undefined, []]);
  });

  it("waits for the receipt when the server's word that the room is burnt comes first", async () => {
    const { call, session } = begin();
    session.admit();
    session.settle = async () => session.notices.emit("burnt", { receipt: "r" } as E2eeEvents["burnt"]);
    session.refuse("room_burnt");
    await vi.waitFor(() => expect(call.state).toBe("ended"));
    expect([call.endReason, call.receipt]).toEqual(["burnt", "r"]);
  });

  it("is final: whatever a session says after it changes nothing", async () => {
    const { call, states, session } = begin();
    session.admit();
    await call.leave();
    session.closed = false;
    session.stands("join");
    session.events.emit("lost", undefined);
    session.refuse("removed");
    expect(states.at(-1)).toBe("ended");
    expect(call.endReason).toBe("left");
  });
});

describe("what the group says", () => {
  it("of a new epoch goes to whoever shows the code", () => {
    const { call, session } = begin();
    const codes: (string | undefined)[] = [];
    call.on("code", (code) => codes.push(code));
    session.admit();
    session.notices.emit("epoch", { epoch: 2 } as E2eeEvents["epoch"]);
    session.notices.emit("code", { code: "123456" } as E2eeEvents["code"]);
    expect([call.epoch, call.code, codes]).toEqual([2, "123456", [undefined, "123456"]]);
  });

  it("of the hosts' decisions is the call's", () => {
    const { call, session } = begin();
    session.admit();
    const moderation: Moderation = { ...call.moderation, locked: true, recording: false };
    session.notices.emit("moderation", { moderation } as E2eeEvents["moderation"]);
    expect(call.moderation).toBe(moderation);
  });

  it("is asked for with a passcode's secret, not the link's", async () => {
    const call = new Call({
      server: new URL("http://localhost"),
      room: "ULkwk7-MKRztXfaCM0cD4g",
      secret: "8rdCNGv2dRRrsikAoZKqoU9yRehyVfWgfBjo0hkieFA",
      name: "Ada",
      passcode: "four words of it",
    });
    call.join().catch(() => undefined);
    expect(sessions).toEqual([]);
    await vi.waitFor(() => expect(sessions).toHaveLength(1), 10_000);
    expect(newest().start.secret).not.toBe("8rdCNGv2dRRrsikAoZKqoU9yRehyVfWgfBjo0hkieFA");
    newest().events.emit("wrong-passcode", undefined);
    expect(call.endReason).toBe("wrong-passcode");
  });
});
