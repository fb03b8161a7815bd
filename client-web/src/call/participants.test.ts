import { describe, expect, it } from "vitest";
import type { Member } from "../e2ee/messages.ts";
import type { Track } from "../wire/types.ts";
import { Roster, type SelfFacts } from "./participants.ts";

const self: SelfFacts = {
  clientId: "me",
  name: "Me",
  status: { microphone: true, camera: false },
  speaking: false,
  video: undefined,
  audio: undefined,
  share: undefined,
  unconfirmed: [],
  admitted: true,
};

function member(clientId: string, more: Partial<Member> = {}): Member {
  return {
    leaf: 1,
    client_id: clientId,
    display_name: clientId.toUpperCase(),
    long_term_key: null,
    remembered: false,
    is_self: false,
    role: "member",
    permitted: ["microphone", "camera", "screen_video", "screen_audio"],
    admission_ok: true,
    joined: "added",
    ...more,
  };
}

const camera: Track = { track_id: 7, client_id: "ann", source: "camera", codec: "vp9" };
const microphone: Track = { track_id: 8, client_id: "ann", source: "microphone", codec: "opus" };

function rosterWithAnn(...tracks: Track[]): Roster {
  const roster = new Roster(self);
  roster.setMembers([member("me", { is_self: true, leaf: 0 }), member("ann")]);
  roster.setTracks(tracks);
  return roster;
}

const crypto = (roster: Roster) => roster.participants().get("ann")?.crypto.state;

describe("who has not proven to be there", () => {
  it("is marked, and everybody else is not", () => {
    const roster = rosterWithAnn();
    roster.setSilent(new Set(["ann", "me", "nobody"]));
    const marked = [...roster.participants()].filter(([, person]) => person.unheard);
    expect(marked.map(([clientId]) => clientId)).toEqual(["ann"]);
    roster.setSilent(new Set());
    expect(roster.participants().get("ann")?.unheard).toBe(false);
  });
});

describe("whose picture the server says it does not send", () => {
  it("is marked as long as it is said, and no more secure for it", () => {
    const roster = rosterWithAnn(camera);
    const paused = () => roster.participants().get("ann")?.paused;
    expect(paused()).toBeUndefined();
    roster.setPaused(new Set([7, 99]), "downlink");
    expect(paused()).toBe("downlink");
    expect(crypto(roster)).toBe("waiting");
    roster.setPaused(new Set(), "downlink");
    expect(paused()).toBeUndefined();
    roster.setPaused(new Set([7]), "load");
    expect(paused()).toBe("load");
    roster.resetReceptions();
    expect(paused()).toBeUndefined();
  });
});

describe("whom the hosts silenced", () => {
  it("is shown muted and is not heard, whatever they say and send", () => {
    const roster = rosterWithAnn(camera, microphone);
    roster.setReceiverState(7, "secure", null);
    roster.setStream(microphone, {} as MediaStream);
    roster.setStream(camera, {} as MediaStream);
    roster.setMembers([member("me", { is_self: true, leaf: 0 }), member("ann", { permitted: [] })]);
    roster.setStatus("ann", { microphone: true, camera: true });
    roster.setSpeaking(new Set([8]));
    const ann = roster.participants().get("ann");
    expect(ann).toMatchObject({ microphone: { on: false }, camera: { on: false }, speaking: false });
    expect(ann?.audio).toBeUndefined();
    expect(ann?.video).toBeUndefined();
    expect(crypto(roster)).toBe("secure");
  });
});

describe("a participant whose system has taken a device", () => {
  it("is shown so while the device is on, and only then", () => {
    const roster = rosterWithAnn(camera, microphone);
    const ann = () => roster.participants().get("ann");
    roster.setStatus("ann", { microphone: false, camera: true, interrupted: ["camera", "microphone"] });
    const taken = ann();
    expect(taken).toMatchObject({ microphone: { on: false }, camera: { on: true, interrupted: true } });
    expect(taken?.microphone.interrupted).toBeUndefined();
    roster.setStatus("ann", { microphone: false, camera: true });
    expect(ann()).not.toBe(taken);
    expect(ann()?.camera).toEqual({ on: true });
  });
});

describe("a participant's encryption", () => {
  it("is secure for a member that sends nothing", () => {
    expect(crypto(rosterWithAnn())).toBe("secure");
  });

  it("waits until every track that should carry frames was opened", () => {
    const roster = rosterWithAnn(camera, microphone);
    expect(crypto(roster)).toBe("waiting");
    roster.setReceiverState(7, "secure", null);
    expect(crypto(roster)).toBe("waiting");
    roster.setReceiverState(8, "secure", null);
    expect(crypto(roster)).toBe("secure");
  });

  it("of a shared screen is the screen's own, and counts for the person while they share", () => {
    const screen: Track = { track_id: 9, client_id: "ann", source: "screen_video", codec: "vp9" };
    const roster = rosterWithAnn(microphone, screen);
    roster.setReceiverState(8, "secure", null);
    const shared = () => roster.participants().get("ann")?.share;
    expect([crypto(roster), shared()]).toEqual(["secure", undefined]);
    roster.setStatus("ann", { microphone: true, camera: false, screen: true });
    expect([crypto(roster), shared()?.crypto.state]).toEqual(["waiting", "waiting"]);
    roster.setReceiverState(9, "failed", "auth_fail");
    expect([crypto(roster), shared()?.crypto]).toEqual(["failed", { state: "failed", reason: "auth_fail" }]);
    const before = shared();
    roster.setStatus("ann", { microphone: false, camera: false, screen: true });
    expect(shared()).toBe(before);
    roster.setStatus("ann", { microphone: true, camera: false });
    expect([crypto(roster), shared()]).toEqual(["secure", undefined]);
  });

  it("shows no screen of somebody whose sharing a host has stopped", () => {
    const screen: Track = { track_id: 9, client_id: "ann", source: "screen_video", codec: "vp9" };
    const roster = rosterWithAnn(screen);
    roster.setStatus("ann", { microphone: true, camera: false, screen: true });
    expect(roster.participants().get("ann")?.share).toBeDefined();
    roster.setMembers([
      member("me", { is_self: true, leaf: 0 }),
      member("ann", { permitted: ["microphone", "camera"] }),
    ]);
    expect(roster.participants().get("ann")?.share).toBeUndefined();
  });

  it("shows no screen of somebody who says that they share one and publishes none", () => {
    const roster = rosterWithAnn(microphone);
    roster.setStatus("ann", { microphone: true, camera: false, screen: true });
    expect(roster.participants().get("ann")?.share).toBeUndefined();
  });

  it("does not wait for a camera that is off", () => {
    const roster = rosterWithAnn(camera, microphone);
    roster.setReceiverState(8, "secure", null);
    roster.setStatus("ann", { microphone: true, camera: false });
    expect(crypto(roster)).toBe("secure");
    expect(roster.participants().get("ann")?.camera.on).toBe(false);
  });

  it("does not wait for what was not asked for, but for what was", () => {
    const roster = rosterWithAnn(camera, microphone);
    roster.setUnwanted(new Set([7]));
    expect(crypto(roster)).toBe("waiting");
    roster.setUnwanted(new Set([7, 8]));
    expect(roster.participants().get("ann")?.crypto).toEqual({
      state: "secure",
      reason: "unseen",
    });
    roster.setReceiverState(8, "failed", "auth_fail");
    expect(crypto(roster)).toBe("failed");
    roster.setReceiverState(8, "secure", null);
    roster.setUnwanted(new Set());
    expect(crypto(roster)).toBe("waiting");
  });

  it("fails with the reason and heals by itself", () => {
    const roster = rosterWithAnn(microphone);
    roster.setReceiverState(8, "failed", "auth_fail");
    expect(roster.participants().get("ann")?.crypto).toEqual({
      state: "failed",
      reason: "auth_fail",
    });
    roster.setReceiverState(8, "secure", null);
    expect(crypto(roster)).toBe("secure");
  });

  it("waits for everybody while nobody confirmed the keys after a comeback", () => {
    const roster = rosterWithAnn();
    roster.setSecured(false);
    expect([...roster.participants().values()].map((person) => person.crypto.state)).toEqual(["waiting", "waiting"]);
    roster.setSecured(true);
    expect(crypto(roster)).toBe("secure");
  });

  it("fails for a leaf without proof of the link", () => {
    const roster = new Roster(self);
    roster.setMembers([member("ghost", { admission_ok: false })]);
    expect(roster.participants().get("ghost")?.crypto.state).toBe("failed");
  });

  it("starts again when the media connection is made anew", () => {
    const roster = rosterWithAnn(microphone);
    roster.setReceiverState(8, "secure", null);
    roster.resetReceptions();
    expect(crypto(roster)).toBe("waiting");
  });
});

describe("the people of a call", () => {
  it("are the leaves of the tree, never what the server says alone", () => {
    const roster = rosterWithAnn();
    roster.setPresence("stranger", "online");
    roster.setTracks([{ ...microphone, client_id: "stranger" }]);
    expect([...roster.participants().keys()]).toEqual(["me", "ann"]);
  });

  it("stay the same objects while nothing changes", () => {
    const roster = rosterWithAnn(microphone);
    const before = roster.participants();
    expect(roster.participants()).toBe(before);
    roster.setSpeaking(new Set([microphone.track_id]));
    const after = roster.participants();
    expect(after).not.toBe(before);
    expect(after.get("me")).toBe(before.get("me"));
    expect(after.get("ann")?.speaking).toBe(true);
  });

  it("speak when they are heard and not muted", () => {
    const roster = rosterWithAnn(microphone, camera);
    const speaks = () => roster.participants().get("ann")?.speaking;
    roster.setSpeaking(new Set([camera.track_id]));
    expect(speaks()).toBe(false);
    roster.setSpeaking(new Set([microphone.track_id]));
    expect(speaks()).toBe(true);
    roster.setStatus("ann", { microphone: false, camera: true });
    expect(speaks()).toBe(false);
  });

  it("names the newcomers", () => {
    const roster = rosterWithAnn();
    expect(roster.setMembers([member("me", { is_self: true }), member("ann"), member("bob")])).toEqual(["bob"]);
  });
});

describe("raised hands", () => {
  const up = (hand: number) => ({ microphone: true, camera: false, hand });
  const down = { microphone: true, camera: false };
  const places = (roster: Roster) => ["ann", "bob", "me"].map((id) => roster.participants().get(id)?.hand);
  const rosterOfThree = () => {
    const roster = rosterWithAnn();
    roster.setMembers([member("me", { is_self: true }), member("ann"), member("bob")]);
    return roster;
  };

  it("queue one behind the other, the own one too", () => {
    const roster = rosterOfThree();
    expect(roster.nextPlace()).toBe(1);
    roster.setStatus("bob", up(1));
    roster.setStatus("ann", up(2));
    roster.setSelf({ ...self, status: up(roster.nextPlace()) });
    expect(places(roster)).toEqual([2, 1, 3]);
    roster.setStatus("bob", down);
    expect(places(roster)).toEqual([2, undefined, 3]);
  });

  it("do not jump the queue: who was seen with the hand down comes last", () => {
    const roster = rosterOfThree();
    roster.setStatus("ann", up(5));
    roster.setStatus("bob", down);
    roster.setStatus("bob", up(1));
    expect(places(roster)).toEqual([5, 6, undefined]);
    roster.setStatus("bob", up(1));
    expect(places(roster)).toEqual([5, 6, undefined]);
  });

  it("go with their people", () => {
    const roster = rosterOfThree();
    roster.setStatus("ann", up(3));
    roster.setMembers([member("me", { is_self: true })]);
    expect(roster.nextPlace()).toBe(1);
  });
});
